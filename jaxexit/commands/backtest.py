"""`python -m jaxexit.backtest EXPERIMENT`: a trained version and every baseline on the same trades."""

from __future__ import annotations

import json
from collections.abc import Sequence

from jaxexit import machine
from jaxexit.commands import cli
from jaxexit.config.baselines import catalogue_names
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
        "--sample", action="store_true", help="sample actions instead of taking the most likely one"
    )
    cli.add_baselines(parser)
    parser.add_argument(
        "--report", action="store_true", help="write report.html beside the results"
    )
    cli.add_output(parser)
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    if arguments.report and (arguments.checkpoint != "best" or arguments.sample):
        raise UserError(
            "--report: shows the result of the greedy best checkpoint; leave out --checkpoint and --sample"
        )
    catalogue_names(arguments.baselines)
    from jaxexit.api import open_run
    from jaxexit.commands import tables
    from jaxexit.progress import Reporter, console

    run = open_run(arguments.experiment, arguments.root)
    machine.prepare_jax(arguments.device)
    reporter = Reporter(console(quiet=arguments.quiet, json=arguments.json))
    reporter.lines(*run.dataset.summary)
    result = run.backtest(
        arguments.split,
        checkpoint=arguments.checkpoint,
        sample=arguments.sample,
        baselines=arguments.baselines,
        again=True,
        progress=reporter,
    )
    tables.backtest(reporter.out, result.summary, result.learned)
    if arguments.report:
        with reporter.working("report"):
            path = result.report()
        reporter.lines(f"report: {path}")
    if arguments.json:
        print(json.dumps(result.summary))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
