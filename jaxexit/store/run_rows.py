"""What a version's row in the registry says of its run: how that changes while the run lives.

Each function changes one row in place; the registry reads and writes the file around it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

from jaxexit.config import Experiment, experiment_sha256
from jaxexit.metrics import REGISTRY, pick
from jaxexit.store.provenance import git_state

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
"""Keys of a row that belong to its run; the others belong to the version."""

BESIDE_METRICS = ("unit", "intervals", "deflated_sharpe")
"""What a row keeps of a result beside `metrics.REGISTRY`."""

Row = dict[str, Any]


def begin(row: Row, experiment: Experiment, *, resumed: bool) -> None:
    """The run is trained by this process; unless it is resumed, what the row says of an earlier run goes."""
    if not resumed:
        _drop_run(row)
    row |= {"status": "running", "process": {"pid": os.getpid(), "host": socket.gethostname()}}
    row["git_commit"] = git_state()["commit"]
    row["snapshot_sha256"] = experiment_sha256(experiment)
    row["wall_seconds_before"] = row.get("wall_seconds", 0.0) if resumed else 0.0


def spend(row: Row, session: float, recorded: float) -> None:
    """Add the seconds of a session to those before it; all are at least those of the updates on record."""
    seconds = max(row.pop("wall_seconds_before", 0.0) + session, recorded)
    row["wall_seconds"] = round(seconds, 1)


def end(row: Row, status: str, *, trained_steps: int | None) -> None:
    """The training has ended."""
    row.pop("process", None)
    row["status"] = status
    if trained_steps is not None:
        row["trained_steps"] = trained_steps


def adopt(row: Row, other: Row) -> None:
    """The version's run is now the one of another registry's row; its test evaluations count here too."""
    _drop_run(row)
    row |= {name: other[name] for name in OF_A_RUN if name in other and name != "process"}
    known = row.setdefault("test_evaluations", [])
    known += [one for one in other.get("test_evaluations", ()) if one not in known]


def _drop_run(row: Row) -> None:
    for name in OF_A_RUN:
        row.pop(name, None)


def result(summary: Mapping[str, Any]) -> Row:
    """What a row keeps of a backtest's summary: the learned policy's metrics, and how they came about."""
    learned = next(iter(summary["policies"].values()))
    row = pick(learned, REGISTRY)
    row |= {name: learned[name] for name in BESIDE_METRICS if name in learned}
    row |= {name: summary[name] for name in ("verified", "unverified") if name in summary}
    if "seeds" in summary:
        row |= {"seeds": len(summary["seeds"]), "across_seeds": summary["across_seeds"]}
    if "folds" in summary:
        row |= {"folds": len(summary["folds"]), "layout": summary["layout"]}
    return row


def proof(summary: Mapping[str, Any]) -> Row:
    """The hashes of the snapshot and the checkpoint that earned a result, and the checkpoint's step."""
    checkpoint = summary["checkpoint"]
    return {
        "snapshot_sha256": summary["snapshot_sha256"],
        "checkpoint_sha256": checkpoint["sha256"],
        "step": checkpoint["step"],
    }
