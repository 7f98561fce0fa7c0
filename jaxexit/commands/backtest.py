"""`python -m jaxexit.backtest EXPERIMENT`: a trained version and every baseline on the same trades."""

from __future__ import annotations

import json
from collections.abc import Sequence

from jaxexit import machine
from jaxexit.commands import cli
from jaxexit.errors import UserError


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.backtest", description=__doc__)
    cli.add_experiment(parser, overrides=False)
    cli.add_checkpoint(parser)
    parser.add_argument(
        "--split", choices=("train", "validation", "test"), default="test", help="default: test"
    )
    parser.add_argument(
        "--sample", action="store_true", help="draw actions instead of taking the likeliest"
    )
    parser.add_argument(
        "--report", action="store_true", help="write report.html beside the results"
    )
    cli.add_output(parser)
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    if arguments.report and (arguments.checkpoint != "best" or arguments.sample):
        raise UserError(
            "--report: shows a version's result, the greedy best checkpoint; leave out the other"
        )
    from jaxexit.lab.trained import open_trained

    version = open_trained(arguments.experiment, arguments.root)
    machine.prepare_jax(arguments.device)

    from jaxexit.commands import show, tables
    from jaxexit.lab.results import backtest_version

    out = show.console(quiet=arguments.quiet, json=arguments.json)
    dataset = version.dataset()
    show.lines(out, dataset.summary)
    with show.working(out, "backtest") as say:
        summary, learned = backtest_version(
            version.experiment,
            version.yaml,
            dataset,
            version.folder,
            version.registry,
            which=arguments.checkpoint,
            split=arguments.split,
            sample=arguments.sample,
            on_policy=say,
        )
    tables.backtest(out, summary, learned)
    if arguments.report:
        from jaxexit.report import report_version

        show.lines(out, [f"report: {report_version(version, arguments.split)}"])
    if arguments.json:
        print(json.dumps(summary))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
