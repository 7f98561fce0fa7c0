"""The registry: every version, its status, its out-of-sample results, and all evaluations on test.

A result is recorded only with the hashes of the snapshot and the checkpoint that earned it.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

from jaxexit.config import (
    Experiment,
)
from jaxexit.errors import RunError
from jaxexit.store import run_rows
from jaxexit.store.archived import shown_status
from jaxexit.store.changes import changes_from_parent
from jaxexit.store.registry_file import RegistryFile, find_row, has_proof, path_from
from jaxexit.store.run import RunFolder, Start
from jaxexit.store.tracking import recorded_seconds

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
        """Every version, with its status as `shown_status` says."""
        rows = self.load()["versions"]
        return {
            name: {**row, "status": shown_status(RunFolder(self.root, name), row)}
            for name, row in rows.items()
        }

    def version(self, name: str) -> dict[str, Any]:
        """One version's row, as in `versions`.

        Raises:
            RunError: it is not registered.
        """
        return find_row({"versions": self.versions()}, name, self.path)

    def active(self) -> str | None:
        """The active version's name, None where nothing is registered."""
        return self.load()["active_version"]

    def trials(self) -> int:
        """Trials for the deflated Sharpe ratio: test evaluations of all versions, and settings of sweeps.

        An exit of the catalogue that an evaluation played beside it is a trial too.
        """
        sweeps, evaluations = self.load().get("sweeps", ()), self.test_evaluations()
        rules = sum(len(one.get("baselines", ())) for one in evaluations)
        return len(evaluations) + rules + sum(sweep["trials"] for sweep in sweeps)

    def test_evaluations(self) -> list[dict[str, Any]]:
        """Every evaluation on a test split: of all versions, and of runs that are kept in no registry."""
        content = self.load()
        rows = content["versions"].values()
        evaluations = [one for row in rows for one in row.get("test_evaluations", ())]
        return evaluations + content.get("unregistered_looks", [])

    def trial_sharpes(self, *, but: str) -> list[float]:
        """Annualised Sharpe ratios on test, of every other version that has one."""
        rows = self.load()["versions"].items()
        results = (row.get("results", {}).get("test", {}) for name, row in rows if name != but)
        sharpes = (result.get("sharpe_annual") for result in results)
        return [sharpe for sharpe in sharpes if sharpe is not None]

    def file(self, version: str) -> Path | None:
        """Where the file of a registered version is; None if it is not registered, or no longer there."""
        path = self.load()["versions"].get(version, {}).get("path")
        file = self.root / path if path else None
        return file if file is not None and file.is_file() else None

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
            row["changes"] = changes_from_parent(self.root, experiment, yaml)
            if content["active_version"] is None:
                content["active_version"] = experiment.version

        self._file.change(add)

    def begin(
        self,
        folder: RunFolder,
        experiment: Experiment,
        start: Start,
        provenance: dict[str, Any],
    ) -> Path | None:
        """The version, which is registered and held, begins or resumes to be trained by this process.

        With `overwrite` the earlier run is moved aside first. A kill in between leaves the earlier run whole
        and says that it is archived (`versions`), or an interrupted run that has not begun; evaluations
        on the test split are the version's and stay counted.

        Returns:
            Where the earlier run is kept; None where there was none.

        Raises:
            RunError: something cannot be moved or written.
        """
        aside = folder.set_aside() if start == "overwrite" else None
        self.started(experiment, resumed=start == "resume")
        if start == "resume":
            folder.resume(provenance)
        else:
            folder.begin(experiment, provenance)
        return aside

    def started(self, experiment: Experiment, *, resumed: bool) -> None:
        """The version is being trained by this process."""
        self._file.change_row(
            experiment.version, lambda row: run_rows.begin(row, experiment, resumed=resumed)
        )

    def stopped(self, version: str, *, wall_seconds: float) -> None:
        """A session has ended before the training has; without its process it shows as interrupted."""
        recorded = recorded_seconds(RunFolder(self.root, version).metrics)
        self._file.change_row(version, lambda row: run_rows.spend(row, wall_seconds, recorded))

    def finished(
        self, version: str, status: Status, *, trained_steps: int | None, wall_seconds: float
    ) -> None:
        """The training has ended, well or badly.

        Args:
            version: its name.
            status: how.
            trained_steps: None leaves them as they were.
            wall_seconds: of this session; those of the sessions before are added.
        """

        def change(row: dict[str, Any]) -> None:
            run_rows.spend(
                row, wall_seconds, recorded_seconds(RunFolder(self.root, version).metrics)
            )
            run_rows.end(row, status, trained_steps=trained_steps)

        self._file.change_row(version, change)

    def adopted(
        self, experiment: Experiment, yaml: Path, row: dict[str, Any], deployed: dict[str, Any]
    ) -> None:
        """A run that was trained under another registry has been moved here.

        Args:
            experiment: what was trained.
            yaml: its file here.
            row: what the other registry says of it. Its test evaluations count here too, once.
            deployed: where it was trained, how long, at what cost.

        Raises:
            RunError: a result in the row has no proof.
        """
        if not all(map(has_proof, row.get("results", {}).values())):
            raise RunError(
                f"{experiment.version}: a result of the run has no hash of its snapshot or checkpoint"
            )
        self.register(experiment, yaml)

        def change(registered: dict[str, Any]) -> None:
            run_rows.adopt(registered, row)
            registered["deployed"] = deployed

        self._file.change_row(experiment.version, change)

    def found_complete(self, experiment: Experiment, yaml: Path, *, trained_steps: int) -> None:
        """The training is complete: record that where a kill came before `finished` did."""
        row = self.load()["versions"].get(experiment.version, {})
        if row.get("status") != "completed":
            self.register(experiment, yaml)
            name, steps = experiment.version, trained_steps
            self.finished(name, "completed", trained_steps=steps, wall_seconds=0.0)

    def record_test_evaluation(self, version: str, evaluation: dict[str, Any]) -> None:
        """Count an evaluation on the test split as a trial, before anything of it is seen."""

        def change(row: dict[str, Any]) -> None:
            row.setdefault("test_evaluations", []).append({**evaluation, "evaluated": _now()})

        self._file.change_row(version, change)

    def record_unregistered_evaluation(self, version: str, evaluation: dict[str, Any]) -> None:
        """The same of a run that is kept in no registry (`store.scratch`)."""
        entry = {"version": version, **evaluation, "evaluated": _now()}
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

        self._file.change_row(version, change)

    def record_audit(
        self, version: str, split: str, checkpoint_sha256: str, verification: dict[str, Any]
    ) -> None:
        """What an audit changed in what is verified of a result, if it is still that checkpoint's."""

        def change(row: dict[str, Any]) -> None:
            result = row.get("results", {}).get(split)
            if result is not None and result["checkpoint_sha256"] == checkpoint_sha256:
                result |= verification

        self._file.change_row(version, change)

    def set_active(self, version: str) -> None:
        """Make a registered version the active one.

        Raises:
            RunError: it is not registered.
        """

        def change(content: dict[str, Any]) -> None:
            find_row(content, version, self.path)
            content["active_version"] = version

        change(self.load())  # before anything is written
        self._file.change(change)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
