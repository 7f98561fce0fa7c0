"""The report: one page that shows every decision of a backtest, and what it cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxexit.lab.trained import TrainedVersion


def report_version(version: TrainedVersion, split: str) -> Path:
    """Write the report of a version's results beside them.

    Args:
        version: a trained one.
        split: "train", "validation" or "test".

    Returns:
        Where it was written.
    """
    # Here, so that `jaxexit report --help` need not wait for JAX.
    from jaxexit.report.page import report_path, write_report
    from jaxexit.report.run import read_run

    run = read_run(version, split)
    path = report_path(run)
    write_report([run], path)
    return path
