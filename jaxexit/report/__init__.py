"""The report: one page that shows every decision of a backtest, and what it cost."""

from __future__ import annotations

from pathlib import Path


def report_version(yaml: Path, root: Path, split: str) -> Path:
    """Write the report of a version's results beside them.

    Args:
        yaml: the experiment's file.
        root: where run folders live.
        split: "train", "validation" or "test".

    Returns:
        Where it was written.
    """
    # Here, so that `jaxexit report --help` need not wait for JAX.
    from jaxexit.report.page import report_path, write_report
    from jaxexit.report.run import read_run

    run = read_run(yaml, root, split)
    path = report_path(run)
    write_report([run], path)
    return path
