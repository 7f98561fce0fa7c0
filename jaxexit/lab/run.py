"""A version's run folder: frozen snapshot, provenance, metrics, checkpoints, results.

<root>/<version>/experiment.yaml    the resolved, frozen snapshot with its hash
<root>/<version>/provenance.json    code, packages, device, data, command, seed
<root>/<version>/metrics.jsonl      one line an update
<root>/<version>/models/            checkpoints
<root>/<version>/results/<split>/   trades.parquet, daily.parquet, summary.json, guard_stats.parquet
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock, Timeout

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
from jaxexit.lab.drift import told
from jaxexit.lab.files import write_json, write_text
from jaxexit.lab.provenance import session
from jaxexit.lab.replacement import discard, is_unsettled, put_back, set_aside

if TYPE_CHECKING:
    from jaxexit.lab.checkpoints import CheckpointStore

Start = Literal["new", "resume", "overwrite"]
LOCK_SECONDS = 0.5  # longer than anybody needs to look whether it is held


class RunFolder:
    """Where one version keeps everything."""

    def __init__(self, root: Path, version: str) -> None:
        """Args: the folder of run folders and registry; the version's name."""
        self.version = version
        self.path = root / version
        self.snapshot = self.path / "experiment.yaml"
        self.metrics = self.path / "metrics.jsonl"
        self.models = self.path / "models"

    def results(self, split: str) -> Path:
        """The folder of a split's results."""
        return self.path / "results" / split

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the version for this process.

        Raises:
            RunError: another process holds it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"{self.path}: cannot be written: {error.strerror}; choose another --root"
            ) from None
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=LOCK_SECONDS)
        except Timeout:
            raise RunError(
                f"{self.version} is being trained by another process; wait for it, or stop it"
            ) from None
        except OSError as error:
            raise RunError(
                f"{self.path}: cannot be written: {error.strerror}; choose another --root"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def is_held(self) -> bool:
        """Whether a living process of this machine holds the version.

        A lock ends with its process, however that ends; a process number may be another's by now.
        """
        if not (self.path / ".lock").exists():
            return False
        try:
            with FileLock(self.path / ".lock", timeout=0):
                return False
        except (Timeout, OSError):  # held; or not ours to try, so nobody can tell
            return True

    def check_start(self, experiment: Experiment, start: Start) -> None:
        """Whether a training may begin this way; writes nothing.

        Raises:
            RunError: the version exists (and neither --resume nor --overwrite was given), there is
                nothing to resume, the experiment drifted from the frozen snapshot, or another process
                was faster.
        """
        if (
            self.is_unsettled()
        ):  # and `Registry.recover` has looked: so it is another process's doing
            raise RunError(
                f"{self.version}: another process is starting over with it, or has just ended; wait for "
                "it, or run the command again"
            )
        exists = self.snapshot.is_file()
        if exists and start == "new":
            self.check_drift(experiment)  # what is no longer the same is not gone on with
        # Checkpoints without a snapshot: a kill in the middle of starting over, or a file removed by hand.
        if start == "new" and (exists or any(self.models.glob("step_*"))):
            raise RunError(
                f"{self.version} was already trained or begun in {self.path}; go on with --resume, or "
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

    def begin(self, experiment: Experiment, start: Start, provenance: dict[str, Any]) -> None:
        """Freeze the experiment; with `overwrite` after setting aside what an earlier run wrote.

        The earlier run is given up when the new one is `safe`. A resumed run keeps its snapshot; its
        provenance says on what it went on.

        Raises:
            RunError: something cannot be written or removed.
        """
        where = self.path / "provenance.json"
        if start == "resume":
            recorded = read_json(where) or {}
            sessions = [*recorded.get("resumed", ()), session(provenance)]
            write_json(where, {**recorded, "resumed": sessions})
            return
        if start == "overwrite":
            set_aside(self.path)
        # The snapshot last: where there is one, everything that belongs to it is there too.
        write_json(where, provenance)
        write_text(self.snapshot, dump_snapshot(experiment))

    def safe(self) -> None:
        """The run has a checkpoint: one that it replaces may go."""
        discard(self.path)

    def is_unsettled(self) -> bool:
        """Whether a run that was to be replaced is still there."""
        return is_unsettled(self.path)

    def recover(self) -> bool:
        """Put back a run that was to be replaced, if its successor died before its first checkpoint.

        Only for whoever holds the version; `Registry.recover` does it with the version's row.

        Returns:
            Whether one was put back.
        """
        return put_back(self.path)

    def began(self) -> str | None:
        """When the run began (UTC): tells it from another one of the same version."""
        return _began(self.path)

    def replaced_began(self) -> str | None:
        """The same of the run that is set aside."""
        return _began(self.path / ".replaced")

    def frozen(self) -> Experiment:
        """The experiment that this version was trained with.

        Raises:
            RunError: it was never trained here.
        """
        if not self.snapshot.is_file():
            raise RunError(
                f"{self.path}: no run of {self.version} here; train it first, or give its --root"
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
            raise RunError(told(self.version, drift, self.path.parent))

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
        recorded = (read_json(self.path / "provenance.json") or {}).get("data")
        if recorded is None:
            raise RunError(
                f"{self.path / 'provenance.json'}: does not say which data the version was trained on; "
                "restore it, or start over with --overwrite"
            )
        if recorded != fingerprint:
            names = {**recorded, **fingerprint}
            odd = [name for name in names if recorded.get(name) != fingerprint.get(name)]
            raise RunError(
                f"{self.version}: the {' and '.join(odd)} are not those it was trained on (their "
                f"fingerprint in {self.path / 'provenance.json'} differs); restore the files, or make it "
                "a new version"
            )

    def checkpoints(self, experiment: Experiment) -> CheckpointStore:
        """The store of this run's checkpoints."""
        # Here, so that what needs no checkpoint (the registry's list) need not wait for JAX.
        from jaxexit.lab.checkpoints import CheckpointStore

        return CheckpointStore(self.models, experiment_sha256(experiment))


def _began(run: Path) -> str | None:
    return (read_json(run / "provenance.json") or {}).get("started")


def read_json(path: Path) -> Any:
    """A JSON file of the run, or None where there is none.

    Raises:
        RunError: it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise RunError(
            f"{path}: cannot be read; restore it, or start over with --overwrite"
        ) from None
