"""`python -m jaxexit.export EXPERIMENT`: a trained policy as ONNX and StableHLO, and the proof of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from jaxexit import machine
from jaxexit.commands import cli
from jaxexit.errors import UserError


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.export", description=__doc__)
    cli.add_experiment(parser, overrides=False)
    parser.add_argument(
        "--split",
        choices=("train", "validation", "test"),
        default="test",
        help="whose decisions prove that the graphs decide as the policy does (default: test)",
    )
    cli.add_agent(parser)
    cli.add_output(parser)
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    missing = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise UserError(f'{missing[0]} is not installed, run: pip install "jaxexit[export]"')
    from jaxexit.lab.trained import open_trained

    version = open_trained(arguments.experiment, arguments.root)
    machine.prepare_jax(arguments.device)

    from jaxexit.commands import show, tables
    from jaxexit.live.exported import ParityError, write_export
    from jaxexit.live.policy import restore_policy

    out = show.console(quiet=arguments.quiet, json=arguments.json)
    policy = restore_policy(version, arguments.checkpoint, arguments.seed)
    dataset = version.dataset()
    show.lines(out, dataset.summary)
    try:
        with show.working(out, "export") as say:
            manifest = write_export(policy, dataset, version.folder, arguments.split, on_part=say)
    except ParityError as error:
        print(f"error: {error}", file=sys.stderr)
        return cli.OUR_MISTAKE
    folder = version.folder.path / "export"
    tables.exported(out, manifest, folder)
    if arguments.json:
        print(json.dumps({"folder": str(folder), "manifest": manifest}))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
