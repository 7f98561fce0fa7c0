"""`python -m jaxexit.data`: look into a bar file, convert it, write a list of entries."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jaxexit.commands import cli
from jaxexit.commands.data_options import build_parser
from jaxexit.errors import DataError

if TYPE_CHECKING:
    from jaxexit.data.bar_files import BarReading
    from jaxexit.data.bars import Book


def _book(options: argparse.Namespace) -> Book:
    from jaxexit.data.bars import Book

    return Book(
        price_side=options.price_side,
        spread=options.spread,
        spread_pips=options.spread_pips,
        unit=options.unit,
        pip=options.pip,
        tick_size=options.tick_size,
        symbol=options.symbol,
        calendar=options.calendar,
    )


def _reading(options: argparse.Namespace) -> BarReading:
    from jaxexit.data.bar_files import BarReading

    return BarReading(
        options.timezone,
        getattr(options, "source_offset", None),  # not of `entries`
        options.stamps,
        dict(options.columns),
    )


def run_inspect_list(options: argparse.Namespace) -> None:
    """Print what a list of trades says, on its bars where they are given."""
    from jaxexit.data.inspect_list import as_text, inspect_list
    from jaxexit.data.sample import load_named_bars
    from jaxexit.data.trades import Reading

    name = options.list_bars or options.bars
    bars = None
    if name is not None:
        bars = load_named_bars(
            name,
            _reading(options),
            timeframe=options.timeframe,
            **_book(options),
        )
    clock = options.timezone if options.trades_tz is None else options.trades_tz
    reading = Reading(clock, options.symbol, dict(options.columns), stops=options.stops)
    found = inspect_list(
        options.trades, bars, reading, filled_at=options.filled_at, align=options.align
    )
    print(json.dumps(found, indent=2) if options.json else as_text(found, bars))


def run_inspect(options: argparse.Namespace) -> None:
    """Print what a bar file holds, and draw it where asked to."""
    if options.trades is not None:
        run_inspect_list(options)
        return
    if options.bars is None:
        raise DataError("FILE is missing; name a file of bars, or a list with --trades")
    from jaxexit.data.inspect import as_record, as_text, inspect_bars
    from jaxexit.data.quality import draw

    found = inspect_bars(
        options.bars,
        _reading(options),
        timeframe=options.timeframe,
        **_book(options),
    )
    if options.png is not None:
        draw(found, options.png)
    print(json.dumps(as_record(found), indent=2) if options.json else as_text(found))


def run_convert(options: argparse.Namespace) -> None:
    """Write bars as our own Parquet, and say what they are."""
    from jaxexit.data.bars import describe
    from jaxexit.data.convert import convert_bars

    bars, sides = convert_bars(
        Path(options.bars),
        options.out,
        _reading(options),
        timeframe=options.timeframe,
        price_scale=options.price_scale,
        repair=options.repair,
        **_book(options),
    )
    print(describe(bars))
    print(f"{len(bars.times):,} bars of {' and '.join(sides)} written to {options.out}")


def run_entries(options: argparse.Namespace) -> None:
    """Write the entries of a built-in kind, and say how many there are."""
    from jaxexit.data.bars import describe
    from jaxexit.data.entries import built_in_candidates
    from jaxexit.data.export import as_trade_list, write_csv
    from jaxexit.data.sample import load_named_bars

    bars = load_named_bars(
        options.bars,
        _reading(options),
        **_book(options),
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
    {"inspect": run_inspect, "convert": run_convert, "entries": run_entries}[options.command](
        options
    )
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command of the room `data`; returns the exit code."""
    return cli.run(command, arguments)
