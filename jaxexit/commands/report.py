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
        "versions",
        metavar="VERSION",
        nargs="*",
        help="versions to compare with it on the same trades",
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
        "--audit", action="store_true", help="audit the results too, and show the findings"
    )
    cli.add_open(parser)
    cli.add_output(parser)
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    from jaxexit.api import open_run
    from jaxexit.lab.trained import find_run
    from jaxexit.progress import Reporter, console

    first = find_run(arguments.experiment, arguments.root or Path("experiments"))
    files = [first, *(find_run(name, first.parent) for name in arguments.versions)]
    run, *others = [open_run(file, arguments.root) for file in files]
    machine.prepare_jax(arguments.device)
    reporter = Reporter(console(quiet=arguments.quiet, json=arguments.json))
    began = time.perf_counter()
    path = run.report(
        arguments.out,
        split=arguments.split,
        against=others,
        audit=arguments.audit,
        progress=reporter,
    )
    size, trades = path.stat().st_size, run.result(arguments.split).count
    seconds = time.perf_counter() - began
    reporter.lines(f"{path}: {trades:,} trades, {size / 1e6:.1f} MB, in {seconds:.1f} s")
    if arguments.json:
        print(json.dumps({"report": str(path), "bytes": size, "trades": trades}))
    if arguments.open:
        webbrowser.open(path.resolve().as_uri())
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
