"""`python -m jaxexit.report EXPERIMENT [VERSION...]`: one page with every decision of a backtest."""

from __future__ import annotations

import json
import time
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from jaxexit import machine
from jaxexit.commands import cli


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.report", description=__doc__)
    cli.add_experiment(parser, overrides=False)
    parser.add_argument(
        "versions", metavar="VERSION", nargs="*", help="compared with it on the same trades"
    )
    parser.add_argument(
        "--split", choices=("train", "validation", "test"), default="test", help="default: test"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help="default: report.html beside the results in the run folder",
    )
    parser.add_argument(
        "--audit", action="store_true", help="audit the results and show what it finds"
    )
    parser.add_argument("--open", action="store_true", help="open it in a browser")
    cli.add_output(parser)
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    from jaxexit.lab.trained import open_trained

    first = open_trained(arguments.experiment, arguments.root)
    near = first.yaml.parent
    others = [open_trained(name, arguments.root, near=near) for name in arguments.versions]
    versions = [first, *others]
    machine.prepare_jax(arguments.device)

    from jaxexit.commands import show
    from jaxexit.report.page import report_path, write_report
    from jaxexit.report.run import audited, check_comparable, read_run

    out = show.console(quiet=arguments.quiet, json=arguments.json)
    began = time.perf_counter()
    runs = []
    with show.working(out, "report") as say:
        for version in versions:
            say(f"replay {version.folder.name}")
            runs.append(read_run(version, arguments.split))
        check_comparable(runs)
        if arguments.audit:
            runs = [audited(run, say) for run in runs]
        path = arguments.out or report_path(runs[0])
        say("write the page")
        size = write_report(runs, path)
    said = f"{path}: {len(runs[0].table):,} trades, {size / 1e6:.1f} MB"
    show.lines(out, [f"{said}, in {time.perf_counter() - began:.1f} s"])
    if arguments.json:
        print(json.dumps({"report": str(path), "bytes": size, "trades": len(runs[0].table)}))
    if arguments.open:
        webbrowser.open(path.resolve().as_uri())
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
