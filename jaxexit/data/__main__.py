"""`python -m jaxexit.data`: look into a bar file, write a list of entries."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxexit import cli


def build_parser() -> cli.Parser:
    """The command line of the room `data`."""
    parser = cli.Parser(
        prog="python -m jaxexit.data", description="Bars and entries: look, check, list."
    )
    commands = parser.add_subparsers(dest="command", required=True)

    inspect = commands.add_parser("inspect", help="check a bar file and say what it holds")
    inspect.add_argument("bars", metavar="FILE", help="CSV or Parquet file, or 'sample'")
    _add_bar_options(inspect)
    inspect.add_argument("--json", action="store_true", help="the same as one JSON object")

    entries = commands.add_parser("entries", help="write the entries of a built-in kind as CSV")
    entries.add_argument(
        "--bars", metavar="FILE", required=True, help="CSV or Parquet file, or 'sample'"
    )
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
    return parser


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
        help="spread where the file has none (default 1.0)",
    )
    parser.add_argument(
        "--timezone",
        metavar="ZONE",
        default="UTC",
        help="zone of time stamps without an offset, e.g. America/New_York (default UTC)",
    )
    parser.add_argument(
        "--pip",
        metavar="PRICE",
        type=_positive,
        help="price units of a pip (default 0.0001, for prices like those of JPY pairs 0.01)",
    )


def _whole(least: int):
    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"found {text}, a whole number >= {least} is allowed")
        return int(text)

    return parse


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"found {text}, a number is allowed") from None


def _not_negative(text: str) -> float:
    value = _number(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"found {text}, a number >= 0 is allowed")
    return value


def _positive(text: str) -> float:
    value = _number(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"found {text}, a number > 0 is allowed")
    return value


def run_inspect(options: argparse.Namespace) -> None:
    """Print what a bar file holds."""
    from jaxexit.data.inspect import as_record, as_text, inspect_bars

    bars = inspect_bars(
        options.bars,
        price_side=options.price_side,
        spread_pips=options.spread_pips,
        timezone=options.timezone,
        pip=options.pip,
    )
    print(json.dumps(as_record(bars), indent=2) if options.json else as_text(bars))


def run_entries(options: argparse.Namespace) -> None:
    """Write the entries of a built-in kind, and say how many there are."""
    from jaxexit.data.bars import describe
    from jaxexit.data.entries import built_in_candidates
    from jaxexit.data.export import as_trade_list, write_csv
    from jaxexit.data.sample import load_named_bars

    bars = load_named_bars(
        options.bars,
        price_side=options.price_side,
        spread_pips=options.spread_pips,
        timezone=options.timezone,
        pip=options.pip,
    )
    candidates = built_in_candidates(
        options.kind, bars, options.warmup, every=options.every, stop_atr=options.initial_stop_atr
    )
    write_csv(as_trade_list(candidates, bars), options.out)
    print(describe(bars))
    print(f"{len(candidates):,} entries of {options.kind} written to {options.out}")


def command(arguments: Sequence[str] | None) -> int:
    """Parse and run. Errors are raised."""
    options = build_parser().parse_args(arguments)
    {"inspect": run_inspect, "entries": run_entries}[options.command](options)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command of the room `data`; returns the exit code."""
    return cli.run(command, arguments)


if __name__ == "__main__":
    sys.exit(main())
