"""Quotes: what a bar file says, checked, in UTC, before any spread is added.

A file has both sides (`bid_open` ... `ask_close`), or one set of OHLC, and perhaps a spread. Column
names are matched without regard to case, blanks and signs. Units of a spread column: pips
(`spread`, `spread_pips`), or points of a tenth of a pip (`spread_points`, and `spread` in a
MetaTrader file, known by its tick volume, where 0 means missing).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from jaxexit.data.formats import read_source
from jaxexit.data.formats.delimited import joined
from jaxexit.data.formats.source import LABELS, Side, Source
from jaxexit.data.hours import in_weekend
from jaxexit.data.list_checks import SYMBOLS
from jaxexit.data.sources import BARS, InMemory
from jaxexit.data.spreads import column_of_spreads
from jaxexit.data.tables import Columns, mapped, plain
from jaxexit.data.ticks import bars_from_ticks, has_ticks
from jaxexit.data.times import labelled, to_utc
from jaxexit.data.zones import AUTO, explain, localise
from jaxexit.errors import DataError

SMALLEST_PRICE, LARGEST_PRICE = 1e-12, 1e12
SHORTEST_STEP = np.timedelta64(1, "ms")
ROUNDING = 1.1e-5  # of the price: one point of a five-digit quote, a file's last digit

Stamps = Literal[
    "auto", "open", "close"
]  # which end of a bar its stamps are; auto: as the format has it

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


@dataclass(frozen=True)
class Quotes:
    """What a bar file says: one or two sides of T bars, checked side by side, in UTC."""

    where: str  # the file, for messages
    times: np.ndarray  # [T] datetime64[ns], UTC, bar opens
    sides: dict[str, np.ndarray]  # "bid", "ask", "unknown" -> [T, 4] float64
    spread: np.ndarray | None  # [T] float64 in pips, nan where the file says it is missing
    spread_unit: str  # what the file's spread column counts
    table: pd.DataFrame  # the file's own columns, for user features
    widened: int  # bars whose open or close lay a rounding outside [low, high]
    usual_side: Side | None = None  # what an "unknown" side is where the user does not say
    family: str = ""  # the file's format
    clock: str = ""  # how its stamps became UTC, and where that is known from
    remarks: tuple[str, ...] = ()  # what was done to its numbers
    file: str = ""  # the file's name, which may say what market it is of


def read_quotes(
    path: Path | InMemory,
    timezone: str = AUTO,
    source_offset: str | None = None,
    *,
    stamps: Stamps = "auto",
    names: Mapping[str, str] | None = None,
) -> Quotes:
    """Read and check a bar or tick file; ticks become bars of a minute with both sides.

    `timezone` is the clock of stamps without an offset (see `zones`; "auto": as the format has it).
    `source_offset` is the clock that all stamps are really of, whatever they are labelled. `stamps`: which
    end of a bar they are; those of closes are moved to the opens. `names`: our names, and the file's columns
    that they are. `path` may name two files, `BID,ASK`, of one side each: the ask is the one that lies above.

    Raises DataError for missing columns, bars out of order, equal times, and prices that are not
    positive finite numbers, have high below low, open or close outside [low, high], or ask below
    bid.
    """
    return check_quotes(read_unchecked(path, timezone, source_offset, stamps=stamps, names=names))


def read_unchecked(
    path: Path | InMemory,
    timezone: str = AUTO,
    source_offset: str | None = None,
    *,
    stamps: Stamps = "auto",
    names: Mapping[str, str] | None = None,
) -> Quotes:
    """`read_quotes` with whatever the file holds: see `find_faults`."""

    def read(name: Path | InMemory) -> Quotes:
        source = read_source(name)
        quotes = quotes_of(source, str(name), timezone, source_offset, stamps=stamps, names=names)
        return replace(quotes, file=name.name)

    if isinstance(path, InMemory):
        return read(path)
    parts = str(path).split(",")
    if len(parts) == 2 and not path.exists():
        first, second = (read(Path(part)) for part in parts)
        return join_sides(first, second, str(path))
    return read(path)


def quotes_of(
    source: Source,
    where: str,
    timezone: str = AUTO,
    source_offset: str | None = None,
    *,
    stamps: Stamps = "auto",
    names: Mapping[str, str] | None = None,
) -> Quotes:
    """`read_unchecked` of a table that is there already; `where` names it in errors."""
    own = {name: said for name, said in (names or {}).items() if name in _MAPPED}
    source = replace(source, table=mapped(source.table, own, where))
    check_one_symbol(source.table, where)
    columns = Columns(source.table, where)
    clock = source.clock if timezone == AUTO else timezone
    times, has_labels = _times(
        columns, "UTC" if source_offset else clock, server_epochs=source.server_time
    )
    if source_offset:
        times = localise(pd.DatetimeIndex(times), source_offset, where)
        told = f"{explain(source_offset)}, as you say, whatever the stamps are labelled"
    elif has_labels:
        told = "as the stamps are labelled"
        told += "" if source.rule == LABELS else f" ({source.rule})"
    elif timezone == AUTO:
        told = f"{explain('UTC' if clock == AUTO else clock)}, {source.rule}"
    else:
        told = f"{explain(timezone)}, as you say"
    ticks = has_ticks(columns)
    told_of = source.remarks
    if not ticks:
        times, source, turned = _oldest_first(times, source)
        columns = Columns(source.table, where)
        times, moved = _at_opens(times, source.stamped if stamps == "auto" else stamps, where)
        told_of += turned + moved
    if ticks:
        if stamps == "close":
            raise DataError(
                f"{where}: data.stamps: found close, but the file is of ticks, set it to auto"
            )
        bars = bars_from_ticks(columns, times)
        times, sides, table = bars.times, {"bid": bars.bid, "ask": bars.ask}, bars.table
        remarks = told_of + bars.remarks
        spread, unit = None, ""
    else:
        sides, table, remarks = _sides(columns), source.table, told_of
        spread, unit = column_of_spreads(columns)
    return Quotes(
        where, times, sides, spread, unit, table, 0, source.side, source.family, told, remarks
    )


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
        kinds = sorted({str(one) for one in table[name]}) if plain(name) in SYMBOLS else []
        if len(kinds) > 1:
            some = ", ".join(kinds[:4])
            raise DataError(f"{where}: column '{name}' holds {some}: keep the bars of one")


def join_sides(first: Quotes, second: Quotes, where: str) -> Quotes:
    """Bars of the bid and of the ask, from two files, where both have them; the ask lies above.

    Raises DataError where a file has both sides already, or fewer than half of the bars are in both.
    """
    for quotes in (first, second):
        if len(quotes.sides) != 1:
            raise DataError(f"{quotes.where}: has both sides, name it alone")
    times, one, other = np.intersect1d(first.times, second.times, return_indices=True)
    most = max(len(first.times), len(second.times))
    if 2 * len(times) < most:
        raise DataError(
            f"{where}: only {len(times):,} of {most:,} bars are in both files, check that they are of the "
            "same market, length and zone"
        )
    prices = [
        next(iter(quotes.sides.values()))[rows] for quotes, rows in ((first, one), (second, other))
    ]
    if np.median(prices[0] - prices[1]) > 0:
        first, second, one, other, prices = second, first, other, one, prices[::-1]
    alone = len(first.times) + len(second.times) - 2 * len(times)
    told = tuple(dict.fromkeys(first.remarks + second.remarks))
    remarks = (f"bid from {first.where}, ask from {second.where}", *told)
    if alone:
        remarks += (f"{alone:,} bars of one file only, left out",)
    table = pd.DataFrame({"time": pd.DatetimeIndex(times, tz="UTC")})
    for side, values in zip(("bid", "ask"), prices, strict=True):
        for column, field in enumerate(_FIELDS):
            table[f"{side}_{field}"] = values[:, column]
    sides = {"bid": prices[0], "ask": prices[1]}
    family = f"one file a side ({first.family})"
    return Quotes(where, times, sides, None, "", table, 0, None, family, first.clock, remarks)


@dataclass(frozen=True)
class Fault:
    """Rows that no run accepts."""

    rows: np.ndarray  # [T] bool
    what: str  # "high below low"
    remedy: str  # "correct or remove it"
    of_time: bool = False  # it is the stamp that is wrong
    repairable: bool = True  # by `repair_quotes`


def find_faults(quotes: Quotes) -> Iterator[Fault]:
    """Each kind of wrong row, in the order in which they are refused; those that nothing has are left out."""
    steps = np.diff(quotes.times)
    earlier, twice = steps < np.timedelta64(0), steps == np.timedelta64(0)
    if earlier.any():
        rows = np.concatenate([[False], earlier])
        yield Fault(rows, "is earlier than the one before it", "sort the bars by time", True)
    close = (steps > np.timedelta64(0)) & (steps < SHORTEST_STEP)
    if close.any():
        rows = np.concatenate([[False], close])
        what = "is less than a millisecond after the one before it"
        yield Fault(rows, what, "check the unit of the stamps", True, False)
    if twice.any():
        rows = np.concatenate([[False], twice])
        prices = np.column_stack(list(quotes.sides.values()))
        same = bool((prices[1:][twice] == prices[:-1][twice]).all())
        remedy = "remove the duplicates" if same else "two different bars of one time: keep one"
        yield Fault(rows, "appears twice", remedy, True, same)
    for side, prices in quotes.sides.items():
        label = "" if side == "unknown" else f"{side} "
        for wrong, what in _price_faults(prices):
            if wrong.any():
                yield Fault(wrong, label + what, "correct or remove it")
    if "bid" in quotes.sides and "ask" in quotes.sides:
        crossed = np.asarray((quotes.sides["ask"] < quotes.sides["bid"]).any(axis=1))
        if crossed.any():
            yield Fault(crossed, "ask below bid", "correct or remove it")


def _price_faults(prices: np.ndarray) -> Iterator[tuple[np.ndarray, str]]:
    """Impossible bars [T, 4]; open or close a rounding outside the extremes is none."""
    opened, high, low, close = prices.T
    allowed = ROUNDING * np.abs(close)
    yield np.asarray(~(prices > 0).all(axis=1)), "a price that is not above 0"
    held = ((prices > SMALLEST_PRICE) & (prices < LARGEST_PRICE)) | (prices <= 0)
    yield np.asarray(~held.all(axis=1)), "a price that single precision does not hold"
    yield high < low, "high below low"
    yield np.maximum(opened, close) > high + allowed, "open or close above high"
    yield np.minimum(opened, close) < low - allowed, "open or close below low"


def check_quotes(quotes: Quotes) -> Quotes:
    """Refuse what `find_faults` finds, and widen extremes where open or close lies a rounding outside.

    Raises DataError with the first row of the first fault, and how many there are.
    """
    where, times = quotes.where, quotes.times
    if len(times) < 2:
        raise DataError(f"{where}: one bar only, at least two are needed")
    for fault in find_faults(quotes):
        row = int(np.argmax(fault.rows))
        stamp = _stamp(times[row])
        place = f"row {row + 1}: time {stamp}" if fault.of_time else f"row {row + 1} ({stamp}):"
        raise DataError(
            f"{where}: {place} {fault.what}, {fault.remedy} ({int(fault.rows.sum())} such rows)"
            + ("; data convert --repair removes them" if fault.repairable and where != BARS else "")
        )
    return _widened(quotes)


def check_row(quotes: Quotes) -> Quotes:
    """`check_quotes` of a bar alone. Raises DataError with its first fault."""
    for fault in find_faults(quotes):
        raise DataError(f"{quotes.where}: {fault.what}")
    return _widened(quotes)


def _widened(quotes: Quotes) -> Quotes:
    """Extremes that lie a rounding inside open or close, moved out to them."""
    widened = np.zeros(len(quotes.times), bool)
    sides = {}
    for side, prices in quotes.sides.items():
        sides[side] = prices.copy()
        sides[side][:, 1], sides[side][:, 2] = prices.max(axis=1), prices.min(axis=1)
        widened |= (sides[side] != prices).any(axis=1)
    return replace(quotes, sides=sides, widened=int(widened.sum()))


def repair_quotes(quotes: Quotes) -> Quotes:
    """Bars sorted by time, without repetitions, impossible prices and weekend fillers; remarks say how many.

    What stays twice with different prices is left for `check_quotes` to refuse.
    """
    order = np.argsort(quotes.times, kind="stable")
    remarks = list(quotes.remarks)
    if (np.diff(quotes.times) < np.timedelta64(0)).any():
        remarks.append("rows sorted by time")
    quotes = _take(quotes, order)
    values = np.column_stack([quotes.times.astype(np.int64), *quotes.sides.values()])
    again = np.concatenate([[False], (values[1:] == values[:-1]).all(axis=1)])
    bad = np.zeros(len(quotes.times), bool)
    if again.any():
        remarks.append(f"{int(again.sum()):,} exact duplicates removed")
    for fault in find_faults(quotes):
        if not fault.of_time:
            bad |= fault.rows
            remarks.append(f"{int(fault.rows.sum()):,} bars with {fault.what} removed")
    flat = np.logical_and.reduce([prices[:, 1] == prices[:, 2] for prices in quotes.sides.values()])
    fillers = flat & in_weekend(quotes.times) & ~(again | bad)
    if fillers.any():
        bad |= fillers
        remarks.append(f"{int(fillers.sum()):,} flat bars in weekends removed")
    return replace(_take(quotes, np.flatnonzero(~(again | bad))), remarks=tuple(remarks))


def _take(quotes: Quotes, rows: np.ndarray) -> Quotes:
    return replace(
        quotes,
        times=quotes.times[rows],
        sides={side: prices[rows] for side, prices in quotes.sides.items()},
        spread=None if quotes.spread is None else quotes.spread[rows],
        table=quotes.table.take(rows).reset_index(drop=True),
    )


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
        found = columns.find([f"{prefix}{field}".replace("_", ""), f"{field}price"])
        known[prefix + field] = found
    if not any(known.values()) and any(re.fullmatch(r"[\d.,:/ -]+", str(n)) for n in columns.table):
        return f"and no header: a header must name time, open, high, low, close (found: {columns})"
    pairs = ", ".join(f"{name}: {found or '?'}" for name, found in known.items())
    return f"say which it is: set data.columns to {{{pairs}}}, or bid_open ... ask_close (found: {columns})"


def _is_clock(stamps: pd.Series) -> bool:
    return re.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?", str(stamps.iloc[0]).strip()) is not None


def _sides(columns: Columns) -> dict[str, np.ndarray]:
    """The sides that the file names, else its plain OHLC as side "unknown"; [T, 4] each."""
    found: dict[str, np.ndarray] = {}
    for side in ("bid", "ask"):
        names = [
            columns.find([side + field, field + side, f"{side}{field[0]}"]) for field in _FIELDS
        ]
        if any(names):
            found[side] = _ohlc(columns, names, f"{side}_")
    if not found:
        names = [columns.find([field, f"{field}price"]) for field in _FIELDS]
        found["unknown"] = _ohlc(columns, names, "")
    return found


def _ohlc(columns: Columns, names: list[str | None], prefix: str) -> np.ndarray:
    missing = [prefix + field for field, name in zip(_FIELDS, names, strict=True) if name is None]
    if missing:
        raise DataError(
            f"{columns.where}: no column {', '.join(missing)}, {_how_to_name(columns, prefix)}"
        )
    return np.stack([columns.numbers(name) for name in names if name is not None], axis=1)


def _stamp(time: np.datetime64) -> str:
    return f"{pd.Timestamp(time):%Y-%m-%d %H:%M:%S}"
