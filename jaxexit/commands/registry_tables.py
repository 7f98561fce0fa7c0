"""The tables that the registry command prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from jaxexit import units
from jaxexit.metrics import METRICS, REGISTRY_TABLE

Row = dict[str, Any]


def versions_table(versions: dict[str, Row], active: str | None) -> Table:
    """Every version, its status and its result on test; the active one is marked."""
    table = Table(title="versions; results on the test split, net of costs", title_justify="left")
    for heading in ("", "version", "status", "parent"):
        table.add_column(heading)
    for heading in ("steps", *_headings()):
        table.add_column(heading, justify="right")
    table.add_column("unverified")
    for name, row in versions.items():
        result = row.get("results", {}).get("test", {})
        table.add_row(
            "*" if name == active else "",
            name,
            row["status"],
            row.get("parent") or "-",
            _number(row.get("trained_steps"), ",.0f"),
            *_figures(result),
            _unverified(result),
        )
    return table


def changes_table(changes: dict[str, list[Any]], title: str) -> Table:
    """A row a key: its value before and now."""
    table = Table(title=title, title_justify="left")
    table.add_column("key")
    table.add_column("before", justify="right")
    table.add_column("now", justify="right")
    for key, (before, now) in changes.items():
        table.add_row(key, _value(before), _value(now))
    return table


def results_table(results: dict[str, Row]) -> Table:
    """A row a split."""
    table = Table(title="results, net of costs", title_justify="left")
    for heading in ("split", "checkpoint"):
        table.add_column(heading)
    for heading in _headings():
        table.add_column(heading, justify="right")
    table.add_column("unverified")
    for split, result in results.items():
        proof = f"{result['step']:,} ({result['checkpoint_sha256'][:12]})"
        table.add_row(split, proof, *_figures(result), _unverified(result))
    return table


def archived_table(runs: Sequence[Row]) -> Table:
    """A row an earlier run."""
    table = Table(
        title="earlier runs, kept by --overwrite; results on the test split, net of costs",
        title_justify="left",
    )
    for heading in ("run", "began"):
        table.add_column(heading)
    for heading in ("steps", *_headings()):
        table.add_column(heading, justify="right")
    table.add_column("unverified")
    for run in runs:
        result = run["results"].get("test", {})
        steps = _number(run["trained_steps"], ",.0f")
        table.add_row(
            run["run"],
            run["began"] or "-",
            steps,
            *_figures(result),
            _unverified(result),
        )
    return table


def verified_lines(found: Row) -> list[str]:
    """What `verify` found, a line each; what that means last."""
    lines = [f"{one['kind'].upper()} {one['where']}: {one['said']}" for one in found["findings"]]
    since = found["chained_since"]
    if since is None:
        lines += [f"{found['registry']}: has no journal yet; it is chained from its next change on"]
    else:
        start = (
            "from its start" if found["chained_from_the_start"] else "what was before is unchained"
        )
        lines += [f"chained since {since} ({start}), {found['entries']:,} entries"]
    looks = (
        f"{found['looks']:,}" if found["looks_known"] else f"unknown, at least {found['looks']:,}"
    )
    verdict = "whole" if found["whole"] else f"NOT WHOLE: {len(found['findings'])} findings"
    if found["looks_again"]:
        looks += f"; {found['looks_again']:,} asked overlapping data again (another split, costs or entries)"
    return [*lines, f"looks at test: {looks}", f"the record is {verdict}"]


def _unverified(result: Row) -> str:
    """What of a result is not verified, in short; `show` has it in full."""
    if not result:
        return ""
    if "verified" not in result:
        return "all (old)"
    failed = any(words.startswith("AUDIT FAILED") for words in result["unverified"])
    parts = [part for part, holds in result["verified"].items() if not holds]
    return "\n".join(["AUDIT FAILED"] * failed + parts)


def _headings() -> list[str]:
    return [METRICS[name].heading for name in REGISTRY_TABLE]


def _figures(result: Row) -> list[str]:
    """The metrics of a result; the net result names its unit."""
    cells = {name: METRICS[name].text(result) for name in REGISTRY_TABLE}
    if cells["net_mean"] != "-":
        cells["net_mean"] += f" {units.words(units.of(result))}"
    return list(cells.values())


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _number(value: float | None, how: str) -> str:
    return "-" if value is None else format(value, how)
