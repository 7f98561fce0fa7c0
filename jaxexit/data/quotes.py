"""Quotes: what bars say, in UTC and before any spread is added, and what no run accepts of them.

Bars have both sides (`bid_open` ... `ask_close`), or one set of OHLC, and perhaps a spread. How they are read
is in `bar_files`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from jaxexit.data.files.source import Side
from jaxexit.data.hours import in_weekend
from jaxexit.data.sources import BARS
from jaxexit.errors import DataError

SMALLEST_PRICE, LARGEST_PRICE = 1e-12, 1e12
SHORTEST_STEP = np.timedelta64(1, "ms")
_FIELDS = ("open", "high", "low", "close")
_NOT_ABOVE_0 = "a price that is not above 0"
_NOT_HELD = "a price that single precision does not hold"
_IMPOSSIBLE = (_NOT_ABOVE_0, _NOT_HELD)
ROUNDING = 1.1e-5  # of the price: one point of a five-digit quote, a file's last digit


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


@dataclass(frozen=True)
class Fault:
    """Rows that no run accepts."""

    rows: np.ndarray  # [T] bool
    what: str  # "high below low"
    remedy: str  # "correct or remove it"
    of_time: bool = False  # it is the stamp that is wrong
    repairable: bool = True  # by `repair_quotes`
    example: str = ""  # what the first of them holds: "open is 1e+308"


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
                example = _first_impossible(prices, label) if what in _IMPOSSIBLE else ""
                yield Fault(wrong, label + what, "correct or remove it", example=example)
    if "bid" in quotes.sides and "ask" in quotes.sides:
        crossed = np.asarray((quotes.sides["ask"] < quotes.sides["bid"]).any(axis=1))
        if crossed.any():
            yield Fault(crossed, "ask below bid", "correct or remove it")


def _price_faults(prices: np.ndarray) -> Iterator[tuple[np.ndarray, str]]:
    """Impossible bars [T, 4]; open or close a rounding outside the extremes is none."""
    opened, high, low, close = prices.T
    allowed = ROUNDING * np.abs(close)
    yield np.asarray(~(prices > 0).all(axis=1)), _NOT_ABOVE_0
    held = ((prices > SMALLEST_PRICE) & (prices < LARGEST_PRICE)) | (prices <= 0)
    yield np.asarray(~held.all(axis=1)), _NOT_HELD
    yield high < low, "high below low"
    yield np.maximum(opened, close) > high + allowed, "open or close above high"
    yield np.minimum(opened, close) < low - allowed, "open or close below low"


def _first_impossible(prices: np.ndarray, label: str) -> str:
    """The first of prices [T, 4] that is not between the bounds, and its column."""
    row, field = np.argwhere(~((prices > SMALLEST_PRICE) & (prices < LARGEST_PRICE)))[0]
    return f" ({label}{_FIELDS[field]} is {prices[row, field]:g})"


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
            f"{where}: {place} {fault.what}{fault.example}, {fault.remedy} "
            f"({int(fault.rows.sum())} such rows)"
            + ("; data convert --repair removes them" if fault.repairable and where != BARS else "")
        )
    return _widened(quotes)


def check_row(quotes: Quotes) -> Quotes:
    """`check_quotes` of a bar alone. Raises DataError with its first fault."""
    for fault in find_faults(quotes):
        raise DataError(f"{quotes.where}: {fault.what}{fault.example}")
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


def _stamp(time: np.datetime64) -> str:
    return f"{pd.Timestamp(time):%Y-%m-%d %H:%M:%S}"
