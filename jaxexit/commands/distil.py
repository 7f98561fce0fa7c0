"""`python -m jaxexit.distil EXPERIMENT`: a trained policy as a short rule, in words and as code."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxexit import machine
from jaxexit.commands import cli

LANGUAGES = ("python", "pine", "mql5", "freqtrade", "json")


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.distil", description=__doc__)
    cli.add_experiment(parser, overrides=False)
    parser.add_argument(
        "--rules", metavar="N", type=int, default=3, help="lines of the rule, at most (default: 3)"
    )
    parser.add_argument(
        "--as", dest="language", choices=LANGUAGES, default=None, help="write the rule as code"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        default=None,
        help="where the code goes (default: stdout)",
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="search anew although the rule is known; playing it on test counts as one more look",
    )
    cli.add_agent(parser)
    cli.add_output(parser)
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    from jaxexit.errors import UserError

    if arguments.out is not None and arguments.language is None:
        raise UserError(f"--out: writes code; say in which language: --as {'|'.join(LANGUAGES)}")
    from jaxexit.api import open_run
    from jaxexit.commands import distil_tables
    from jaxexit.errors import ParityError
    from jaxexit.progress import Reporter, console
    from jaxexit.store.files import write_text

    run = open_run(arguments.experiment, arguments.root)
    machine.prepare_jax(arguments.device)
    reporter = Reporter(console(quiet=arguments.quiet, json=arguments.json))
    reporter.lines(*run.dataset.summary)
    try:
        distilled = run.distil(
            arguments.rules,
            checkpoint=arguments.checkpoint,
            seed=arguments.seed,
            again=arguments.again,
            progress=reporter,
        )
    except ParityError as error:
        print(f"error: {error}", file=sys.stderr)
        return cli.OUR_MISTAKE
    distil_tables.distilled(reporter.out, distilled)
    record = dict(distilled.summary)
    if arguments.language is not None:
        code = distilled.code(arguments.language)
        if arguments.out is not None:
            write_text(arguments.out, code)
            reporter.lines(f"{arguments.language}: {arguments.out}")
        elif arguments.json:
            record["code"] = code
        else:
            print(code, end="")
    if arguments.json:
        print(json.dumps(record))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
