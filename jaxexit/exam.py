"""`python -m jaxexit.exam martingale`: markets whose answer is known. Exit code 1 when one is missed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from jaxexit import cli

if TYPE_CHECKING:  # annotations only: a mistake in the arguments must not wait for jax
    from rich.table import Table

    from jaxexit.truth.verdict import Verdict

FAILED = 1


def _martingale(arguments: argparse.Namespace, on_setting: Callable[[str], None]) -> list[Verdict]:
    from jaxexit.truth import martingale
    from jaxexit.truth.exploiters import everyone

    quick = arguments.quick
    return martingale.examine(
        everyone(),
        martingale.SETTINGS if quick else martingale.SETTINGS + martingale.AT_CLOSE,
        trades=martingale.QUICK_TRADES if quick else martingale.FULL_TRADES,
        seed=arguments.seed,
        on_setting=on_setting,
    )


# Each exam: from the arguments, and a function to call with what it is doing, to its verdicts.
EXAMS: dict[str, Callable[[argparse.Namespace, Callable[[str], None]], list[Verdict]]] = {
    "martingale": _martingale,
}


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.exam", description=__doc__)
    parser.add_argument("exam", choices=tuple(EXAMS), help="which exam")
    parser.add_argument("--quick", action="store_true", help="fewer trades: within a minute")
    parser.add_argument("--seed", type=int, default=0, help="of markets and policies (default: 0)")
    cli.add_output(parser)
    return parser


def verdict_table(title: str, verdicts: Sequence[Verdict]) -> Table:
    """A row for each examinee and market."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
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


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    if not 0 <= arguments.seed < 2**32:
        from jaxexit.errors import UserError

        raise UserError(f"--seed: found {arguments.seed}, allowed is 0 to {2**32 - 1}")
    cli.prepare_jax(arguments.device)
    from jaxexit import show

    out = show.console(quiet=arguments.quiet, json=arguments.json)
    with out.status(arguments.exam) as status:
        verdicts = EXAMS[arguments.exam](
            arguments, lambda name: status.update(f"{arguments.exam}: {name}")
        )
    failed = [verdict for verdict in verdicts if not verdict.passed]
    title = f"{arguments.exam} exam, seed {arguments.seed}, pips a trade"
    out.print(verdict_table(title, verdicts))
    words = f"{len(failed)} of {len(verdicts)} FAILED" if failed else f"all {len(verdicts)} passed"
    show.lines(out, [f"{arguments.exam}: {words} (4 standard errors)"])
    if arguments.json:
        rows = [
            asdict(verdict) | {"t": verdict.t, "passed": verdict.passed} for verdict in verdicts
        ]
        record = {"exam": arguments.exam, "quick": arguments.quick, "seed": arguments.seed}
        print(json.dumps(record | {"passed": not failed, "verdicts": rows}))
    return FAILED if failed else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv)


if __name__ == "__main__":
    sys.exit(main())
