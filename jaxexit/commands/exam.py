"""`python -m jaxexit.exam martingale|ou|disorder|controls|leaks|all`: markets whose answer is known.

`controls` plants traps, each of which an exam or an audit must catch; it needs a checkout of the repository.
`leaks` generates random leaks and honest inputs: how many does the audit catch, how often is it wrong? Exit
code 1 when an examinee fails, or a trap is not caught.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxexit import checkout, machine, terminal
from jaxexit.commands import cli

if TYPE_CHECKING:  # annotations only: a mistake in the arguments must not wait for jax
    from rich.table import Table

    from jaxexit.truth.leaks import DetectionRate
    from jaxexit.truth.verdict import Control, Share, Verdict

FAILED = 1
EXAMS = ("martingale", "ou", "disorder", "leaks", "controls")
CONTROLS = "tests.truth.planted.controls"
SHARE_RULE = "the required share of the optimum, never above the upper bound"

Progress = Callable[[str], None]


def _martingale(arguments: argparse.Namespace, on_step: Progress) -> list[Verdict]:
    from jaxexit.truth import adversaries, martingale
    from jaxexit.truth.exploiters import everyone

    quick, seed = arguments.quick, arguments.seed
    trained = adversaries.adversaries(seed=seed, quick=quick, on_update=on_step)
    return martingale.examine(
        [*everyone(), *trained],
        martingale.SETTINGS if quick else martingale.SETTINGS + martingale.AT_CLOSE,
        trades=arguments.trades or (martingale.QUICK_TRADES if quick else martingale.FULL_TRADES),
        seed=seed,
        features=adversaries.observed(),
        on_setting=on_step,
    )


def _optimum(arguments: argparse.Namespace, on_step: Progress) -> list[Share]:
    from jaxexit.truth.optimal_exits import run_exam

    return run_exam(
        arguments.exam,
        quick=arguments.quick,
        seed=arguments.seed,
        overrides=arguments.overrides,
        steps=arguments.steps,
        trades=arguments.trades,
        seeds=arguments.training_seeds,
        on_step=on_step,
    )


def _controls(arguments: argparse.Namespace, on_step: Progress) -> list[Control]:
    controls = checkout.load(CONTROLS, "exam controls")
    return controls.run_exam(quick=arguments.quick, seed=arguments.seed, on_step=on_step)


def _leaks(arguments: argparse.Namespace, on_step: Progress) -> list[DetectionRate]:
    from jaxexit.data.sample import load_named_bars
    from jaxexit.truth.leaks import run_exam

    bars = None if arguments.bars is None else load_named_bars(arguments.bars)
    return run_exam(quick=arguments.quick, seed=arguments.seed, bars=bars, on_step=on_step)


class Exam(NamedTuple):
    """How an exam is run, shown, and judged: each result says whether it `passed`."""

    run: Callable[[argparse.Namespace, Progress], Sequence[Any]]
    table: Callable[[str, Sequence[Any]], Table]
    rule: str


def _exams() -> dict[str, Exam]:
    from jaxexit.commands import exam_tables as tables

    return {
        "martingale": Exam(
            _martingale,
            tables.verdict_table,
            "means within 4 standard errors of what is expected",
        ),
        "ou": Exam(
            _optimum,
            tables.share_table,
            SHARE_RULE,
        ),
        "disorder": Exam(
            _optimum,
            tables.share_table,
            SHARE_RULE,
        ),
        "leaks": Exam(
            _leaks, tables.leak_table, "the audit catches the leaks, and passes the honest inputs"
        ),
        "controls": Exam(
            _controls, tables.control_table, "each trap caught, and no alarm without one"
        ),
    }


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.exam", description=__doc__)
    parser.add_argument("exam", choices=(*EXAMS, "all"), help="which exam")
    parser.add_argument("--quick", action="store_true", help="fewer trades: within a minute")
    parser.add_argument("--seed", type=int, default=0, help="of markets and policies (default: 0)")
    parser.add_argument(
        "--steps",
        metavar="N",
        type=int,
        action="append",
        default=[],
        help="ou, disorder: environment steps of training (default: 2 and 10 million)",
    )
    parser.add_argument(
        "--training-seeds",
        metavar="N,N,...",
        type=_seeds,
        default=(),
        help="ou, disorder: seeds of the trainings (default: 0,1,2)",
    )
    parser.add_argument(
        "--trades",
        metavar="N",
        type=int,
        help="martingale, ou, disorder: trades of each examinee (default: 200,000, 200,000, "
        "1,000,000; fewer with --quick)",
    )
    parser.add_argument(
        "--bars",
        metavar="FILE",
        help="leaks: in these bars ('sample', or a file) instead of simulated ones",
    )
    cli.add_overrides(parser, "of the learner in ou or disorder, e.g. ppo.gamma=0.99")
    cli.add_output(parser)
    return parser


def _seeds(text: str) -> tuple[int, ...]:
    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError:
        seeds = ()
    if not seeds or not all(0 <= seed < 2**32 for seed in seeds):
        raise argparse.ArgumentTypeError(f"got {text}, expected seeds like 3,4,5")
    return seeds


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    from jaxexit.errors import UserError

    if not 0 <= arguments.seed < 2**32:
        raise UserError(
            f"--seed: got {arguments.seed}, expected a whole number from 0 to {2**32 - 1}"
        )
    for option, number in [
        *(("--steps", n) for n in arguments.steps),
        ("--trades", arguments.trades),
    ]:
        if number is not None and number < 1:
            raise UserError(f"{option}: got {number}, expected a whole number from 1 up")
    if arguments.trades is not None and arguments.exam in ("controls", "leaks"):
        raise UserError(f"--trades: the number of trades of {arguments.exam} cannot be changed")
    if arguments.bars is not None and arguments.exam != "leaks":
        raise UserError("--bars: only for leaks; the other exams simulate their markets")
    learner = arguments.overrides or arguments.steps or arguments.training_seeds
    if arguments.exam not in ("ou", "disorder") and learner:
        raise UserError(
            f"--set, --steps, --training-seeds: only for ou and disorder, not for {arguments.exam}"
        )
    machine.prepare_jax(arguments.device)
    names = (arguments.exam,)
    if arguments.exam == "all":
        names = tuple(name for name in EXAMS if name != "controls" or checkout.available(CONTROLS))
        if "controls" not in names:
            terminal.note("controls is left out: it needs a checkout of the repository")
    elif arguments.exam == "controls":
        checkout.load(CONTROLS, "exam controls")
    records = [_run(name, arguments) for name in names]
    passed = all(record["passed"] for record in records)
    if arguments.json:
        whole = {"exam": "all", "passed": passed, "exams": records}
        print(json.dumps(whole if arguments.exam == "all" else records[0]))
    return 0 if passed else FAILED


def _run(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One exam: run, printed, and as a JSON object."""
    from jaxexit import progress

    exam = _exams()[name]
    out = progress.console(quiet=arguments.quiet, json=arguments.json)
    of_this_exam = argparse.Namespace(**vars(arguments) | {"exam": name})
    with progress.working(out, name) as say:
        results = exam.run(of_this_exam, say)
    failed = [result for result in results if not result.passed]
    out.print(exam.table(f"{name} exam, seed {arguments.seed}", results))
    words = f"{len(failed)} of {len(results)} FAILED" if failed else f"all {len(results)} passed"
    progress.lines(out, [f"{name}: {words} ({exam.rule})"])
    return {
        "exam": name,
        "quick": arguments.quick,
        "seed": arguments.seed,
        "passed": not failed,
        "verdicts": [result.as_json() for result in results],
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
