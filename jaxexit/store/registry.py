"""The registry: every version, its status, its out-of-sample results, and all evaluations on test.

A result is recorded only with the hashes of the snapshot and the checkpoint that earned it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, Literal

from jaxexit.config import (
    Experiment,
)
from jaxexit.errors import RunError
from jaxexit.store import run_rows
from jaxexit.store.changes import changes_from_parent
from jaxexit.store.journal import Happened, now
from jaxexit.store.record_files import files_of_look, files_of_result, files_of_run, uncounted
from jaxexit.store.registry_file import find_row, has_proof, path_from
from jaxexit.store.registry_reading import RegistryReader
from jaxexit.store.run import RunFolder, Start
from jaxexit.store.tracking import recorded_seconds

Status = Literal["pending", "running", "completed", "failed"]


class Registry(RegistryReader):
    """`registry.json` under one root."""

    def locked(self) -> AbstractContextManager[None]:
        """Hold the registry for several changes at once: nobody else makes one in between."""
        return self._file.locked()

    def register(self, experiment: Experiment, yaml: Path) -> None:
        """Make sure that the version has a row; its status is not touched if it has one."""

        def add(content: dict[str, Any]) -> None:
            row = content["versions"].setdefault(experiment.version, {"status": "pending"})
            row.setdefault("created", now())
            row["path"] = path_from(self.root, yaml)
            row["parent"] = experiment.parent
            row["description"] = experiment.description
            row["changes"] = changes_from_parent(self.root, experiment, yaml)
            if content["active_version"] is None:
                content["active_version"] = experiment.version

        known = experiment.version in self.load()["versions"]
        what = "described" if known else "created"
        self._change(add, Happened(what, experiment.version))

    def _change(self, change: Callable[[dict[str, Any]], None], happened: Happened) -> None:
        self._file.change(change, happened, partial(uncounted, self.root))

    def _change_row(self, change: Callable[[dict[str, Any]], None], happened: Happened) -> None:
        assert happened.version is not None
        unknown = partial(uncounted, self.root)
        self._file.change_row(happened.version, change, happened, unknown)

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
        if aside is not None:
            self._moved_aside(experiment.version, aside)
        self.started(experiment, resumed=start == "resume")
        if start == "resume":
            folder.resume(provenance)
        else:
            folder.begin(experiment, provenance)
        return aside

    def started(self, experiment: Experiment, *, resumed: bool) -> None:
        """The version is being trained by this process."""
        what = "resumed" if resumed else "begun"
        self._change_row(
            lambda row: run_rows.begin(row, experiment, resumed=resumed),
            Happened(what, experiment.version),
        )

    def _moved_aside(self, version: str, aside: Path) -> None:
        """A run is no longer the version's: from now on it is in the folder `aside`."""
        self._change(
            lambda content: None, Happened("removed", version, facts={"aside": aside.name})
        )

    def stopped(self, version: str, *, wall_seconds: float) -> None:
        """A session has ended before the training has; without its process it shows as interrupted."""
        recorded = recorded_seconds(RunFolder(self.root, version).metrics)
        self._change_row(
            lambda row: run_rows.spend(row, wall_seconds, recorded), Happened("stopped", version)
        )

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

        done = status == "completed"
        files = files_of_run(self.root, version) if done else {}
        self._change_row(change, Happened("trained" if done else "failed", version, files))

    def adopted(
        self,
        experiment: Experiment,
        yaml: Path,
        row: dict[str, Any],
        deployed: dict[str, Any],
        aside: Path | None = None,
    ) -> None:
        """A run that was trained under another registry has been moved here.

        Args:
            experiment: what was trained.
            yaml: its file here.
            row: what the other registry says of it. Its test evaluations count here too, once.
            deployed: where it was trained, how long, at what cost.
            aside: where a run of it that was here before is now.

        Raises:
            RunError: a result in the row has no proof.
        """
        if not all(map(has_proof, row.get("results", {}).values())):
            raise RunError(
                f"{experiment.version}: a result of the run has no hash of its snapshot or checkpoint"
            )
        self.register(experiment, yaml)
        if aside is not None:
            self._moved_aside(experiment.version, aside)

        def change(registered: dict[str, Any]) -> None:
            run_rows.adopt(registered, row)
            registered["deployed"] = deployed

        files = files_of_run(self.root, experiment.version)
        for split in row.get("results", {}):
            files |= files_of_result(self.root, experiment.version, split)
        self._change_row(change, Happened("adopted", experiment.version, files))

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
            row.setdefault("test_evaluations", []).append({**evaluation, "evaluated": now()})

        files = files_of_look(self.root, version, evaluation)
        self._change_row(change, Happened("looked", version, files))

    def record_unregistered_evaluation(self, version: str, evaluation: dict[str, Any]) -> None:
        """The same of a run that is kept in no registry (`store.scratch`)."""
        entry = {"version": version, **evaluation, "evaluated": now()}
        self._change(
            lambda content: content.setdefault("unregistered_looks", []).append(entry),
            Happened("looked", version),
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
                sweeps.append({**entry, "started": now()})

        self._change(change, Happened("swept", version))

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
            "evaluated": now(),
        }
        if not has_proof(proof):
            raise RunError(
                f"{version}: a result needs the hashes of its snapshot and its checkpoint"
            )

        def change(row: dict[str, Any]) -> None:
            row.setdefault("results", {})[split] = {**result, **proof}

        files = files_of_result(self.root, version, split)
        self._change_row(change, Happened("result", version, files))

    def record_audit(
        self, version: str, split: str, checkpoint_sha256: str, verification: dict[str, Any]
    ) -> None:
        """What an audit changed in what is verified of a result, if it is still that checkpoint's."""

        def change(row: dict[str, Any]) -> None:
            result = row.get("results", {}).get(split)
            if result is not None and result["checkpoint_sha256"] == checkpoint_sha256:
                result |= verification

        files = files_of_result(self.root, version, split, audit=True)
        self._change_row(change, Happened("audited", version, files))

    def set_active(self, version: str) -> None:
        """Make a registered version the active one.

        Raises:
            RunError: it is not registered.
        """

        def change(content: dict[str, Any]) -> None:
            find_row(content, version, self.path)
            content["active_version"] = version

        change(self.load())  # before anything is written
        self._change(change, Happened("active", version))
