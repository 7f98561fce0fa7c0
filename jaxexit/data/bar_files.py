"""Bar and tick files of any format, and such tables, read as `Quotes`: times in UTC, sides, and a spread.

Column names are matched without regard to case, blanks and signs. Units of a spread column: pips
(`spread`, `spread_pips`), or points of a tenth of a pip (`spread_points`, and `spread` in a
MetaTrader file, known by its tick volume, where 0 means missing).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from jaxexit.data.files.delimited import joined
from jaxexit.data.files.format import File
from jaxexit.data.files.reader import read_source
from jaxexit.data.files.source import LABELS, Source
from jaxexit.data.list_checks import SYMBOLS
from jaxexit.data.quotes import Quotes, check_quotes
from jaxexit.data.spreads import column_of_spreads
from jaxexit.data.tables import Columns, mapped, plain
from jaxexit.data.ticks import MINUTE, bars_from_ticks, has_ticks
from jaxexit.data.times import labelled, to_utc
from jaxexit.data.zones import AUTO, explain, localise
from jaxexit.errors import DataError

Stamps = Literal["auto", "open", "close"]
_FIELDS = ("open", "high", "low", "close")
_TIME_NAMES = (
    "time", "timestamp", "datetime", "datetimeutc", "timeutc", "gmttime", "utctime", "utc",
    "opentime", "starttime", "startat", "start", "windowstart", "date", "index", "localtime", "tsevent",
)  # fmt: skip
_MAPPED = {
    "time", *_FIELDS, *(f"{side}_{field}" for side in ("bid", "ask") for field in _FIELDS), "bid", "ask",
    "spread_pips", "spread_points", "volume",
}  # fmt: skip
_ONE_LENGTH = (
    0.5  # share of steps between bars that must be the usual one, for their opens to be known
)


class BarReading(NamedTuple):
    """How bars are read, as section `data` says.

    Attributes:
        timezone: clock of stamps without an offset (see `zones`); "auto": as the format has it.
        source_offset: the clock that all stamps are really of, whatever they are labelled.
        stamps: which end of a bar its stamps are; those of closes are moved to the opens; "auto": as the
            format has it.
        columns: our names, and the file's columns that they are.
        tick_bars: length of the bars that ticks are made; where it is not a minute, `stamps` is of bars only.
    """

    timezone: str = AUTO
    source_offset: str | None = None
    stamps: Stamps = "auto"
    columns: Mapping[str, str] = {}
    tick_bars: np.timedelta64 = MINUTE


AS_SAID = BarReading()  # as the file and its format say


def read_quotes(path: File, reading: BarReading = AS_SAID) -> Quotes:
    """Read and check a bar or tick file; ticks become bars of a minute with both sides.

    `path` may name two files, `BID,ASK`, of one side each: the ask is the one with the higher prices.

    Raises DataError for missing columns, bars out of order, equal times, and prices that are not
    positive finite numbers, have high below low, open or close outside [low, high], or ask below
    bid.
    """
    return check_quotes(read_unchecked(path, reading))


def read_unchecked(path: File, reading: BarReading = AS_SAID) -> Quotes:
    """`read_quotes` with whatever the file holds: see `find_faults`."""
    parts = str(path).split(",")
    if isinstance(path, Path) and len(parts) == 2 and not path.exists():
        first, second = (read_unchecked(Path(part), reading) for part in parts)
        return join_sides(first, second, str(path))
    quotes = quotes_of(read_source(path), str(path), reading)
    return replace(quotes, file=path.name)


def quotes_of(source: Source, where: str, reading: BarReading = AS_SAID) -> Quotes:
    """`read_unchecked` of a table that is there already; `where` names it in errors."""
    names = {name: theirs for name, theirs in reading.columns.items() if name in _MAPPED}
    source = replace(source, table=mapped(source.table, names, where))
    check_one_symbol(source.table, where)
    columns = Columns(source.table, where)
    times, clock = _in_utc(columns, source, reading)
    if has_ticks(columns):
        if reading.stamps == "close" and reading.tick_bars == MINUTE:
            raise DataError(
                f"{where}: data.stamps: got close, expected auto, since these are ticks"
            )
        bars = bars_from_ticks(columns, times, reading.tick_bars)
        return Quotes(
            where=where,
            times=bars.times,
            sides={"bid": bars.bid, "ask": bars.ask},
            spread=None,
            spread_unit="",
            table=bars.table,
            widened=0,
            usual_side=source.side,
            family=source.family,
            clock=clock,
            remarks=source.remarks + bars.remarks,
        )
    times, source, turned = _oldest_first(times, source)
    columns = Columns(source.table, where)
    stamped = source.stamped if reading.stamps == "auto" else reading.stamps
    times, moved = _at_opens(times, stamped, where)
    sides = _sides(columns)
    spread, unit = column_of_spreads(columns)
    return Quotes(
        where=where,
        times=times,
        sides=sides,
        spread=spread,
        spread_unit=unit,
        table=source.table,
        widened=0,
        usual_side=source.side,
        family=source.family,
        clock=clock,
        remarks=source.remarks + turned + moved,
    )


def _in_utc(columns: Columns, source: Source, reading: BarReading) -> tuple[np.ndarray, str]:
    """Times of the rows in UTC, and how they became that, in words."""
    zone = source.clock.zone if reading.timezone == AUTO else reading.timezone
    offset = reading.source_offset
    times, has_labels = _times(columns, "UTC" if offset else zone, server_epochs=source.server_time)
    if offset:
        times = localise(pd.DatetimeIndex(times), offset, columns.where)
        return times, f"{explain(offset)}, as you say, whatever the stamps are labelled"
    if has_labels:
        rule = "" if source.clock.rule == LABELS else f" ({source.clock.rule})"
        return times, f"as the stamps are labelled{rule}"
    if reading.timezone == AUTO:
        return times, f"{explain('UTC' if zone == AUTO else zone)}, {source.clock.rule}"
    return times, f"{explain(zone)}, as you say"


def _oldest_first(times: np.ndarray, source: Source) -> tuple[np.ndarray, Source, tuple[str, ...]]:
    """Bars that stand with the newest first, turned round; others as they are."""
    steps = np.diff(times)
    if not len(steps) or (steps > np.timedelta64(0)).any() or (steps == np.timedelta64(0)).all():
        return times, source, ()
    table = source.table.iloc[::-1].reset_index(drop=True)
    return times[::-1], replace(source, table=table), ("the newest bar stood first: turned round",)


def _at_opens(
    times: np.ndarray, stamped: Literal["open", "close"], where: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Stamps of closes moved to the opens, by the usual step between bars.

    Raises DataError where bars have no usual length.
    """
    if stamped == "open":
        return times, ()
    steps = np.diff(times)
    sound = steps[steps > np.timedelta64(0)]
    lengths, counts = np.unique(sound, return_counts=True)
    if not len(sound) or counts.max() < _ONE_LENGTH * len(steps):
        raise DataError(
            f"{where}: bars stamped at their close, whose length is not known: fewer than half of them "
            "follow each other at one distance; stamp them at their opens (data.stamps: open)"
        )
    length = lengths[int(np.argmax(counts))]
    minutes = float(length / np.timedelta64(1, "m"))
    return times - length, (f"stamped at the close: moved to the open, {minutes:g} min earlier",)


