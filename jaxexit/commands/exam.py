"""`python -m jaxexit.exam`: how an exam is run, shown and judged (what it is: `exam_options`)."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxexit import checkout, machine, terminal
from jaxexit.commands import cli, exam_added
from jaxexit.commands.exam_options import EXAMS, build_parser, check_options

if TYPE_CHECKING:  # annotations only: a mistake in the arguments must not wait for jax
    from rich.table import Table

    from jaxexit.truth.few.scores import FewScore
    from jaxexit.truth.leaks import DetectionRate
    from jaxexit.truth.published.exam import Row
    from jaxexit.truth.verdict import Control, Share, Verdict

FAILED = 1
CONTROLS = "tests.truth.planted.controls"
SHARE_RULE = "the required share of the optimum, never above the upper bound"

Progress = Callable[[str], None]


def _martingale(arguments: argparse.Namespace, on_step: Progress) -> list[Verdict]:
    from jaxexit.truth import adversaries, martingale
    from jaxexit.truth.exploiters import everyone

    quick, seed = arguments.quick, arguments.seed
    trained = adversaries.adversaries(seed=seed, quick=quick, on_update=on_step)
    added = exam_added.examinees(trained, seed=seed, quick=quick, on_step=on_step)
    examine = partial(
        martingale.examine,
        trades=_one(arguments.trades)
        or (martingale.QUICK_TRADES if quick else martingale.FULL_TRADES),
        seed=seed,
        features=adversaries.observed(),
        on_setting=on_step,
    )
    first, settings = [*everyone(), *trained], martingale.SETTINGS
    if not quick:
        settings += martingale.AT_CLOSE + martingale.FINER
        verdicts = examine([*first, *added], settings)
    else:
        verdicts = examine(first, settings)
        if added:
            two = [s for s in settings if s.jumps and s.costs == (s.side == "short")]
            verdicts += examine(added, two) + examine([*first, *added], martingale.FINER)
    return verdicts + exam_added.advised(trained, seed=seed, quick=quick, on_step=on_step)


def _optimum(arguments: argparse.Namespace, on_step: Progress) -> list[Share]:
    from jaxexit.truth.optimal_exits import run_exam

    return run_exam(
        arguments.exam,
        quick=arguments.quick,
        seed=arguments.seed,
        overrides=arguments.overrides,
        steps=arguments.steps,
        trades=_one(arguments.trades),
        seeds=arguments.training_seeds,
        on_step=on_step,
    )


def _one(numbers: tuple[int, ...]) -> int | None:
    return numbers[0] if numbers else None


def _few(arguments: argparse.Namespace, on_step: Progress) -> list[FewScore]:
    from jaxexit.config import load_experiment, with_overrides
    from jaxexit.truth.few import exam
    from jaxexit.truth.few.markets import market
    from jaxexit.truth.few.picture import draw

    plan = (exam.QUICK if arguments.quick else exam.Plan())._replace(seed=arguments.seed)
    if arguments.market:
        plan = plan._replace(markets=tuple(market(name).name for name in arguments.market))
    for name in ("trades", "market_seeds", "learning_seeds"):
        if getattr(arguments, name):
            plan = plan._replace(**{name: getattr(arguments, name)})
    if arguments.experiment is None:
        experiment = with_overrides(exam.recommended(), arguments.overrides)
    else:
        experiment = load_experiment(arguments.experiment, arguments.overrides)
    scores = exam.run_exam(experiment, plan, quick=arguments.quick, on_step=on_step)
    if arguments.picture is not None:
        draw(scores, arguments.picture)
    return scores


def _controls(arguments: argparse.Namespace, on_step: Progress) -> list[Control]:
    controls = checkout.load(CONTROLS, "exam controls")
    return controls.run_exam(quick=arguments.quick, seed=arguments.seed, on_step=on_step)


def _leaks(arguments: argparse.Namespace, on_step: Progress) -> list[DetectionRate]:
    from jaxexit.data.sample import load_named_bars
    from jaxexit.truth.leaks import run_exam

    bars = None if arguments.bars is None else load_named_bars(arguments.bars)
    return run_exam(quick=arguments.quick, seed=arguments.seed, bars=bars, on_step=on_step)


def _published(arguments: argparse.Namespace, on_step: Progress) -> list[Row]:
    from jaxexit.truth.published.exam import run_exam

    return run_exam(
        quick=arguments.quick,
        seed=arguments.seed,
        names=arguments.problem,
        learners=arguments.learner,
        overrides=arguments.overrides,
        paths=_one(arguments.trades),
        on_step=on_step,
    )


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
        "few": Exam(
            _few,
            tables.few_table,
            "the required share, and no less than the fitted rule but for its errors",
        ),
        "leaks": Exam(
            _leaks, tables.leak_table, "the audit catches the leaks, and passes the honest inputs"
        ),
        "controls": Exam(
            _controls, tables.control_table, "each trap caught, and no alarm without one"
        ),
        "published": Exam(
            _published, tables.published_table, "as published, and never above the upper bound"
        ),
    }


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    check_options(arguments)
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
    of_markets = arguments.exam != "all" or name not in ("few", "published")
    trades = arguments.trades if of_markets else ()
    of_this_exam = argparse.Namespace(**vars(arguments) | {"exam": name, "trades": trades})
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
