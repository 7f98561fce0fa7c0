"""The command line of `data`: its options, and what they may be."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeAlias

from jaxexit.commands import cli
from jaxexit.data.zones import as_clock
from jaxexit.errors import DataError
from jaxexit.units import amount

UNITS = ("auto", "pip", "tick", "point", "percent", "bps", "R")
Commands: TypeAlias = "argparse._SubParsersAction[cli.Parser]"
_FILE = "a file of bars or ticks in any known format, 'BID,ASK' of one side each, or 'sample'"


def build_parser() -> cli.Parser:
    """The command line of the room `data`."""
    parser = cli.Parser(
        prog="python -m jaxexit.data", description="Bars and entries: look, check, convert, list."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _add_inspect(commands)
    _add_convert(commands)
    _add_entries(commands)
    return parser


def _add_inspect(commands: Commands) -> None:
    inspect = commands.add_parser(
        "inspect", help="say what a bar or tick file holds, right or wrong"
    )
    inspect.add_argument("bars", metavar="FILE", nargs="?", help=_FILE)
    inspect.add_argument(
        "--trades",
        metavar="LIST",
        type=Path,
        help="look into a list of trades (on the bars, if given)",
    )
    inspect.add_argument("--bars", metavar="FILE", dest="list_bars", help="the bars of --trades")
    inspect.add_argument(
        "--filled-at",
        choices=("bar_close", "bar_open"),
        default="bar_close",
        help="as data.filled_at",
    )
    inspect.add_argument(
        "--align", choices=("exact", "enclosing"), default="exact", help="as data.align"
    )
    inspect.add_argument(
        "--stops", choices=("file", "ignore"), default="file", help="as data.stops"
    )
    inspect.add_argument(
        "--trades-tz",
        metavar="CLOCK",
        type=_clock,
        help="the clock of the list (default: that of the bars)",
    )
    _add_bar_options(inspect)
    _add_reading_options(inspect)
    inspect.add_argument("--json", action="store_true", help="the same as one JSON object")
    inspect.add_argument("--png", metavar="OUT", type=Path, help="draw price, spread and gaps")


def _add_convert(commands: Commands) -> None:
    convert = commands.add_parser("convert", help="write any bar or tick file as our own Parquet")
    convert.add_argument("bars", metavar="IN", help=_FILE)
    convert.add_argument("--out", metavar="OUT.parquet", type=Path, required=True)
    _add_bar_options(convert)
    _add_reading_options(convert)
    convert.add_argument(
        "--price-scale", metavar="X", type=_positive, help="divide prices, e.g. by 100000"
    )
    convert.add_argument(
        "--repair",
        action="store_true",
        help="sort, and remove exact duplicates and impossible bars; how many is said",
    )


def _add_entries(commands: Commands) -> None:
    entries = commands.add_parser("entries", help="write the entries of a built-in kind as CSV")
    entries.add_argument("--bars", metavar="FILE", required=True, help=_FILE)
    entries.add_argument("--kind", choices=("ema_bb", "every_bar"), required=True)
    entries.add_argument("--out", metavar="FILE", type=Path, required=True, help="CSV to write")
    entries.add_argument(
        "--warmup",
        metavar="BARS",
        type=_whole(0),
        default=300,
        help="bars of indicator history before the first entry (default 300)",
    )
    entries.add_argument(
        "--every",
        metavar="N",
        type=_whole(1),
        default=1,
        help="every_bar: take each n-th bar (default 1)",
    )
    entries.add_argument(
        "--initial-stop-atr",
        metavar="X",
        type=_positive,
        default=1.1,
        help="every_bar: distance of the stop in ATR (default 1.1)",
    )
    _add_bar_options(entries)


def _add_bar_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--price-side",
        choices=("auto", "bid", "ask", "mid"),
        default="auto",
        help="which side the file's open, high, low, close are (default auto: as the file says)",
    )
    parser.add_argument(
        "--spread-pips",
        metavar="PIPS",
        type=_not_negative,
        help="spread where the file has none (default 1.0 of currency pairs)",
    )
    parser.add_argument(
        "--spread",
        metavar="AMOUNT",
        type=_amount,
        help="the same as an amount: 2 (in the unit of costs), '2 bps', '0.1 price'",
    )
    parser.add_argument(
        "--tz",
        "--timezone",
        dest="timezone",
        metavar="CLOCK",
        type=_clock,
        default="auto",
        help="of time stamps without an offset: Europe/Athens, UTC+3, America/New_York+7 (default auto: as "
        "the file's format has it, else UTC)",
    )
    parser.add_argument(
        "--pip",
        metavar="PRICE",
        type=_positive,
        help="price units of a pip (default 0.0001, of yen pairs and prices like theirs 0.01)",
    )
    parser.add_argument("--unit", choices=UNITS, default="auto", help="as data.unit")
    parser.add_argument("--tick-size", metavar="PRICE", type=_positive, help="as data.tick_size")
    parser.add_argument("--calendar", default="auto", help="as data.calendar")
    parser.add_argument("--symbol", help="as data.symbol")
    _add_column_options(parser)


def _add_column_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stamps",
        choices=("auto", "open", "close"),
        default="auto",
        help="which end of its bar a stamp is; close: moved to the open (default auto: as the file's format "
        "says, else open)",
    )
    parser.add_argument(
        "--column",
        dest="columns",
        metavar="OURS=THEIRS",
        type=_pair,
        action="append",
        default=[],
        help="a column that is not recognised, as data.columns: --column 'open=First price'; again for more",
    )


def _pair(text: str) -> tuple[str, str]:
    ours, sign, theirs = text.partition("=")
    if not (sign and ours.strip() and theirs.strip()):
        raise argparse.ArgumentTypeError(f"got {text}, expected OURS=THEIRS, e.g. open=First")
    return ours.strip(), theirs.strip()


def _add_reading_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source-offset",
        metavar="CLOCK",
        type=_clock,
        help="the clock that stamps labelled UTC are really of: hours ahead of UTC, or as for --tz",
    )
    parser.add_argument(
        "--timeframe", metavar="M15|H1|...", help="make longer bars of the file's, or of its ticks"
    )


def _clock(text: str) -> str:
    try:
        return as_clock(text)
    except DataError as error:
        raise argparse.ArgumentTypeError(str(error).partition(": ")[2]) from None


def _whole(least: int):
    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"got {text}, expected a whole number from {least} up")
        return int(text)

    return parse


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {text}, expected a number") from None


def _not_negative(text: str) -> float:
    value = _number(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text}, expected a number from 0 up")
    return value


def _amount(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        amount(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"got {text}, expected {error}") from None
    return text


def _positive(text: str) -> float:
    value = _number(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text}, expected a number above 0")
    return value
