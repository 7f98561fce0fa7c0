"""`python -m jaxexit.registry list|show|new|diff|set-active|verify`: versions, what they are and earned."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxexit import terminal
from jaxexit.commands import cli
from jaxexit.names import one_line

if TYPE_CHECKING:
    from rich.console import Console

    from jaxexit.store.registry import Registry

Row = dict[str, Any]


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.registry", description=__doc__)
    commands = parser.add_subparsers(dest="action", required=True)
    listing = commands.add_parser("list", help="every version, its status and its test results")
    showing = commands.add_parser("show", help="one version: what changed, what it earned")
    setting = commands.add_parser("set-active", help="make a version the active one")
    making = commands.add_parser("new", help="write a version that extends another, to be trained")
    differing = commands.add_parser("diff", help="what two versions or files differ in, resolved")
    verifying = commands.add_parser(
        "verify", help="whether registry, journal and run folders are as they were written"
    )
    for command in (showing, setting):
        command.add_argument("name", metavar="NAME", help="a version's name")
    making.add_argument("name", metavar="NAME", help="v<N>_<what_changed>")
    making.add_argument(
        "--parent", metavar="VERSION", required=True, help="name or file of the one it extends"
    )
    making.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="overrides",
        help="what differs from the parent, e.g. guards.exit_allows_loss=true",
    )
    making.add_argument("-d", "--description", metavar="WORDS", help="what the version is")
    for name, words in (("before", "one version"), ("after", "the other")):
        differing.add_argument(
            name, metavar=name.upper(), help=f"{words}: its name (as trained), or a YAML file"
        )
    for command in (listing, showing, making, differing, setting, verifying):
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
    from jaxexit import progress
    from jaxexit.errors import RunError
    from jaxexit.store.registry import Registry
    from jaxexit.store.versions import drift_note

    if not arguments.root.is_dir():
        raise RunError(f"{arguments.root}: no such folder; give the folder of the runs with --root")
    registry = Registry(arguments.root)
    out = progress.console(json=arguments.json)
    if arguments.action == "list":
        for name in registry.load()["versions"]:
            terminal.note(drift_note(registry, name))
        return _list(registry, out, as_json=arguments.json)
    if arguments.action == "show":
        terminal.note(drift_note(registry, arguments.name))
        return _show(registry, arguments.name, out, as_json=arguments.json)
    if arguments.action == "new":
        return _new(registry, arguments, out)
    if arguments.action == "diff":
        return _diff(registry, arguments.before, arguments.after, out, as_json=arguments.json)
    if arguments.action == "verify":
        return _verify(registry, out, as_json=arguments.json)
    registry.set_active(arguments.name)
    if arguments.json:
        print(json.dumps({"active_version": arguments.name}))
    else:
        progress.lines(out, [f"{arguments.name} is the active version of {registry.path}"])
    return 0


def _verify(registry: Registry, out: Console, *, as_json: bool) -> int:
    """Exit code 1 where something was edited, removed or reset."""
    from jaxexit import progress
    from jaxexit.commands import registry_tables
    from jaxexit.store.recomputed import verify

    with progress.working(out, "verify"):
        found = verify(registry.root)
    if as_json:
        print(json.dumps(found))
    else:
        progress.lines(out, registry_tables.verified_lines(found))
    return 0 if found["whole"] else 1


def _list(registry: Registry, out: Console, *, as_json: bool) -> int:
    from jaxexit import progress
    from jaxexit.commands import registry_tables
    from jaxexit.store.verification import trials_note

    versions, active = registry.versions(), registry.active()
    if as_json:
        content = {"active_version": active, "trials": registry.trials(), "versions": versions}
        print(json.dumps(content))
    elif versions:
        out.print(registry_tables.versions_table(versions, active))
        progress.lines(
            out,
            [f"* is active; {trials_note(registry.trials(), registry.doubt())}"],
        )
    else:
        progress.lines(out, [f"{registry.path}: no versions yet; train one"])
    return 0


def _show(registry: Registry, name: str, out: Console, *, as_json: bool) -> int:
    from jaxexit import progress
    from jaxexit.commands import registry_tables
    from jaxexit.store.archived import archived_runs
    from jaxexit.store.looks import again

    row, active = registry.version(name), registry.active() == name
    archived = archived_runs(registry.root, name)
    if as_json:
        print(json.dumps({"version": name, "active": active, **row, "archived": archived}))
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
    progress.lines(
        out,
        [
            name,
            *(f"  {key:<{width}}  {one_line(str(text))}" for key, text in facts.items() if text),
        ],
    )
    if row.get("changes"):
        out.print(registry_tables.changes_table(row["changes"], f"changes against {row['parent']}"))
    looks = row.get("test_evaluations", [])
    if anew := again(looks):
        said = f"{anew} of {len(looks)} looks at test asked overlapping data again, with another split, costs"
        progress.lines(out, [f"  {said} or entries"])
    for split, result in row.get("results", {}).items():
        if result.get("unverified"):
            progress.lines(out, [f"  {split}: unverified: {', '.join(result['unverified'])}"])
    if row.get("results"):
        out.print(registry_tables.results_table(row["results"]))
    if archived:
        out.print(registry_tables.archived_table(archived))
    return 0


def _new(registry: Registry, arguments: argparse.Namespace, out: Console) -> int:
    from jaxexit import progress
    from jaxexit.commands import registry_tables
    from jaxexit.store.versions import new_version

    yaml = new_version(
        registry,
        arguments.name,
        arguments.parent,
        arguments.overrides,
        arguments.description,
    )
    row = registry.version(arguments.name)
    train = shlex.join(["python", "-m", "jaxexit.train", str(yaml)])
    if arguments.json:
        print(json.dumps({"version": arguments.name, "file": str(yaml), "train": train, **row}))
        return 0
    progress.lines(out, [f"{yaml}: written, and entered in {registry.path} as pending"])
    if row["changes"]:
        out.print(registry_tables.changes_table(row["changes"], f"changes against {row['parent']}"))
    else:
        progress.lines(
            out, [f"it does not differ from {row['parent']} yet: write into it what does"]
        )
    progress.lines(out, [f"next: {train}"])
    return 0


def _diff(registry: Registry, before: str, after: str, out: Console, *, as_json: bool) -> int:
    from jaxexit import progress
    from jaxexit.commands import registry_tables
    from jaxexit.config import changes, resolved
    from jaxexit.store.versions import drift_note, load_version

    sides = [load_version(registry, name) for name in (before, after)]
    for name in (before, after):
        terminal.note(drift_note(registry, name))
    (old, old_file), (new, new_file) = sides
    differ = changes(resolved(old), resolved(new))
    if as_json:
        shown = [{"version": each.version, "file": str(file)} for each, file in sides]
        print(json.dumps({"before": shown[0], "after": shown[1], "changes": differ}))
    elif differ:
        out.print(registry_tables.changes_table(differ, f"{old_file} -> {new_file}"))
    else:
        progress.lines(out, [f"{old_file} and {new_file} are the same experiment"])
    return 0


def _training(row: Row) -> str | None:
    steps = row.get("trained_steps")
    return None if not steps else f"{steps:,} steps in {row['wall_seconds']:,.1f} s"


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv)
