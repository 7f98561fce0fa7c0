"""The registry: every version, its status, its out-of-sample results, and how often anybody looked.

A result is recorded only with the hashes of the snapshot and the checkpoint that earned it.
"""

from __future__ import annotations

import difflib
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

from jaxexit.config import (
    Experiment,
    changes,
    load_experiment,
    parent_file,
    resolved,
)
from jaxexit.errors import RunError
from jaxexit.lab import run_rows
from jaxexit.lab.drift import as_trained
from jaxexit.lab.registry_file import RegistryFile, has_proof, path_from
from jaxexit.lab.run import RunFolder
from jaxexit.lab.tracking import read_metrics

Status = Literal["pending", "running", "completed", "failed"]


class Registry:
    """`registry.json` under one root."""

    def __init__(self, root: Path) -> None:
        """Args: the folder that holds `registry.json`."""
        self.root = root
        self.path = root / "registry.json"
        self._file = RegistryFile(self.path)

    def load(self) -> dict[str, Any]:
        """The registry as it stands; an empty one where there is no file.

        Raises:
            RunError: the file is not a registry of this schema.
        """
        return self._file.load()

    def versions(self) -> dict[str, dict[str, Any]]:
        """Every version, a running one without a living process shown as `interrupted`."""
        found = self.load()["versions"]
        return {
            name: {**row, "status": self._shown_status(name, row)} for name, row in found.items()
        }

    def version(self, name: str) -> dict[str, Any]:
        """One version's row, as in `versions`.

        Raises:
            RunError: it is not registered.
        """
        return self._row({"versions": self.versions()}, name)

    def active(self) -> str | None:
        """The active version's name, None where nothing is registered."""
        return self.load()["active_version"]

    def trials(self) -> int:
        """What significance must pay for: looks at a test split, over all versions, and trials of sweeps."""
        sweeps = self.load().get("sweeps", ())
        return len(self.looks()) + sum(sweep["trials"] for sweep in sweeps)

    def looks(self) -> list[dict[str, Any]]:
        """Every look at a test split: of all versions, and of runs that are kept in no registry."""
        content = self.load()
        rows = content["versions"].values()
        looks = [look for row in rows for look in row.get("test_evaluations", ())]
        return looks + content.get("unregistered_looks", [])

    def trial_sharpes(self, *, but: str) -> list[float]:
        """Annualised Sharpe ratios on test, of every other version that has one."""
        rows = self.load()["versions"].items()
        results = (row.get("results", {}).get("test", {}) for name, row in rows if name != but)
        found = (result.get("sharpe_annual") for result in results)
        return [sharpe for sharpe in found if sharpe is not None]

    def file(self, version: str) -> Path | None:
        """Where the file of a registered version is; None if it is not registered, or has gone."""
        path = self.load()["versions"].get(version, {}).get("path")
        file = self.root / path if path else None
        return file if file is not None and file.is_file() else None

    def content(self, yaml: Path) -> dict[str, Any]:
        """The resolved content of a version's file; of a trained one what the file said by then.

        Raises:
            UserError: the file, or the version's snapshot, cannot be read.
        """
        folder = RunFolder(self.root, yaml.stem)
        if folder.snapshot.is_file():
            return as_trained(folder.frozen(), yaml)
        return resolved(load_experiment(yaml))

    def locked(self) -> AbstractContextManager[None]:
        """Hold the registry for several changes at once: nobody else makes one in between."""
        return self._file.locked()

    def register(self, experiment: Experiment, yaml: Path) -> None:
        """Make sure that the version has a row; its status is not touched if it has one."""

        def add(content: dict[str, Any]) -> None:
            row = content["versions"].setdefault(experiment.version, {"status": "pending"})
            row.setdefault("created", _now())
            row["path"] = path_from(self.root, yaml)
            row["parent"] = experiment.parent
            row["description"] = experiment.description
            row["changes"] = self._changes(experiment, yaml)
            if content["active_version"] is None:
                content["active_version"] = experiment.version

        self._file.change(add)

    def started(self, experiment: Experiment, *, resumed: bool) -> None:
        """The version is being trained by this process; its folder has begun.

        What the row says of a run that is set aside goes with it, and comes back with it (`recover`).
        """
        folder = RunFolder(self.root, experiment.version)
        aside = None if resumed or not folder.is_unsettled() else {"began": folder.replaced_began()}
        self._change_row(
            experiment.version,
            lambda row: run_rows.begin(row, experiment, resumed=resumed, aside=aside),
        )

    def stopped(self, version: str, *, wall_seconds: float) -> None:
        """A session has ended before the training has; without its process it shows as interrupted."""

        def change(row: dict[str, Any]) -> None:
            row.pop("replaced", None)
            run_rows.spend(row, wall_seconds, self._recorded_seconds(version))

        self._change_row(version, change)

    def finished(
        self, version: str, status: Status, *, trained_steps: int | None, wall_seconds: float
    ) -> None:
        """The training has ended, well or badly.

        Args:
            version: its name.
            status: with "completed" a run that this one replaces is forgotten.
            trained_steps: None leaves them as they were.
            wall_seconds: of this session; those of the sessions before are added.
        """

        def change(row: dict[str, Any]) -> None:
            run_rows.spend(row, wall_seconds, self._recorded_seconds(version))
            run_rows.end(row, status, trained_steps=trained_steps)

        self._change_row(version, change)

    def adopted(
        self, experiment: Experiment, yaml: Path, row: dict[str, Any], deployed: dict[str, Any]
    ) -> None:
        """A run that was trained under another registry has been moved here.

        Args:
            experiment: what was trained.
            yaml: its file here.
            row: what the other registry says of it. Its looks at the test split count here too, once.
            deployed: where it was trained, how long, at what cost.

        Raises:
            RunError: a result in the row has no proof.
        """
        if not all(map(has_proof, row.get("results", {}).values())):
            raise RunError(
                f"{experiment.version}: a result came without its hashes; it is not taken"
            )
        self.register(experiment, yaml)

        def change(own: dict[str, Any]) -> None:
            run_rows.adopt(own, row)
            own["deployed"] = deployed

        self._change_row(experiment.version, change)

    def found_complete(self, experiment: Experiment, yaml: Path, *, trained_steps: int) -> None:
        """A training has come to its end: say so where a kill was faster; nothing if it is said."""
        row = self.load()["versions"].get(experiment.version, {})
        if row.get("status") != "completed":
            self.register(experiment, yaml)
            name, steps = experiment.version, trained_steps
            self.finished(name, "completed", trained_steps=steps, wall_seconds=0.0)

    def recover(self, folder: RunFolder) -> str | None:
        """Put back a run that was to be replaced, if its successor died before its first checkpoint.

        With it comes what the row said of it. Nothing is done while a living process holds the version.

        Returns:
            What happened, None where there was nothing to do.
        """
        row = self.load()["versions"].get(folder.version, {})
        if not (folder.is_unsettled() or "replaced" in row) or folder.is_held():
            return None

        with folder.locked():
            back = folder.recover()
            if "replaced" in self.load()["versions"].get(folder.version, {}):
                began = folder.began()
                self._change_row(folder.version, lambda row: run_rows.put_back(row, began))
        if not back:
            return None
        return (
            f"{folder.version}: the run that --overwrite was to replace is back, since the new one ended "
            "before its first checkpoint"
        )

    def count_look(self, version: str, look: dict[str, Any]) -> None:
        """A look at the test split: it counts as a trial, whatever comes of it. Before anything is seen."""

        def change(row: dict[str, Any]) -> None:
            row.setdefault("test_evaluations", []).append({**look, "evaluated": _now()})

        self._change_row(version, change)

    def count_unregistered_look(self, version: str, look: dict[str, Any]) -> None:
        """The same of a run that is kept in no registry (`lab.scratch`)."""
        entry = {"version": version, **look, "evaluated": _now()}
        self._file.change(
            lambda content: content.setdefault("unregistered_looks", []).append(entry)
        )

    def count_sweep(self, name: str, version: str, trials: int, sha256: str) -> None:
        """A sweep over variants of a version counts as the trials that it is. Before anything is trained.

        Args:
            name: of the sweep.
            version: whose numbers are varied.
            trials: how many settings.
            sha256: of its plan. The same plan again is the same trials, and counts once.
        """
        entry = {"name": name, "version": version, "trials": trials, "plan_sha256": sha256}

        def change(content: dict[str, Any]) -> None:
            sweeps = content.setdefault("sweeps", [])
            if all(sweep["plan_sha256"] != sha256 for sweep in sweeps):
                sweeps.append({**entry, "started": _now()})

        self._file.change(change)

    def record_result(
        self,
        version: str,
        split: str,
        result: dict[str, Any],
        *,
        snapshot_sha256: str,
        checkpoint_sha256: str,
        step: int,
    ) -> None:
        """Keep what a checkpoint of this version earned on a split.

        Raises:
            RunError: a hash is missing. A number without its proof is no result.
        """
        proof = {
            "snapshot_sha256": snapshot_sha256,
            "checkpoint_sha256": checkpoint_sha256,
            "step": step,
            "evaluated": _now(),
        }
        if not has_proof(proof):
            raise RunError(
                f"{version}: a result needs the hashes of its snapshot and its checkpoint"
            )

        def change(row: dict[str, Any]) -> None:
            row.setdefault("results", {})[split] = {**result, **proof}

        self._change_row(version, change)

    def record_audit(
        self, version: str, split: str, checkpoint_sha256: str, verification: dict[str, Any]
    ) -> None:
        """What an audit changed in what is verified of a result, if it is still that checkpoint's."""

        def change(row: dict[str, Any]) -> None:
            result = row.get("results", {}).get(split)
            if result is not None and result["checkpoint_sha256"] == checkpoint_sha256:
                result |= verification

        self._change_row(version, change)

    def set_active(self, version: str) -> None:
        """Make a registered version the active one.

        Raises:
            RunError: it is not registered.
        """

        def change(content: dict[str, Any]) -> None:
            self._row(content, version)
            content["active_version"] = version

        change(self.load())  # before anything is written
        self._file.change(change)

    def _recorded_seconds(self, version: str) -> float:
        """Of all updates on record: what sessions that were killed have spent at least."""
        lines = read_metrics(RunFolder(self.root, version).metrics)
        return sum(line.get("seconds", 0.0) for line in lines)

    def _shown_status(self, name: str, row: dict[str, Any]) -> str:
        """The status, `interrupted` where it says `running` and the process is gone."""
        here = row.get("process", {}).get("host") == socket.gethostname()
        if row["status"] == "running" and here and not RunFolder(self.root, name).is_held():
            return "interrupted"
        return row["status"]

    def _changes(self, experiment: Experiment, yaml: Path) -> dict[str, Any]:
        """What differs from the parent in the resolved files: {key: [parent's value, own value]}."""
        parent = parent_file(yaml)
        return {} if parent is None else changes(self.content(parent), resolved(experiment))

    def _row(self, content: dict[str, Any], version: str) -> dict[str, Any]:
        rows = content["versions"]
        if version not in rows:
            known = ", ".join(rows) or "none"
            near = difflib.get_close_matches(version, rows, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise RunError(f"{self.path}: no version '{version}'; registered are: {known}{hint}")
        return rows[version]

    def _change_row(self, version: str, change: Callable[[dict[str, Any]], None]) -> None:
        self._file.change(lambda content: change(self._row(content, version)))


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
