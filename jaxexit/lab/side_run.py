"""A training that is not a version's run: a sweep's, or a walk-forward's. Started, stopped, resumed alike.

<folder>/plan.json         what is trained, with its hash; written first
<folder>/provenance.json   code, packages, device, data, command
<folder>/metrics.jsonl     one line an update
<folder>/models/           checkpoints, each with the plan's hash
<folder>.1                 an earlier one, moved aside by --overwrite with what came of it (results)
"""

from __future__ import annotations

import hashlib
import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from jaxexit import terminal
from jaxexit.errors import RunError
from jaxexit.store.checkpoints import CheckpointStore
from jaxexit.store.documents import Plan, Provenance, read_document, write_document
from jaxexit.store.files import explain_write_errors
from jaxexit.store.folders import locked, set_aside
from jaxexit.store.run import Start


def plan_sha256(plan: dict[str, Any]) -> str:
    """SHA-256 of a plan's canonical JSON."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()


class SideRun:
    """One such training."""

    def __init__(self, path: Path, name: str, plan: dict[str, Any], results: Path) -> None:
        """Describe it; nothing is written.

        Args:
            path: its folder.
            name: what messages call it.
            plan: everything that decides what it learns, as JSON.
            results: file or folder of what comes of it, outside `path`.
        """
        self.path, self.name, self.plan, self.results = path, name, plan, results
        self.sha256 = plan_sha256(plan)
        self.metrics = path / "metrics.jsonl"
        self.store = CheckpointStore(path / "models", self.sha256)

    def locked(self) -> AbstractContextManager[None]:
        """Hold it for this process; RunError where another one does."""
        return locked(self.path)

    def check_start(self, start: Start) -> None:
        """Check whether it may start this way; writes nothing.

        Raises:
            RunError: it was started before and neither --resume nor --overwrite was given, there is nothing
                to resume, or what was started is something else.
        """
        started = read_document(self.path / "plan.json", Plan)
        if started is not None and start == "new":
            raise RunError(
                f"{self.name}: was started before in {self.path}; continue with --resume, or start over with "
                "--overwrite"
            )
        if start != "resume":
            return
        if started is None or not self.store.steps():
            raise RunError(f"{self.path}: nothing to resume; run the command without --resume")
        if started.get("sha256") != self.sha256:
            raise RunError(
                f"{self.name}: differs from what was started in {self.path}; undo the change, or start over "
                "with --overwrite"
            )

    def provenance(self) -> dict[str, Any]:
        """Its provenance as it is written, empty where there is none."""
        return read_document(self.path / "provenance.json", Provenance) or {}

    def begin(self, start: Start, provenance: dict[str, Any]) -> None:
        """Write what is trained, after moving an earlier one aside; nothing with `resume`."""
        if start == "resume":
            return
        if start == "overwrite":
            aside = self.set_aside()
            terminal.note(f"the earlier {self.name} is kept in {aside}" if aside else None)
        write_document(self.path / "provenance.json", provenance, Provenance)
        write_document(self.path / "plan.json", {"sha256": self.sha256, **self.plan}, Plan)

    def set_aside(self) -> Path | None:
        """Move it aside, its results with it: they go first, so a kill in between leaves both in its folder.

        Returns:
            Where it is now; None where there was nothing.

        Raises:
            RunError: it cannot be moved.
        """
        kept = self.path / f"results{self.results.suffix}"
        with explain_write_errors(self.path):
            if self.results.exists() and self.path.is_dir() and not kept.exists():
                self.results.rename(kept)
        return set_aside(self.path)
