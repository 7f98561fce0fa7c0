"""`python -m jaxexit.compare VERSION VERSION...`: the same trades through each, and what that is worth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxexit import terminal
from jaxexit.commands import cli

if TYPE_CHECKING:
    from rich.table import Table


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.compare", description=__doc__)
    parser.add_argument(
        "versions",
        metavar="VERSION",
        nargs="+",
        help="names, files or archived runs; the first is the benchmark",
    )
    parser.add_argument(
        "--root",
        metavar="DIR",
        type=Path,
        default=Path("experiments"),
        help="the folder of run folders and registry (default: experiments)",
    )
    parser.add_argument(
        "--split",
        choices=("train", "validation", "test", "walk_forward"),
        default="test",
        help="default: test; walk_forward: the joined pieces of train --walk-forward",
    )
    parser.add_argument("--json", action="store_true", help="the same as one JSON object")
    parser.add_argument("--quiet", action="store_true", help="no table")
    return parser


def comparison_table(comparison: dict[str, Any]) -> Table:
    """A column a version, a row a metric."""
    from rich.table import Table
    from rich.text import Text

    from jaxexit.store.metric_rows import cells_of

    table = Table(
        title=f"learned policies on {comparison['split']}, the same trades", title_justify="left"
    )
    table.add_column("")
    for version in comparison["versions"]:
        table.add_column(version, justify="right")
    table.add_row(
        "unverified",
        *(_list(comparison["unverified"][version]) for version in comparison["versions"]),
    )
    table.add_section()
    for label, cells in cells_of(
        [comparison["metrics"][version] for version in comparison["versions"]]
    ):
        table.add_row(label, *cells)
    for title, rows in comparison["changes"].items():
        table.add_section()
        table.add_row(Text(f"changed, {title}", style="bold"))
        for key, (before, now) in rows.items():
            table.add_row(key, f"{json.dumps(before)} -> {json.dumps(now)}")
    return table


def _list(words: Sequence[str] | None) -> str:
    return "all (older than verification)" if words is None else "\n".join(words)


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    from jaxexit.errors import UserError

    names = [Path(version.removesuffix(".yaml")).name for version in arguments.versions]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise UserError(f"got {', '.join(names)}; give at least two different versions")

    from jaxexit import progress
    from jaxexit.lab.comparison import compare_versions, load_tested, write_comparison
    from jaxexit.store.registry import Registry
    from jaxexit.store.versions import drift_note

    out = progress.console(quiet=arguments.quiet, json=arguments.json)
    registry = Registry(arguments.root)
    for name in names:
        terminal.note(drift_note(registry, name))
    with progress.working(out, "compare"):
        tested = [load_tested(arguments.root, name, arguments.split) for name in names]
        comparison = compare_versions(tested, registry, arguments.split)
        page = write_comparison(arguments.root, comparison, tested)
    out.print(comparison_table(comparison))
    for words in comparison["verdict"].split("; "):
        progress.lines(out, [words])
    progress.lines(out, [f"written: {page}"])
    if arguments.json:
        print(json.dumps(comparison))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
