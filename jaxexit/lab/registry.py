"""The registry: every version, its status, its out-of-sample results, and how often anybody looked.

One JSON file beside the experiments, locked while it is changed and replaced atomically. A result is
recorded only with the hashes of the snapshot and the checkpoint that earned it.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from jaxexit.config import Experiment, differences, experiment_sha256, load_parent, resolved
from jaxexit.errors import RunError
from jaxexit.lab.files import write_json
from jaxexit.lab.run import RunFolder, git_state

SCHEMA_VERSION = 1
LOCK_SECONDS = 30
SHA256 = re.compile(r"[0-9a-f]{64}")
Status = Literal["pending", "running", "completed", "failed"]
WORDS = ("version", "description", "hypothesis")  # keys that are no change of the experiment


class Registry:
    """`registry.json` under one root."""

    def __init__(self, root: Path) -> None:
        """Args: the folder that holds `registry.json`."""
        self.root = root
        self.path = root / "registry.json"

    def load(self) -> dict[str, Any]:
        """The registry as it stands; an empty one where there is no file.

        Raises:
            RunError: the file is not a registry of this schema.
        """
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {"schema_version": SCHEMA_VERSION, "active_version": None, "versions": {}}
        except (OSError, ValueError) as error:
            words = " ".join(str(error).split())
            raise RunError(f"{self.path}: cannot be read ({words}); restore it from git") from None
        if not isinstance(content, dict) or content.get("schema_version") != SCHEMA_VERSION:
            raise RunError(
                f"{self.path}: is not a registry of schema {SCHEMA_VERSION}; restore it from git"
            )
        rows = content.get("versions")
        if not isinstance(rows, dict) or not all(
            isinstance(row, dict) and "status" in row for row in rows.values()
        ):
            raise RunError(f"{self.path}: a version has no status; restore it from git")
        return {"active_version": None, **content}

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
        """Looks at a test split, over all versions: what significance must pay for."""
        return sum(len(row.get("test_evaluations", ())) for row in self.load()["versions"].values())

    def trial_sharpes(self, *, but: str) -> list[float]:
        """Annualised Sharpe ratios on test, of every other version that has one."""
        rows = self.load()["versions"].items()
        results = (row.get("results", {}).get("test", {}) for name, row in rows if name != but)
        found = (result.get("sharpe_annual") for result in results)
        return [sharpe for sharpe in found if sharpe is not None]

    def register(self, experiment: Experiment, yaml: Path) -> None:
        """Make sure that the version has a row; its status is not touched if it has one."""

        def add(content: dict[str, Any]) -> None:
            row = content["versions"].setdefault(experiment.version, {"status": "pending"})
            row.setdefault("created", _now())
            row["path"] = self._shown_path(yaml)
            row["parent"] = experiment.parent
            row["description"] = experiment.description
            row["changes"] = _changes(experiment, yaml)
            if content["active_version"] is None:
                content["active_version"] = experiment.version

        self._change(add)

    def started(self, experiment: Experiment, *, resumed: bool) -> None:
        """The version is being trained by this process.

        What an earlier run earned stays until this one is `completed`: until then it may come back.
        """

        def change(row: dict[str, Any]) -> None:
            row |= {
                "status": "running",
                "process": {"pid": os.getpid(), "host": socket.gethostname()},
            }
            row["git_commit"] = git_state()["commit"]
            row["snapshot_sha256"] = experiment_sha256(experiment)
            row["wall_seconds_before"] = row.get("wall_seconds", 0.0) if resumed else 0.0

        self._change_row(experiment.version, change)

    def stopped(self, version: str, *, wall_seconds: float) -> None:
        """A session has ended before the training has; without its process it shows as interrupted."""

        def change(row: dict[str, Any]) -> None:
            row["wall_seconds"] = round(row.pop("wall_seconds_before", 0.0) + wall_seconds, 1)

        self._change_row(version, change)

    def finished(
        self, version: str, status: Status, *, trained_steps: int | None, wall_seconds: float
    ) -> None:
        """The training has ended, well or badly.

        Args:
            version: its name.
            status: "completed" drops the results of an earlier run.
            trained_steps: None leaves them as they were.
            wall_seconds: of this session; those of the sessions before are added.
        """

        def change(row: dict[str, Any]) -> None:
            row.pop("process", None)
            total = row.pop("wall_seconds_before", 0.0) + wall_seconds
            row |= {"status": status, "wall_seconds": round(total, 1)}
            if trained_steps is not None:
                row["trained_steps"] = trained_steps
            if status == "completed":
                row.pop("results", None)

        self._change_row(version, change)

    def recover(self, folder: RunFolder) -> str | None:
        """Put back a run that was to be replaced, if its successor died before its first checkpoint.

        Returns:
            What happened, None where there was nothing to do.
        """
        if not folder.recover():
            return None

        def change(row: dict[str, Any]) -> None:
            # A completed run has results; another can be resumed or started over.
            row |= {"status": "completed" if row.get("results") else "failed"}
            for unfinished in ("process", "wall_seconds_before"):
                row.pop(unfinished, None)

        if folder.version in self.load()["versions"]:
            self._change_row(folder.version, change)
        return (
            f"{folder.version}: the run that --overwrite was to replace is back, since the new one ended "
            "before its first checkpoint"
        )

    def count_look(self, version: str, look: dict[str, Any]) -> None:
        """A look at the test split: it counts as a trial, whatever comes of it. Before anything is seen."""

        def change(row: dict[str, Any]) -> None:
            row.setdefault("test_evaluations", []).append({**look, "evaluated": _now()})

        self._change_row(version, change)

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
        if not all(SHA256.fullmatch(text or "") for text in (snapshot_sha256, checkpoint_sha256)):
            raise RunError(
                f"{version}: a result needs the hashes of its snapshot and its checkpoint"
            )
        proof = {
            "snapshot_sha256": snapshot_sha256,
            "checkpoint_sha256": checkpoint_sha256,
            "step": step,
            "evaluated": _now(),
        }

        def change(row: dict[str, Any]) -> None:
            row.setdefault("results", {})[split] = {**result, **proof}

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
        self._change(change)

    def _shown_status(self, name: str, row: dict[str, Any]) -> str:
        """The status, `interrupted` where it says `running` and the process is gone."""
        here = row.get("process", {}).get("host") == socket.gethostname()
        if row["status"] == "running" and here and not RunFolder(self.root, name).is_held():
            return "interrupted"
        return row["status"]

    def _shown_path(self, yaml: Path) -> str:
        """Where the version's file is, from the registry's folder if it lies in it."""
        file, root = yaml.resolve(), self.root.resolve()
        return (file.relative_to(root) if file.is_relative_to(root) else file).as_posix()

    def _row(self, content: dict[str, Any], version: str) -> dict[str, Any]:
        rows = content["versions"]
        if version not in rows:
            known = ", ".join(rows) or "none"
            near = difflib.get_close_matches(version, rows, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise RunError(f"{self.path}: no version '{version}'; registered are: {known}{hint}")
        return rows[version]

    def _change_row(self, version: str, change: Callable[[dict[str, Any]], None]) -> None:
        self._change(lambda content: change(self._row(content, version)))

    def _change(self, change: Callable[[dict[str, Any]], None]) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with FileLock(self.root / ".registry.lock", timeout=LOCK_SECONDS):
                content = self.load()
                change(content)
                write_json(self.path, content)
        except Timeout:
            raise RunError(
                f"{self.path}: is held by another process for {LOCK_SECONDS} s; try again"
            ) from None
        except OSError as error:
            raise RunError(
                f"{self.path}: cannot be written: {error.strerror}; choose another --root"
            ) from None


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _changes(experiment: Experiment, yaml: Path) -> dict[str, Any]:
    """What differs from the parent in the resolved files: {key: [parent's value, own value]}."""
    parent = load_parent(yaml)
    if parent is None:
        return {}
    found = differences(resolved(parent), resolved(experiment))
    return {key: list(pair) for key, pair in found.items() if key not in WORDS}
