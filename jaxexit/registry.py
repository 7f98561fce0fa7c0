"""`python -m jaxexit.registry list|show NAME|set-active NAME`: versions, their status and results."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxexit import cli

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from jaxexit.lab.registry import Registry

Row = dict[str, Any]


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.registry", description=__doc__)
    commands = parser.add_subparsers(dest="action", required=True)
    listing = commands.add_parser("list", help="every version, its status and its test results")
    showing = commands.add_parser("show", help="one version: what changed, what it earned")
    setting = commands.add_parser("set-active", help="make a version the active one")
    for command in (showing, setting):
        command.add_argument("name", metavar="NAME", help="a version's name")
    for command in (listing, showing, setting):
        command.add_argument(
            "--root",
            metavar="DIR",
            type=Path,
            default=Path("experiments"),
            help="the folder that holds registry.json (default: experiments)",
        )
        command.add_argument("--json", action="store_true", help="the same as one JSON object")
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    from jaxexit import show
    from jaxexit.errors import RunError
    from jaxexit.lab.registry import Registry
    from jaxexit.lab.run import RunFolder

    if not arguments.root.is_dir():
        raise RunError(f"{arguments.root}: no such folder; give the one of the runs with --root")
    registry = Registry(arguments.root)
    for name in registry.load()["versions"]:
        cli.note(registry.recover(RunFolder(arguments.root, name)))
    out = show.console(json=arguments.json)
    if arguments.action == "list":
        return _list(registry, out, as_json=arguments.json)
    if arguments.action == "show":
        return _show(registry, arguments.name, out, as_json=arguments.json)
    registry.set_active(arguments.name)
    if arguments.json:
        print(json.dumps({"active_version": arguments.name}))
    else:
        show.lines(out, [f"{arguments.name} is the active version of {registry.path}"])
    return 0


def _list(registry: Registry, out: Console, *, as_json: bool) -> int:
    from jaxexit import show

    versions, active = registry.versions(), registry.active()
    if as_json:
        content = {"active_version": active, "trials": registry.trials(), "versions": versions}
        print(json.dumps(content))
    elif versions:
        out.print(_versions_table(versions, active))
        show.lines(out, [f"* is active; evaluations on a test split so far: {registry.trials()}"])
    else:
        show.lines(out, [f"{registry.path}: no versions yet; train one"])
    return 0


def _show(registry: Registry, name: str, out: Console, *, as_json: bool) -> int:
    from jaxexit import show

    row, active = registry.version(name), registry.active() == name
    if as_json:
        print(json.dumps({"version": name, "active": active, **row}))
        return 0
    facts = {
        "status": row["status"] + (", active" if active else ""),
        "description": row.get("description"),
        "file": row.get("path"),
        "created": row.get("created"),
        "git commit": row.get("git_commit"),
        "trained": _training(row),
    }
    width = max(map(len, facts))
    show.lines(out, [name, *(f"  {key:<{width}}  {text}" for key, text in facts.items() if text)])
    if row.get("changes"):
        out.print(_changes_table(row))
    if row.get("results"):
        out.print(_results_table(row["results"]))
    return 0


def _training(row: Row) -> str | None:
    steps = row.get("trained_steps")
    return None if not steps else f"{steps:,} steps in {row['wall_seconds']:,.1f} s"


def _versions_table(versions: dict[str, Row], active: str | None) -> Table:
    from rich.table import Table

    table = Table(title="versions; results on the test split, net of costs", title_justify="left")
    for heading in ("", "version", "status", "parent"):
        table.add_column(heading)
    for heading in ("steps", "trades", "net pips/trade", "win", "PF", "Sharpe", "max DD"):
        table.add_column(heading, justify="right")
    for name, row in versions.items():
        result = row.get("results", {}).get("test", {})
        table.add_row(
            "*" if name == active else "",
            name,
            row["status"],
            row.get("parent") or "-",
            _number(row.get("trained_steps"), ",.0f"),
            *_figures(result),
        )
    return table


def _changes_table(row: Row) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"changes against {row['parent']}", title_justify="left")
    table.add_column("key")
    table.add_column("before", justify="right")
    table.add_column("now", justify="right")
    for key, (before, now) in row["changes"].items():
        table.add_row(key, escape(_value(before)), escape(_value(now)))
    return table


def _results_table(results: dict[str, Row]) -> Table:
    from rich.table import Table

    table = Table(title="results, net of costs, in pips", title_justify="left")
    for heading in ("split", "checkpoint"):
        table.add_column(heading)
    for heading in ("trades", "net/trade", "win", "PF", "Sharpe", "max DD"):
        table.add_column(heading, justify="right")
    for split, result in results.items():
        proof = f"{result['step']:,} ({result['checkpoint_sha256'][:12]})"
        table.add_row(split, proof, *_figures(result))
    return table


def _figures(result: Row) -> list[str]:
    formats = {
        "trades": ",.0f",
        "net_pips_mean": "+.2f",
        "win_rate": ".1%",
        "profit_factor": ".2f",
        "sharpe_annual": ".2f",
        "max_drawdown_pips": ",.1f",
    }
    return [_number(result.get(name), how) for name, how in formats.items()]


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _number(value: float | None, how: str) -> str:
    return "-" if value is None else format(value, how)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv)


if __name__ == "__main__":
    sys.exit(main())
