"""`python -m jaxexit.advise EXPERIMENT --trades FILE --bars -`: what to do with open trades, bar by bar.

Closed bars come as JSON lines on stdin (or from a bar file); answers go to stdout as JSON lines.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxexit import health, machine, terminal
from jaxexit.commands import cli
from jaxexit.errors import DataError, UserError

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
    parser.add_argument(
        "--jump-atr",
        metavar="N",
        type=float,
        default=100.0,
        help="hold back a bar that lies more than N ATR from the last close (default: 100)",
    )
    parser.add_argument(
        "--accept-jumps",
        action="store_true",
        help="take bars however far they lie from the last one",
    )
    parser.add_argument(
        "--state",
        metavar="FILE",
        help="keep what is needed to go on in FILE, after every line, and go on from it",
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
        jump_atr=arguments.jump_atr,
        accept_jumps=arguments.accept_jumps,
        state=arguments.state,
    )
    opening = advisor.load(arguments.trades) if arguments.trades else []
    if arguments.bars == STDIN:
        answers = from_lines(advisor, health.watched(lines))
    else:
        answers = from_file(advisor, arguments.bars, arguments.price_side or "auto")
    _say([advisor.ready(), *opening])
    gc.freeze()  # what is loaded by now stays: to look through it for garbage held up a bar by 0.2 s
    for messages in answers:
        _say(messages)
        if terminal.nobody_reads():
            terminal.note("nobody reads the advice any more: stopped")
            break
    return 0


def from_lines(advisor: Advisor, lines: Iterable[str]) -> Iterator[list[dict[str, Any]]]:
    """Answers to JSON lines: a bar each, or {"open": {...}}, or {"close": name}."""
    from jaxexit.live.lines import read_line

    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            content = read_line(text)
        except DataError as error:
            yield _answered(advisor, advisor.refuse(text, f"line {number} {error} and was ignored"))
            continue
        line = content.pop("line", None)
        if isinstance(content.get("open"), dict | list):
            trades = content["open"]
            trades = trades if isinstance(trades, list) else [trades]
            answer = advisor.open_many(trades, line=line)
        elif set(content) == {"close"}:
            answer = advisor.close(str(content["close"]), line=line)
        else:
            jump = content.pop("accept_jump", False)
            answer = advisor.on_bar(content, accept_jump=jump, line=line)
        yield _answered(advisor, answer)


def _answered(advisor: Advisor, answer: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """An answer, with a state closed by the line that says so."""
    if advisor.lines is None:
        return answer
    return [*answer, {"type": "answered", "line": advisor.lines}]


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
    taken = advisor.lines
    if taken is None:
        return (advisor.on_bar(row) for row in table.to_dict("records"))
    rows = table.iloc[max(taken - 1, 0) :].to_dict("records")  # the last one is answered once more
    return (
        _answered(advisor, advisor.on_bar(row, line=number))
        for number, row in enumerate(rows, max(taken, 1))
    )


def _say(messages: Iterable[dict[str, Any]]) -> None:
    from jaxexit.live.lines import written

    text = "".join(f"{written(message)}\n" for message in messages)
    if text:
        sys.stdout.write(text)
        sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv)
