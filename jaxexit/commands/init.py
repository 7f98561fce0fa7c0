"""`python -m jaxexit.init BARS TRADES`: two experiments from a trader's own files.

What the files say is looked up; what they cannot say is asked, each with a default (--yes takes them, --set
KEY=VALUE answers beforehand). Written are a baseline, v1_NAME.yaml, and what to train, v2_NAME.yaml.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxexit import machine
from jaxexit.commands import cli
from jaxexit.errors import DataError

if TYPE_CHECKING:  # annotations only: a mistake in the arguments must not wait for jax
    from rich.table import Table

    from jaxexit.config import Experiment
    from jaxexit.init.begin import Begun
    from jaxexit.init.draft import Fact
    from jaxexit.init.written import Files
    from jaxexit.progress import Reporter

FOLDS = 5  # of the walk-forward whose power is told, as of `power`
_STYLES = {"found": "green", "assumed": "yellow", "said": "cyan"}


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.init", description=__doc__)
    parser.add_argument(
        "bars",
        metavar="BARS",
        help="a file of bars or ticks in any known format, or 'BID,ASK' of one side each",
    )
    parser.add_argument(
        "trades", metavar="TRADES", help="a list of trades in any known format: docs/lists.md"
    )
    parser.add_argument(
        "--name",
        help="of the versions, v1_NAME and v2_NAME (default: the market and its bars, like audusd_m15)",
    )
    parser.add_argument(
        "--root",
        metavar="DIR",
        type=Path,
        default=Path("experiments"),
        help="where the files are written (default: experiments)",
    )
    parser.add_argument(
        "--yes", action="store_true", help="ask nothing: take the default of every question"
    )
    cli.add_overrides(
        parser, "of the written experiment, e.g. data.price_side=bid; it is not asked for then"
    )
    cli.add_output(parser)
    return parser


def facts_table(facts: Sequence[Fact]) -> Table:
    """A line a fact: how it is known, what it is about, what it says."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for fact in facts:
        value = "" if fact.key is None else "-" if fact.value is None else str(fact.value)
        table.add_row(Text(fact.how, _STYLES[fact.how]), fact.label, value, fact.words)
    return table


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    from jaxexit.init.questions import AtTerminal, Defaults, at_a_terminal

    ask = AtTerminal() if at_a_terminal() and not arguments.yes else Defaults()
    machine.prepare_jax(arguments.device)
    from jaxexit.init.begin import explore, version_part
    from jaxexit.init.draft import Draft
    from jaxexit.init.written import files_in, learner_words, write
    from jaxexit.progress import Reporter, console

    reporter = Reporter(console(quiet=arguments.quiet, json=arguments.json))
    name = None if arguments.name is None else version_part(arguments.name)
    if name is not None:
        files_in(arguments.root, name)
    begun = explore(Draft(arguments.bars, arguments.trades, arguments.overrides, ask))
    if isinstance(ask, Defaults) and not arguments.yes:
        ask.require_consent()
    files = files_in(arguments.root, name or begun.name)
    begun.draft.tell("learner of v2", learner_words(begun), "assumed")
    words = shlex.join(["jaxexit", "init", *(sys.argv[1:] if argv is None else argv)])
    v1, _ = write(begun, files, words)
    _show(reporter, begun, files)
    power = _power(reporter, begun, v1)
    following = shlex.join(["python", "-m", "jaxexit.train", str(files.v2)])
    reporter.lines("", f"next: {following}")
    if arguments.json:
        print(json.dumps(_record(begun, files, power, following)))
    return 0


def _show(reporter: Reporter, begun: Begun, files: Files) -> None:
    reporter.lines()
    reporter.out.print(facts_table(begun.draft.facts))
    assumed = [fact for fact in begun.draft.facts if fact.how == "assumed" and fact.key is not None]
    reporter.lines("", *(f"note: {note}" for note in begun.draft.notes))
    if assumed:
        keys = ", ".join(str(fact.key) for fact in assumed)
        reporter.lines(f"check what is assumed: {keys}")
    reporter.lines(f"written: {files.v1} (baseline), {files.v2} (to train)")


def _power(reporter: Reporter, begun: Begun, experiment: Experiment) -> dict[str, Any] | None:
    """What tests of these trades could show; None, and why, where validation is too short to tell."""
    from jaxexit.commands.power import explained
    from jaxexit.evaluate.power import power_line
    from jaxexit.lab.power import experiment_power

    try:
        with reporter.working("power of the test") as say:
            power = experiment_power(experiment, begun.dataset, FOLDS, on_part=say)
    except DataError as error:
        reporter.lines(f"power: cannot be told: {error}")
        return None
    line = power_line({"power": power, "split": "test"})
    reporter.lines(f"power: {line}. {explained(power)[0]}")
    return power


def _record(
    begun: Begun, files: Files, power: dict[str, Any] | None, following: str
) -> dict[str, Any]:
    return {
        "v1": str(files.v1),
        "v2": str(files.v2),
        "trades": {split: len(table) for split, table in begun.dataset.tables.items()},
        "found": [fact.record() for fact in begun.draft.facts],
        "notes": begun.draft.notes,
        "power": power,
        "next": following,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
