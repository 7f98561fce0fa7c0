"""`python -m jaxexit.exam martingale|ou|disorder|controls|leaks|all`: markets whose answer is known.

`controls` plants traps, each of which an exam or an audit must catch; `leaks` draws random ones and honest
inputs: how many does the audit catch, and how often is it wrong? Exit code 1 when an examinee fails,
or a trap is not caught.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxexit import machine
from jaxexit.commands import cli

if TYPE_CHECKING:  # annotations only: a mistake in the arguments must not wait for jax
    from rich.table import Table

    from jaxexit.truth.controls import Control
    from jaxexit.truth.leaks import Tried
    from jaxexit.truth.optimal_exits import Share
    from jaxexit.truth.verdict import Verdict

FAILED = 1


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
    from jaxexit.truth.optimal_exits import sit

    return sit(
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
    from jaxexit.truth.controls import sit

    return sit(quick=arguments.quick, seed=arguments.seed, on_step=on_step)


def _leaks(arguments: argparse.Namespace, on_step: Progress) -> list[Tried]:
    from jaxexit.data.sample import load_named_bars
    from jaxexit.truth.leaks import sit

    bars = None if arguments.bars is None else load_named_bars(arguments.bars)
    return sit(quick=arguments.quick, seed=arguments.seed, bars=bars, on_step=on_step)


class Exam(NamedTuple):
    """How an exam is sat, shown, and judged: each result says whether it `passed`."""

    sit: Callable[[argparse.Namespace, Progress], Sequence[Any]]
    table: Callable[[str, Sequence[Any]], Table]
    rule: str


def _exams() -> dict[str, Exam]:
    return {
        "martingale": Exam(_martingale, verdict_table, "a mean within 4 standard errors"),
        "ou": Exam(_optimum, share_table, "a share of the optimum, and never above the ceiling"),
        "disorder": Exam(_optimum, share_table, "a share of the optimum, never above the ceiling"),
        "leaks": Exam(
            _leaks, leak_table, "the audit catches what it must, and lets the honest pass"
        ),
        "controls": Exam(_controls, control_table, "each trap caught, and nothing without one"),
    }


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.exam", description=__doc__)
    parser.add_argument("exam", choices=(*_exams(), "all"), help="which exam")
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
        help="martingale, ou, disorder: trades that each examinee plays (default: 200,000, 200,000, "
        "1,000,000; fewer with --quick)",
    )
    parser.add_argument(
        "--bars",
        metavar="FILE",
        help="leaks: in these bars ('sample', or a file) instead of made ones",
    )
    cli.add_overrides(parser, "of the learner that sits ou or disorder, e.g. ppo.gamma=0.99")
    cli.add_output(parser)
    return parser


def _seeds(text: str) -> tuple[int, ...]:
    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError:
        seeds = ()
    if not seeds or not all(0 <= seed < 2**32 for seed in seeds):
        raise argparse.ArgumentTypeError(f"found '{text}', allowed are seeds like 3,4,5")
    return seeds


def verdict_table(title: str, verdicts: Sequence[Verdict]) -> Table:
    """A row for each examinee and market."""
    from rich.table import Table

    table = Table(title=f"{title}, pips a trade", title_justify="left")
    for column in ("examinee", "market"):
        table.add_column(column)
    for column in ("trades", "mean pips", "should be", "std. error", "t"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    market = verdicts[0].market if verdicts else ""
    for verdict in verdicts:
        if verdict.market != market:
            table.add_section()
            market = verdict.market
        table.add_row(
            verdict.examinee,
            verdict.market,
            f"{verdict.trades:,}",
            f"{verdict.mean:+.3f}",
            f"{'<= ' if verdict.one_sided else ''}{verdict.expected:+.3f}",
            f"{verdict.standard_error:.4f}",
            f"{verdict.t:+.2f}",
            verdict.words,
            style=None if verdict.passed else "bold red",
        )
    return table


def share_table(title: str, shares: Sequence[Share]) -> Table:
    """A row for each policy: simple rules, the best rule, what was learned."""
    from rich.table import Table

    table = Table(title=f"{title}, net pips a trade", title_justify="left")
    table.add_column("policy")
    for column in ("steps", "seed", "trades", "raw mean", "std. error", "share of optimum", "bars"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    for share in shares:
        trained = share.steps > 0
        table.add_row(
            share.examinee,
            f"{share.steps:,}" if trained else "",
            str(share.seed) if trained else "",
            f"{share.trades:,}" if share.trades else "",
            f"{share.mean:+.3f}",
            f"{share.standard_error:.3f}",
            f"{share.share:.2%} +- {share.share_error:.2%}",
            f"{share.bars_held:.1f}" if share.trades else "",
            share.words,
            style=None if share.passed else "bold red",
        )
    if shares:
        table.caption = f"nobody can be worth more than {shares[0].ceiling:.3f} pips"
        table.caption_justify = "left"
    return table


def leak_table(title: str, rows: Sequence[Tried]) -> Table:
    """The power curve: a row for each kind of leak and strength; then false alarms."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column("planted")
    for column in ("strength", "tried", "caught", "share", "asked"):
        table.add_column(column, justify="right")
    kind = rows[0].kind if rows else ""
    for row in rows:
        if row.kind != kind:
            table.add_section()
            kind = row.kind
        table.add_row(
            row.kind,
            f"{row.low:.2f} to {min(row.high, 1.0):.2f}" if row.high else "",
            f"{row.tried:,}",
            f"{row.caught:,}",
            f"{row.share:.1%}" if row.tried else "-",
            ""
            if row.asked is None
            else f"{'below' if row.high == 0 else 'at least'} {row.asked:.0%}",
            style=None if row.passed else "bold red",
        )
    table.caption = (
        "strength: rank correlation of a column with what it leaks, beyond what the past explains; share of "
        "entries whose direction hindsight chose"
    )
    table.caption_justify = "left"
    return table


