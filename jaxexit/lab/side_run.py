"""A training that is not a version's run: a sweep's, or a walk-forward's. Started, stopped, resumed alike.

<folder>/plan.json         what is trained, with its hash; written first
<folder>/provenance.json   code, packages, device, data, command
<folder>/metrics.jsonl     one line an update
<folder>/models/           checkpoints, each with the plan's hash
"""

from __future__ import annotations

import hashlib
import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from jaxexit.errors import RunError
from jaxexit.lab.checkpoints import CheckpointStore
from jaxexit.lab.files import remove_folder, write_json
from jaxexit.lab.run import RunFolder, Start, read_json

FILES = ("plan.json", "provenance.json", "metrics.jsonl", "models")


def plan_sha256(plan: dict[str, Any]) -> str:
    """SHA-256 of a plan's canonical JSON."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()


class SideRun:
    """One such training."""

    def __init__(self, path: Path, name: str, plan: dict[str, Any]) -> None:
        """Args: its folder; its name in messages; everything that decides what it learns, as JSON."""
        self.path, self.name, self.plan = path, name, plan
        self.sha256 = plan_sha256(plan)
        self.metrics = path / "metrics.jsonl"
        self.store = CheckpointStore(path / "models", self.sha256)

    def locked(self) -> AbstractContextManager[None]:
        """Lock it for this process; RunError where another one has."""
        return RunFolder(self.path.parent, self.path.name).locked()

    def check_start(self, start: Start) -> None:
        """Check whether it may start this way; writes nothing.

        Raises:
            RunError: it was started before and neither --resume nor --overwrite was given, there is nothing
                to resume, or what was started is something else.
        """
        started = read_json(self.path / "plan.json")
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

    def begin(self, start: Start, provenance: dict[str, Any]) -> None:
        """Write what is trained, after removing what an earlier one wrote; nothing with `resume`."""
        if start == "resume":
            return
        if start == "overwrite":
            for name in FILES:
                if (self.path / name).is_dir():
                    remove_folder(self.path / name)
                else:
                    (self.path / name).unlink(missing_ok=True)
        write_json(self.path / "provenance.json", provenance)
        write_json(self.path / "plan.json", {"sha256": self.sha256, **self.plan})