def check_one_symbol(table: pd.DataFrame, where: str) -> None:
    """Refuse bars of several symbols in one table.

    Raises:
        DataError: it names them.
    """
    for name in table.columns:
        kinds = sorted(set(map(str, table[name]))) if plain(name) in SYMBOLS else []
        if len(kinds) > 1:
            some = ", ".join(kinds[:4])
            raise DataError(f"{where}: column '{name}' holds {some}: keep the bars of one")


def join_sides(first: Quotes, second: Quotes, where: str) -> Quotes:
    """Bars of the bid and of the ask, from two files, where both have them; the ask has the higher prices.

    Raises DataError where a file has both sides already, or fewer than half of the bars are in both.
    """
    for quotes in (first, second):
        if len(quotes.sides) != 1:
            raise DataError(f"{quotes.where}: has both sides, name it alone")
    times, rows, other = np.intersect1d(first.times, second.times, return_indices=True)
    most = max(len(first.times), len(second.times))
    if 2 * len(times) < most:
        raise DataError(
            f"{where}: only {len(times):,} of {most:,} bars are in both files, check that they are of the "
            "same market, length and zone"
        )
    prices = [
        next(iter(quotes.sides.values()))[at] for quotes, at in ((first, rows), (second, other))
    ]
    if np.median(prices[0] - prices[1]) > 0:
        first, second, prices = second, first, prices[::-1]
    alone = len(first.times) + len(second.times) - 2 * len(times)
    both = tuple(dict.fromkeys(first.remarks + second.remarks))
    remarks = (f"bid from {first.where}, ask from {second.where}", *both)
    if alone:
        remarks += (f"{alone:,} bars of one file only, left out",)
    table = pd.DataFrame({"time": pd.DatetimeIndex(times, tz="UTC")})
    for side, values in zip(("bid", "ask"), prices, strict=True):
        for column, field in enumerate(_FIELDS):
            table[f"{side}_{field}"] = values[:, column]
    sides = {"bid": prices[0], "ask": prices[1]}
    family = f"one file a side ({first.family})"
    return Quotes(where, times, sides, None, "", table, 0, None, family, first.clock, remarks)


