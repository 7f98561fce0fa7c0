"""What a version's row in the registry says of its run: how that changes while the run lives.

Each function changes one row in place; the registry reads and writes the file around it.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from jaxexit.config import Experiment, experiment_sha256
from jaxexit.lab.provenance import git_state

OF_A_RUN = (
    "status",
    "process",
    "git_commit",
    "snapshot_sha256",
    "trained_steps",
    "wall_seconds",
    "wall_seconds_before",
    "results",
)
"""What a row says of one run; the rest is the version's, whatever run it has."""

Row = dict[str, Any]


def begin(row: Row, experiment: Experiment, *, resumed: bool, aside: Row | None) -> None:
    """The run is trained by this process.

    Args:
        row: of its version.
        experiment: what is trained.
        resumed: it goes on; else what the row says of an earlier run is put aside or forgotten.
        aside: of the run that this one is to replace when it `began`; None where none may come back.
    """
    row.pop("replaced", None)
    if not resumed:
        earlier = {name: row.pop(name) for name in OF_A_RUN if name in row}
        if aside is not None:
            row["replaced"] = {**aside, **earlier}
    row |= {"status": "running", "process": {"pid": os.getpid(), "host": socket.gethostname()}}
    row["git_commit"] = git_state()["commit"]
    row["snapshot_sha256"] = experiment_sha256(experiment)
    row["wall_seconds_before"] = row.get("wall_seconds", 0.0) if resumed else 0.0


def spend(row: Row, session: float, recorded: float) -> None:
    """Add the seconds of a session to those before it; all are at least those of the updates on record."""
    seconds = max(row.pop("wall_seconds_before", 0.0) + session, recorded)
    row["wall_seconds"] = round(seconds, 1)


def end(row: Row, status: str, *, trained_steps: int | None) -> None:
    """The training has ended; with "completed" a run that this one replaces is forgotten."""
    row.pop("process", None)
    row["status"] = status
    if trained_steps is not None:
        row["trained_steps"] = trained_steps
    if status == "completed":
        row.pop("replaced", None)


def put_back(row: Row, began: str | None) -> None:
    """What was put aside counts again, if it is of the run that began then."""
    earlier = row.pop("replaced", None)
    if earlier is not None and earlier.pop("began") == began:
        _take(row, earlier)


def adopt(row: Row, other: Row) -> None:
    """The run that another registry's row tells of is this version's now; its looks count here too, once."""
    _take(row, {name: other[name] for name in OF_A_RUN if name in other and name != "process"})
    looks = row.setdefault("test_evaluations", [])
    looks += [look for look in other.get("test_evaluations", ()) if look not in looks]


def _take(row: Row, run: Row) -> None:
    """Say of `run` what the row said of another one."""
    for name in OF_A_RUN:
        row.pop(name, None)
    row |= run
