"""A version's run folder: frozen snapshot, provenance, metrics, checkpoints, results.

<root>/<version>/experiment.yaml    the resolved, frozen snapshot with its hash
<root>/<version>/provenance.json    code, packages, device, data, command, seed
<root>/<version>/metrics.jsonl      one line per update
<root>/<version>/models/            checkpoints
<root>/<version>/results/<split>/   trades.parquet, daily.parquet, summary.json, guard_stats.parquet
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jaxexit.config import (
    Experiment,
    differences,
    dump_snapshot,
    experiment_sha256,
    load_experiment,
    load_snapshot,
    resolved,
)
from jaxexit.errors import RunError, UserError
from jaxexit.store.documents import Provenance, read_document, write_document
from jaxexit.store.drift import drift_message
from jaxexit.store.files import write_text
from jaxexit.store.folders import archived_folders, archived_version, is_locked, locked, set_aside
from jaxexit.store.provenance import session

if TYPE_CHECKING:
    from jaxexit.store.checkpoints import CheckpointStore

WALK_FORWARD = "walk_forward"  # the folder of a walk-forward, and the name of its results
Start = Literal["new", "resume", "overwrite"]


class RunFolder:
    """Where one run of a version keeps everything: the version's own, or one that was moved aside.

    Attributes:
        name: of the folder: the version's, or `v2_exit_guards.1` of an archived run.
        version: whose run it is.
    """

    def __init__(self, root: Path, name: str) -> None:
        """Args: the folder of run folders and registry; the name of the run's folder."""
        self.name = name
        self.version = archived_version(name) or name
        self.path = root / name
        self.snapshot = self.path / "experiment.yaml"
        self.metrics = self.path / "metrics.jsonl"
        self.models = self.path / "models"

    @property
    def is_archived(self) -> bool:
        """Whether the run was moved aside by `--overwrite`: it is read, and not the version's result."""
        return self.name != self.version

    def results(self, split: str) -> Path:
        """The folder of a split's results."""
        return self.path / "results" / split

    def locked(self) -> AbstractContextManager[None]:
        """Hold the run for this process; RunError where another one does."""
        return locked(self.path)

    def is_locked(self) -> bool:
        """Whether a living process of this machine holds the run."""
        return is_locked(self.path)

    def archived(self) -> list[Path]:
        """The folders of earlier runs that `--overwrite` moved aside, by number."""
        return archived_folders(self.path)

    def check_start(self, experiment: Experiment, start: Start) -> None:
        """Whether a training may begin this way; writes nothing.

        Raises:
            RunError: the version exists (and neither --resume nor --overwrite was given), there is
                nothing to resume, the experiment drifted from the frozen snapshot, or another process
                was faster.
        """
        exists = self.snapshot.is_file()
        if exists and start == "new":
            self.check_drift(experiment)  # drift is reported before anything else
        # Checkpoints without a snapshot: somebody removed the file.
        if start == "new" and (exists or any(self.models.glob("step_*"))):
            raise RunError(
                f"{self.version} was already trained or begun in {self.path}; continue with --resume, or "
                "start over with --overwrite"
            )
        if start == "resume":
            if not exists:
                raise RunError(f"{self.path}: nothing to resume; train without --resume first")
            self.check_drift(experiment)
            if not self.checkpoints(experiment).steps():
                raise RunError(
                    f"{self.models}: no checkpoint to resume from; start over with --overwrite"
                )

    def set_aside(self) -> Path | None:
        """Move the whole run aside, with whatever else is in its folder; see `folders.set_aside`."""
        return set_aside(self.path)

    def begin(self, experiment: Experiment, provenance: dict[str, Any]) -> None:
        """Freeze the experiment of a new run.

        Raises:
            RunError: something cannot be written.
        """
        # The snapshot last: where there is one, everything that belongs to it is there too.
        write_document(self.path / "provenance.json", provenance, Provenance)
        write_text(self.snapshot, dump_snapshot(experiment))

    def resume(self, provenance: dict[str, Any]) -> None:
        """Keep the snapshot, and record in the provenance where and how the run was resumed.

        Raises:
            RunError: it cannot be written.
        """
        recorded = self.provenance()
        sessions = [*recorded.get("resumed", ()), session(provenance)]
        whole = {**recorded, "resumed": sessions}
        write_document(self.path / "provenance.json", whole, Provenance)

    def provenance(self) -> dict[str, Any]:
        """Its provenance as it is written, empty where there is none."""
        return read_document(self.path / "provenance.json", Provenance) or {}

    def began(self) -> str | None:
        """When the run began (UTC): tells it from another run of the same version."""
        return self.provenance().get("started")

    def frozen(self) -> Experiment:
        """The experiment that this version was trained with.

        Raises:
            RunError: it was never trained here.
        """
        if not self.snapshot.is_file():
            earlier = self.archived()
            known = f" (an earlier one is kept in {earlier[-1]})" if earlier else ""
            raise RunError(
                f"{self.path}: no run of {self.version} here{known}; train it first, or give its --root"
            )
        experiment = load_snapshot(self.snapshot)
        if experiment.version != self.version:
            raise RunError(
                f"{self.snapshot}: is the snapshot of {experiment.version}, not of {self.version}; put "
                "the folder back under its own name"
            )
        return experiment

    def check_drift(self, experiment: Experiment) -> None:
        """Refuse an experiment that differs from the frozen one.

        Raises:
            RunError: one line naming what drifted, and the command that makes it a new version.
        """
        drift = differences(resolved(self.frozen()), resolved(experiment))
        if drift:
            raise RunError(drift_message(self.version, drift, self.path.parent))

    def drift_note(self, yaml: Path) -> str | None:
        """What `check_drift` would say of the version's file, for commands that need only the snapshot.

        Returns:
            None where nothing drifted, nothing is frozen, or there is no file.
        """
        try:
            self.trained_experiment(yaml) if self.snapshot.is_file() else None
        except UserError as error:
            return str(error)
        return None

    def trained_experiment(self, yaml: Path) -> Experiment:
        """The frozen experiment, after checking that the file on disk still says the same."""
        frozen = self.frozen()
        if yaml.is_file():
            self.check_drift(load_experiment(yaml, frozen.overrides))
        return frozen

    def check_data(self, fingerprint: dict[str, Any]) -> None:
        """Refuse data that are not those the version was trained on.

        Raises:
            RunError: bars or trades differ from the recorded fingerprint.
        """
        recorded = self.provenance().get("data")
        if recorded is None:
            raise RunError(
                f"{self.path / 'provenance.json'}: does not say which data the version was trained on; "
                "restore it, or start over with --overwrite"
            )
        if recorded != fingerprint:
            names = {**recorded, **fingerprint}
            changed = [name for name in names if recorded.get(name) != fingerprint.get(name)]
            raise RunError(
                f"{self.version}: the {' and '.join(changed)} are not those it was trained on (their "
                f"fingerprint in {self.path / 'provenance.json'} differs); restore the files, or make it "
                "a new version"
            )

    def checkpoints(self, experiment: Experiment) -> CheckpointStore:
        """The store of this run's checkpoints."""
        # Here, so that what needs no checkpoint (the registry's list) need not wait for JAX.
        from jaxexit.store.checkpoints import CheckpointStore

        return CheckpointStore(self.models, experiment_sha256(experiment))