def control_table(title: str, controls: Sequence[Control]) -> Table:
    """A row for each trap and check, those without a trap first."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", expand=True)
    for column, share in (("trap", 4), ("planted how", 4), ("check", 3), ("what it saw", 6)):
        table.add_column(column, ratio=share)
    table.add_column("verdict", ratio=2)
    trap = ""
    for control in controls:
        if control.trap != trap:
            table.add_section()
            trap = control.trap
        words = (control.trap, control.planted, control.check, control.statistic, control.words)
        style = "" if control.passed else "bold red"
        table.add_row(*(Text(text) for text in words), style=style)
    return table


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    from jaxexit.errors import UserError

    if not 0 <= arguments.seed < 2**32:
        raise UserError(f"--seed: found {arguments.seed}, allowed is 0 to {2**32 - 1}")
    if min([1, *arguments.steps, arguments.trades or 1]) < 1:
        raise UserError("--steps, --trades: allowed are numbers from 1 up")
    if arguments.trades is not None and arguments.exam in ("controls", "leaks"):
        raise UserError(f"--trades: '{arguments.exam}' has its own number of trades")
    if arguments.bars is not None and arguments.exam != "leaks":
        raise UserError("--bars: is for leaks; the other exams make their markets")
    learner = arguments.overrides or arguments.steps or arguments.training_seeds
    if arguments.exam not in ("ou", "disorder") and learner:
        raise UserError(
            f"--set, --steps, --training-seeds: nothing to set in '{arguments.exam}', only in ou, disorder"
        )
    machine.prepare_jax(arguments.device)
    names = tuple(_exams()) if arguments.exam == "all" else (arguments.exam,)
    records = [_sit(name, arguments) for name in names]
    passed = all(record["passed"] for record in records)
    if arguments.json:
        whole = {"exam": "all", "passed": passed, "exams": records}
        print(json.dumps(whole if arguments.exam == "all" else records[0]))
    return 0 if passed else FAILED


def _sit(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One exam: sat, printed, and as a JSON object."""
    from jaxexit import progress

    exam = _exams()[name]
    out = progress.console(quiet=arguments.quiet, json=arguments.json)
    own = argparse.Namespace(**vars(arguments) | {"exam": name})
    with progress.working(out, name) as say:
        results = exam.sit(own, say)
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
