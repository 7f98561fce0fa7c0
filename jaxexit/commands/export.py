"""`python -m jaxexit.export EXPERIMENT`: a trained policy as ONNX and StableHLO, verified against JAX."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from jaxexit import machine
from jaxexit.commands import cli


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.export", description=__doc__)
    cli.add_experiment(parser, overrides=False)
    parser.add_argument(
        "--split",
        choices=("train", "validation", "test"),
        default="test",
        help="split on whose decisions the graphs are verified (default: test)",
    )
    cli.add_agent(parser)
    cli.add_output(parser)
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    from jaxexit.api import open_run
    from jaxexit.commands import tables
    from jaxexit.errors import ParityError
    from jaxexit.progress import Reporter, console

    run = open_run(arguments.experiment, arguments.root)
    machine.prepare_jax(arguments.device)
    reporter = Reporter(console(quiet=arguments.quiet, json=arguments.json))
    reporter.lines(*run.dataset.summary)
    try:
        folder = run.export(
            split=arguments.split,
            checkpoint=arguments.checkpoint,
            seed=arguments.seed,
            progress=reporter,
        )
    except ParityError as error:
        print(f"error: {error}", file=sys.stderr)
        return cli.OUR_MISTAKE
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    tables.exported(reporter.out, manifest, folder)
    if arguments.json:
        print(json.dumps({"folder": str(folder), "manifest": manifest}))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
