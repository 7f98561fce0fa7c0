"""Runs that `--overwrite` moved aside, and what the registry says of a version whose run was."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxexit.store import run_rows
from jaxexit.store.documents import Summary, read_document
from jaxexit.store.run import RunFolder
from jaxexit.store.tracking import read_metrics


def archived_runs(root: Path, version: str) -> list[dict[str, Any]]:
    """A version's earlier runs, by the number of their folders, from what is in these.

    Returns:
        Of each `run` (its folder's name), `began` (UTC), `trained_steps`, and `results` with the one on the
        test split as in a row of the registry; None or empty where there is no such thing.
    """
    folders = RunFolder(root, version).archived()
    return [_described(RunFolder(root, folder.name)) for folder in folders]


def _described(run: RunFolder) -> dict[str, Any]:
    lines = read_metrics(run.metrics)
    summary = read_document(run.results("test") / "summary.json", Summary)
    results = (
        {} if summary is None else {"test": run_rows.result(summary) | run_rows.proof(summary)}
    )
    return {
        "run": run.name,
        "began": run.began(),
        "trained_steps": lines[-1]["env_steps"] if lines else None,
        "results": results,
    }


def shown_status(folder: RunFolder, row: Mapping[str, Any]) -> str:
    """The status of a version: that of its row, unless its files and processes say otherwise.

    `interrupted` where it says `running` and the process is gone; `archived` where the run that it tells of
    was moved aside and no other has begun.
    """
    status = row["status"]
    if status == "running":
        here = row.get("process", {}).get("host") == socket.gethostname()
        return "interrupted" if here and not folder.is_locked() else "running"
    moved = status in ("completed", "failed") and not folder.path.exists()
    return "archived" if moved and folder.archived() else status
