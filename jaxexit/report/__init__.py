"""The report: one page that shows every decision of a backtest, and what it cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxexit.lab.trained import TrainedVersion


def report_versions(
    versions: Sequence[TrainedVersion],
    split: str,
    path: str | Path | None = None,
    *,
    audit: bool = False,
    on_part: Callable[[str], None] = lambda name: None,
) -> Path:
    """Write the report of a version's results, compared with those of others on the same trades.

    Args:
        versions: trained ones; the first is the one in question.
        split: "train", "validation" or "test".
        path: where to; None: report.html beside the first one's results.
        audit: whether the page shows what an audit finds.
        on_part: called with the name of each part before it is made.

    Returns:
        Where it was written.

    Raises:
        RunError: there are no results, a replay does not give them, or they are of other trades.
    """
    # Here, so that `jaxexit report --help` need not wait for JAX.
    from jaxexit.report.page import report_path, write_report
    from jaxexit.report.run import audited, check_comparable, read_run

    runs = []
    for version in versions:
        on_part(f"replay {version.yaml.stem}")
        runs.append(read_run(version, split))
    check_comparable(runs)
    if audit:
        runs = [audited(run, on_part) for run in runs]
    on_part("write the page")
    to = report_path(runs[0]) if path is None else Path(path)
    write_report(runs, to)
    return to
