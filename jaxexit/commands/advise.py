"""`python -m jaxexit.advise EXPERIMENT --trades FILE --bars -`: what to do with open trades, bar by bar.

Closed bars come as JSON lines on stdin (or from a bar file); answers go to stdout as JSON lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxexit import health, machine, terminal
from jaxexit.commands import cli
from jaxexit.errors import UserError
from jaxexit.resources import MOST_LINE

if TYPE_CHECKING:
    from jaxexit.live.advisor import Advisor

STDIN = "-"


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.advise", description=__doc__)
    cli.add_experiment(parser, overrides=False)
    parser.add_argument(
        "--trades", metavar="FILE", type=Path, help="open trades, in any format of data.trades"
    )
    parser.add_argument(
        "--bars",
        metavar="FILE|-",
        required=True,
        help="closed bars: - for JSON lines on stdin, or a bar file",
    )
    parser.add_argument(
        "--history",
        metavar="FILE",
        help="bars before the first of --bars, to warm up the indicators (a bar file, or 'sample')",
    )
    parser.add_argument(
        "--price-side",
        choices=("bid", "ask", "mid"),
        help="side of one-sided bars (default: the history's, else the experiment's)",
    )
    parser.add_argument(
        "--pip", type=float, help="size of a pip in price units (default: the experiment's)"
    )
    parser.add_argument(
        "--max-delay",
        metavar="SECONDS",
        type=float,
        help="flag bars that arrive later than this after their close, by this machine's clock",
    )
    cli.add_agent(parser)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: cpu")
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    terminal.check_output("advise")  # its only result is there
    lines = terminal.input_lines("--bars -") if arguments.bars == STDIN else iter(())
    health.say("starting")
    machine.prepare_jax(arguments.device)
    from jaxexit.live.advisor import Advisor

    advisor = Advisor(
        arguments.experiment,
        root=arguments.root,
        checkpoint=arguments.checkpoint,
        seed=arguments.seed,
        history=arguments.history,
        price_side=arguments.price_side,
        pip=arguments.pip,
        max_delay=arguments.max_delay,
    )
    opening = advisor.load(arguments.trades) if arguments.trades else []
    if arguments.bars == STDIN:
        answers = from_lines(advisor, health.watched(lines))
    else:
        answers = from_file(advisor, arguments.bars, arguments.price_side or "auto")
    _say([advisor.ready(), *opening])
    for messages in answers:
        _say(messages)
        if terminal.nobody_reads():
            terminal.note("nobody reads the advice any more: stopped")
            break
    return 0


def from_lines(advisor: Advisor, lines: Iterable[str]) -> Iterator[list[dict[str, Any]]]:
    """Answers to JSON lines: a bar each, or {"open": {...}}, or {"close": name}."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(line) > MOST_LINE:
            words = f"line {number} is longer than {MOST_LINE:,} characters and was ignored"
            yield [{"type": "error", "code": "bad_line", "time": None, "message": words}]
            continue
        try:
            content = json.loads(line)
            if not isinstance(content, dict):
                raise ValueError("not an object")
        except (ValueError, RecursionError) as error:
            words = f"line {number} is not a JSON object ({error}) and was ignored"
            yield [{"type": "error", "code": "bad_line", "time": None, "message": words}]
            continue
        if isinstance(content.get("open"), dict):
            yield advisor.open(content["open"])
        elif set(content) == {"close"}:
            yield advisor.close(str(content["close"]))
        else:
            yield advisor.on_bar(content)


def from_file(advisor: Advisor, name: str, side: Any) -> Iterator[list[dict[str, Any]]]:
    """Answers to the bars of a file, in its order.

    Raises:
        DataError: it cannot be read.
    """
    from jaxexit.data.bars import SUMMED
    from jaxexit.data.export import bar_table
    from jaxexit.data.tables import plain
    from jaxexit.live.history import load_bars_of

    bars = load_bars_of(advisor.policy.experiment, name, side, advisor.unit)
    table = bar_table(bars, ("bid", "ask"))
    experiment = advisor.policy.experiment
    own = [f.column for f in advisor.policy.spec.features if f.from_bars]
    if isinstance(experiment.costs.funding, str):
        own.append(experiment.costs.funding)
    if experiment.recipe:  # it makes what the file does not have
        own = [name for name in bars.table.columns if name in own or plain(str(name)) in SUMMED]
    missing = [column for column in own if column not in bars.table]
    if missing:
        raise UserError(f"{name}: has no column '{missing[0]}', which the experiment needs")
    for column in own:
        table[column] = bars.table[column].to_numpy()
    return (advisor.on_bar(row) for row in table.to_dict("records"))


def _say(messages: Iterable[dict[str, Any]]) -> None:
    for message in messages:
        print(json.dumps(message), flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv)
