"""`python -m jaxexit.power EXPERIMENT`: what difference these trades could show at all, before training.

Simple exits are tuned on train and compared on validation; the test split is not looked at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxexit import machine, units
from jaxexit.commands import cli
from jaxexit.errors import UserError

if TYPE_CHECKING:  # annotations only: a mistake in the arguments must not wait for jax
    from rich.table import Table


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.power", description=__doc__)
    cli.add_experiment(parser)
    parser.add_argument(
        "--folds",
        metavar="K",
        type=int,
        default=5,
        help="folds of the walk-forward, as of train --walk-forward K (default: 5)",
    )
    cli.add_output(parser)
    return parser


def power_table(power: Mapping[str, Any]) -> Table:
    """A row for each test: its size, and the least difference that it would find."""
    from rich.table import Table

    exits, validation = len(power["exits"]), power["validation"]["trades"]
    table = Table(
        title=f"{power['version']}: least difference a trade that a test finds with {power['power']:.0%} "
        f"power at {power['confidence']:.0%}\nmedian (range) over {power['pairs']} pairs of {exits} simple "
        f"exits on the {validation:,} trades of validation",
        title_justify="left",
    )
    counted = tuple(power["trades_needed"])
    table.add_column("tested on")
    for heading in ("trades", "independent periods", *map(units.words, counted)):
        table.add_column(heading, justify="right")
    folds = power["walk_forward"]["folds"]
    for words, test in (
        ("test split", power["test"]),
        (f"walk-forward, {folds} folds", power["walk_forward"]),
    ):
        periods = "-" if test["periods"] is None else f"{test['periods']:.1f}"
        cells = (_least(test, unit) for unit in counted)
        table.add_row(words, f"{test['trades']:,}", periods, *cells)
    return table


def _least(test: Mapping[str, Any], unit: str) -> str:
    """The least difference and its range; a dash where no such difference is found."""
    key = units.key(unit, "detectable", "mean")
    middle, low, high = (
        "-" if value is None else f"{value:.{units.digits(unit)}f}"
        for value in (test[key], *(test[f"{key}_range"] or (None, None)))
    )
    return f"{middle} ({low} to {high})"


def explained(power: Mapping[str, Any]) -> list[str]:
    """How many trades it would take to see a little, and what all of it depends on."""
    parts = [
        f"{_amount(need['difference'], unit)} a trade "
        + ("cannot be told" if need["trades"] is None else f"takes {need['trades']:,} trades")
        for unit, need in power["trades_needed"].items()
    ]
    return [
        f"To see {'; to see '.join(parts)} (entries as dense as those of validation).",
        "The noise of validation is taken for that of the test. A dash: no verdict is given on fewer than 8 "
        "independent periods.",
    ]


def _amount(value: float, unit: str) -> str:
    words = units.words(unit)
    return f"{value:g} {words.removesuffix('s') if value == 1 else words}"


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    if arguments.folds < 2:
        raise UserError(f"--folds: got {arguments.folds}, expected a whole number from 2 up")
    from jaxexit.api import load
    from jaxexit.config import find_experiment
    from jaxexit.progress import Reporter, console

    yaml = find_experiment(arguments.experiment, arguments.root or Path("experiments"))
    study = load(yaml, overrides=arguments.overrides)
    machine.prepare_jax(arguments.device)
    reporter = Reporter(console(quiet=arguments.quiet, json=arguments.json))
    reporter.lines(*study.dataset.summary)
    power = study.power(folds=arguments.folds, progress=reporter)
    reporter.out.print(power_table(power))
    reporter.lines(*explained(power))
    if arguments.json:
        print(json.dumps(power))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