def _times(
    columns: Columns, timezone: str, *, server_epochs: bool = False
) -> tuple[np.ndarray, bool]:
    """Times in UTC [T], and whether the stamps say their offset."""
    name = columns.find(_TIME_NAMES)
    if name is None:
        raise DataError(f"{columns.where}: no time column, {_how_to_name(columns)}")
    stamps = columns.series(name)
    # MetaTrader writes date and clock in two columns.
    date, clock = columns.find(["date"]), columns.find(["time"])
    if date is not None and clock is not None and _is_clock(columns.series(clock)):
        name = f"{date} {clock}"
        stamps = joined(columns.series(date), columns.series(clock))
    where = f"{columns.where}: column '{name}'"
    return to_utc(stamps, timezone, where, server_epochs=server_epochs), labelled(stamps)


def _how_to_name(columns: Columns, prefix: str = "") -> str:
    """What to set where columns are not recognised: a mapping to paste, with what is known filled in."""
    known = {"time": columns.find(_TIME_NAMES)}
    for field in _FIELDS:
        aliases = [f"{prefix}{field}".replace("_", ""), f"{field}price"]
        known[prefix + field] = columns.find(aliases)
    if not any(known.values()) and any(re.fullmatch(r"[\d.,:/ -]+", str(n)) for n in columns.table):
        return f"and no header: a header must name time, open, high, low, close (found: {columns})"
    pairs = ", ".join(f"{name}: {theirs or '?'}" for name, theirs in known.items())
    return f"say which it is: set data.columns to {{{pairs}}}, or bid_open ... ask_close (found: {columns})"


def _is_clock(stamps: pd.Series) -> bool:
    return re.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?", str(stamps.iloc[0]).strip()) is not None


def _sides(columns: Columns) -> dict[str, np.ndarray]:
    """The sides that the file names, else its plain OHLC as side "unknown"; [T, 4] each."""
    sides: dict[str, np.ndarray] = {}
    for side in ("bid", "ask"):
        names = [
            columns.find([side + field, field + side, f"{side}{field[0]}"]) for field in _FIELDS
        ]
        if any(names):
            sides[side] = _ohlc(columns, names, f"{side}_")
    if not sides:
        names = [columns.find([field, f"{field}price"]) for field in _FIELDS]
        sides["unknown"] = _ohlc(columns, names, "")
    return sides


def _ohlc(columns: Columns, names: list[str | None], prefix: str) -> np.ndarray:
    missing = [prefix + field for field, name in zip(_FIELDS, names, strict=True) if name is None]
    if missing:
        raise DataError(
            f"{columns.where}: no column {', '.join(missing)}, {_how_to_name(columns, prefix)}"
        )
    return np.stack([columns.numbers(name) for name in names if name is not None], axis=1)
