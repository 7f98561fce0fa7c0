"""`python -m jaxexit.exam martingale|ou|disorder|few|leaks|controls|published|all`: the answer is known.

`few`: how much of the optimum is earned after learning from few trades? `published`: problems of optimal
stopping whose values others have published. `controls` plants traps, each of
which an exam or an audit must catch; it needs a checkout of the repository. `leaks` generates random leaks
and honest inputs: how many does the audit catch, how often is it wrong? Exit code 1 when an examinee fails,
or a trap is not caught.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from jaxexit.commands import cli
from jaxexit.errors import UserError

EXAMS = ("martingale", "ou", "disorder", "few", "leaks", "controls", "published")
FEWEST = 200  # trades to learn from in `few`
OF_PUBLISHED = ("problem", "learner")
OF_FEW = ("market", "experiment", "market_seeds", "learning_seeds", "picture")


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
        metavar="N[,N...]",
        type=_whole_numbers,
        default=(),
        help="martingale, ou, disorder: trades of each examinee (default: 200,000, 200,000, "
        "1,000,000; fewer with --quick); few: trades to learn from (default: 250,1000,4000,16000); "
        "published: fresh paths of each row (default: 65536)",
    )
    _add_few(parser)
    _add_published(parser)
    parser.add_argument(
        "--bars",
        metavar="FILE",
        help="leaks: in these bars ('sample', or a file) instead of simulated ones",
    )
    cli.add_overrides(
        parser, "of the learner in ou, disorder, few or published, e.g. ppo.gamma=0.99"
    )
    cli.add_output(parser)
    return parser


def _add_few(parser: cli.Parser) -> None:
    """The options of `few` alone."""
    parser.add_argument(
        "--market",
        metavar="NAME",
        action="append",
        default=[],
        help="few: this market only; repeatable (default: all)",
    )
    parser.add_argument(
        "--experiment",
        metavar="FILE",
        help="few: whose learner is examined: a YAML file or a version's name (default: what is recommended)",
    )
    parser.add_argument(
        "--market-seeds", metavar="N", type=int, help="few: series of each market (default: 4)"
    )
    parser.add_argument(
        "--learning-seeds", metavar="N", type=int, help="few: learnings a series (default: 8)"
    )
    parser.add_argument(
        "--picture", metavar="FILE", type=Path, help="few: also draw the shares, a PNG file"
    )


def _add_published(parser: cli.Parser) -> None:
    """The options of `published` alone."""
    cli.add_problems(
        parser, "put-36-0.2-1, or all of a table: put, max-call, fbm, maximum, ou (default: all)"
    )
    parser.add_argument(
        "--learner",
        choices=("exact", "ppo"),
        action="append",
        default=[],
        help="published: this learner only (default: both)",
    )


def _whole_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"got {text}, expected whole numbers like 250,1000"
        ) from None


def _seeds(text: str) -> tuple[int, ...]:
    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError:
        seeds = ()
    if not seeds or not all(0 <= seed < 2**32 for seed in seeds):
        raise argparse.ArgumentTypeError(f"got {text}, expected seeds like 3,4,5")
    return seeds


def check_options(arguments: argparse.Namespace) -> None:
    """Raise a UserError for numbers that make no sense, and for options of other exams."""
    if not 0 <= arguments.seed < 2**32:
        raise UserError(
            f"--seed: got {arguments.seed}, expected a whole number from 0 to {2**32 - 1}"
        )
    exam = arguments.exam
    for option, numbers in (
        ("--steps", arguments.steps),
        ("--trades", arguments.trades),
        ("--market-seeds", (arguments.market_seeds,)),
        ("--learning-seeds", (arguments.learning_seeds,)),
    ):
        for number in numbers:
            if number is not None and number < 1:
                raise UserError(f"{option}: got {number}, expected a whole number from 1 up")
    if arguments.trades and exam in ("controls", "leaks"):
        raise UserError(f"--trades: the number of trades of {exam} cannot be changed")
    shown = ",".join(map(str, arguments.trades))
    if len(arguments.trades) > 1 and exam != "few":
        raise UserError(f"--trades: got {shown}, expected one number; several only for few")
    if exam == "few" and any(number < FEWEST for number in arguments.trades):
        raise UserError(
            f"--trades: got {shown}, expected {FEWEST} or more for few: of fewer, validation has none left"
        )
    if arguments.bars is not None and exam != "leaks":
        raise UserError("--bars: only for leaks; the other exams simulate their markets")
    if (arguments.steps or arguments.training_seeds) and exam not in ("ou", "disorder"):
        raise UserError(f"--steps, --training-seeds: only for ou and disorder, not for {exam}")
    if arguments.overrides and exam not in ("ou", "disorder", "few", "published"):
        raise UserError(f"--set: only for ou, disorder, few and published, not for {exam}")
    for text in arguments.overrides:
        if exam == "few" and text.split(".")[0].strip() in ("data", "costs"):
            raise UserError(f"--set: got {text}, but the market of an exam is fixed")
    for names, owner in ((OF_FEW, "few"), (OF_PUBLISHED, "published")):
        for name in names:
            if getattr(arguments, name) and exam != owner:
                raise UserError(f"--{name.replace('_', '-')}: only for {owner}, not for {exam}")
