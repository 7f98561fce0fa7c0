"""`python -m jaxexit.benchmark train|backtest|data|start|compile|scale|gpu|published|all`: how fast.

train: the learner on the fixed job (64 x 2,048 samples, 10 epochs of 2,048, no KL stop), against the rate
at which this machine multiplies matrices. backtest: 1,681 trades under every policy, against
backtesting.py. data: files of 500,000 bars and 7,000 trades to device arrays. start: from a process's start
to its first update. compile [COMMAND]: the XLA programs that train, backtest, report, audit, compare build
from a cold cache. scale: throughput and memory as environments, seeds, width, bars, trades grow. gpu:
kernels of an update compiled for a GPU, without one; it needs JAX's CUDA plugin, and is not part of all.
published: problems of optimal stopping solved by ours and by Longstaff-Schwartz, randomised least squares
and deep optimal stopping, value and seconds side by side; it needs a checkout, and is not part of all.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxexit import checkout, machine
from jaxexit.benchmark.programs import COMMANDS
from jaxexit.benchmark.targets import TARGETS
from jaxexit.commands import cli
from jaxexit.errors import UserError

Say = Callable[[str], None]
UPDATES = 5
PEERS = "benchmarks.against"
PUBLISHED = "benchmarks.published"


def _train(arguments: argparse.Namespace, yaml: Path, say: Say) -> dict[str, Any]:
    from jaxexit.benchmark import train

    return train.measure(
        yaml,
        arguments.overrides,
        updates=arguments.updates,
        peers=checkout.load(PEERS, "--peers").measure if arguments.peers else None,
        device=arguments.device,
        say=say,
    )


def _backtest(arguments: argparse.Namespace, yaml: Path, say: Say) -> dict[str, Any]:
    from jaxexit.benchmark import backtest

    return backtest.measure(yaml, say=say)


def _data(arguments: argparse.Namespace, yaml: Path, say: Say) -> dict[str, Any]:
    from jaxexit.benchmark import data

    return data.measure(yaml, device=arguments.device, say=say)


def _start(arguments: argparse.Namespace, yaml: Path, say: Say) -> dict[str, Any]:
    from jaxexit.benchmark import start

    return start.measure(yaml, arguments.overrides, device=arguments.device, say=say)


def _scale(arguments: argparse.Namespace, yaml: Path, say: Say) -> dict[str, Any]:
    from jaxexit.benchmark import scale

    record = scale.measure(yaml, device=arguments.device, say=say)
    if arguments.png is not None:
        scale.draw(record, arguments.png)
    return record


def _gpu(arguments: argparse.Namespace, yaml: Path, say: Say) -> dict[str, Any]:
    from jaxexit.benchmark import gpu

    return gpu.measure(
        yaml, arguments.overrides, target=arguments.target, peers=arguments.peers, say=say
    )


def _published(arguments: argparse.Namespace, yaml: Path, say: Say) -> list[dict[str, Any]]:
    del yaml
    against = checkout.load(PUBLISHED, "published")
    return against.measure(arguments.problem, say)


def _compile(arguments: argparse.Namespace, yaml: Path, say: Say) -> Any:
    from jaxexit.benchmark import programs

    return programs.measure(
        yaml, arguments.overrides, command=arguments.command, device=arguments.device, say=say
    )


PARTS: dict[str, Callable[[argparse.Namespace, Path, Say], Any]] = {
    "train": _train,
    "backtest": _backtest,
    "data": _data,
    "start": _start,
    "compile": _compile,
    "scale": _scale,
    "gpu": _gpu,
    "published": _published,
}
ALL = tuple(name for name in PARTS if name not in ("gpu", "published"))


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.benchmark", description=__doc__)
    parser.add_argument(
        "part", nargs="?", choices=(*PARTS, "all"), default="all", help="default: all"
    )
    parser.add_argument(
        "command",
        nargs="?",
        choices=COMMANDS,
        help="compile: of which command (default: each of them)",
    )
    parser.add_argument(
        "--updates",
        metavar="N",
        type=int,
        default=UPDATES,
        help=f"train: timed updates of each learner (default: {UPDATES})",
    )
    parser.add_argument(
        "--peers",
        action="store_true",
        help="train: also PureJaxRL-style, rejax, Stable-Baselines3, PyTorch (a checkout, and extra bench); "
        "gpu: also PureJaxRL-style",
    )
    parser.add_argument(
        "--target", choices=tuple(TARGETS), help=f"gpu: the GPU (default: {next(iter(TARGETS))})"
    )
    cli.add_problems(
        parser, "of the names that exam published takes (default: one or two of each table)"
    )
    parser.add_argument("--png", metavar="FILE", type=Path, help="scale: also as a picture")
    parser.add_argument(
        "--root",
        metavar="DIR",
        type=Path,
        default=Path("experiments"),
        help="where v2_exit_guards.yaml is (default: experiments)",
    )
    cli.add_overrides(parser, "of the fixed job, e.g. ppo.num_steps=256; it is no longer that job")
    cli.add_output(parser)
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    if arguments.updates < 1:
        raise UserError(f"--updates: got {arguments.updates}, expected a whole number from 1 up")
    if arguments.peers and arguments.part not in ("train", "gpu", "all"):
        raise UserError(f"--peers: only for train, gpu and all, not for {arguments.part}")
    if arguments.target is not None and arguments.part != "gpu":
        raise UserError(f"--target: only for gpu, not for {arguments.part}")
    arguments.target = arguments.target or next(iter(TARGETS))
    if arguments.command is not None and arguments.part != "compile":
        raise UserError(
            f"{arguments.command}: COMMAND is only for compile, not for {arguments.part}"
        )
    if arguments.problem and arguments.part != "published":
        raise UserError(f"--problem: only for published, not for {arguments.part}")
    if arguments.png is not None and arguments.part not in ("scale", "all"):
        raise UserError(f"--png: only for scale and all, not for {arguments.part}")
    against = checkout.load(PEERS, "--peers") if arguments.peers else None
    from jaxexit.benchmark import gpu
    from jaxexit.benchmark.job import job_experiment, yaml_file

    if arguments.part == "gpu":
        gpu.check_plugin()

    yaml = yaml_file(arguments.root)
    # First: a mistake in the job is reported here, not minutes later.
    experiment = job_experiment(yaml, arguments.overrides)
    if against is not None:
        against.check(experiment)
    machine.prepare_jax(arguments.device)

    from jaxexit import progress
    from jaxexit.benchmark import words
    from jaxexit.benchmark.machine import describe

    out = progress.console(quiet=arguments.quiet, json=arguments.json)
    record: dict[str, Any] = {"machine": describe(against.PACKAGES if against else ())}
    progress.lines(out, words.machine(record["machine"]))
    for name in ALL if arguments.part == "all" else (arguments.part,):
        with progress.working(out, name) as say:
            record[name] = PARTS[name](arguments, yaml, say)
        progress.lines(out, ["", name, *words.PARTS[name](record[name])])
    if arguments.json:
        if arguments.command is not None:  # one command's record is the object itself
            record |= record.pop("compile")
        print(json.dumps(record))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
