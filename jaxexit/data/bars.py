"""Bars: both sides of the book, what is counted in, and how they are described to people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypedDict

import numpy as np
import pandas as pd

from jaxexit.data.amounts import Measures
from jaxexit.data.calendars import FX_CALENDAR, Calendar
from jaxexit.data.markets import MarketKind, UnitName
from jaxexit.data.sources import BARS
from jaxexit.data.tables import plain
from jaxexit.data.ticks import as_table, bins, merge, timeframe_length
from jaxexit.errors import DataError
from jaxexit.names import one_line
from jaxexit.units import Unit

PriceSide = Literal["auto", "bid", "ask", "mid"]

# Columns of a file that the longer bars' own replace: plain names.
_REPLACED = {
    "time", "date", "datetime", "timestamp", "gmttime", "open", "high", "low", "close", "spread",
    "spreadpips", "spreadpoints",
}  # fmt: skip
SUMMED = {"volume", "vol", "tickvolume", "tickvol", "realvolume", "ticks"}


NOT_RECOGNISED = MarketKind("unknown", "", "nobody said")


class Book(TypedDict, total=False):
    """How the book is completed, and in what its market is counted; `config.Data` and `Costs` say more."""

    price_side: PriceSide  # what one-sided columns are; auto: as the format has it
    spread: float | str | None  # an amount, used only where the file has no spread
    spread_pips: float | None  # the same in pips
    unit: UnitName
    pip: float | None  # price units
    tick_size: float | None  # price units
    symbol: str | None
    calendar: str


@dataclass(frozen=True)
class Bars:
    """Both sides of T bars, float64, and how they came about."""

    where: str  # the file, for messages
    times: np.ndarray  # [T] datetime64[ns], UTC, bar opens
    bid: np.ndarray  # [T, 4] open, high, low, close
    ask: np.ndarray  # [T, 4]
    pip: float | None  # price units; None: the market has no pips
    table: pd.DataFrame  # the file's own columns, for user features
    origin: str  # where the two sides come from, for the summary
    widened: int  # bars whose open or close lay a rounding outside [low, high]
    side: PriceSide = (
        "auto"  # which side the table's plain OHLC are; auto: the table says it itself
    )
    family: str = ""  # the file's format
    clock: str = ""  # how its stamps became UTC
    assumed_spread: str | None = None  # in words, where the file does not say it; None: quoted
    remarks: tuple[str, ...] = ()  # what was done to its numbers, and what is implausible in them
    counted: Unit | None = None  # what results are counted in; None: pips
    market: MarketKind = NOT_RECOGNISED
    calendar: Calendar = FX_CALENDAR
    quoted: PriceSide = (
        "auto"  # the side that was there, the other derived from it; auto: both were
    )

    @property
    def unit(self) -> Unit:
        """What results are counted in."""
        if self.counted is None:
            assert self.pip is not None, "bars without pips say what they are counted in"
            return Unit("pips", self.pip)
        return self.counted

    @property
    def grain(self) -> float:
        """What is hardly a difference between two prices: a pip, else a basis point; price units."""
        return 1e-4 * float(np.median(self.bid[:, 3])) if self.pip is None else self.pip

    @property
    def measures(self) -> Measures:
        """What amounts are in the price."""
        return Measures(self.unit, self.pip, self.mid)

    @property
    def mid(self) -> np.ndarray:
        """[T, 4] float64. The extremes are the means of both sides' extremes."""
        return (self.bid + self.ask) / 2

    @property
    def spread(self) -> np.ndarray:
        """[T] float64, at the close, in `unit.of_costs`."""
        spread, unit = self.ask[:, 3] - self.bid[:, 3], self.unit.of_costs
        return spread / (unit.size if unit.base == "price" else unit.size * self.mid[:, 3])


def lengthen(bars: Bars, timeframe: str | None) -> Bars:
    """Bars made of shorter ones; volumes summed, other columns as at the last. None: as they are.

    Raises DataError where the length is not a whole multiple of the file's.
    """
    if timeframe is None:
        return bars
    length, step = timeframe_length(timeframe), np.diff(bars.times).min()
    if length == step:
        return bars
    if length % step != np.timedelta64(0):
        raise DataError(
            f"{bars.where}: data.timeframe: got {timeframe}, expected a multiple of {duration(step)}, the "
            "length of the bars"
        )
    times, starts = bins(bars.times, length)
    bid, ask = merge(bars.bid, starts), merge(bars.ask, starts)
    table = as_table(times, bid, ask)
    last = np.append(starts[1:], len(bars.times)) - 1
    for name in bars.table.columns:
        if name not in table and plain(name) not in _REPLACED:
            values = bars.table[name].to_numpy()
            counts = plain(name) in SUMMED and np.issubdtype(values.dtype, np.number)
            table[name] = np.add.reduceat(values, starts) if counts else values[last]
    remark = f"{len(bars.times):,} bars of {duration(step)} made bars of {timeframe.upper()}"
    return replace(
        bars,
        times=times,
        bid=bid,
        ask=ask,
        table=table,
        side="auto",
        remarks=(*bars.remarks, remark),
    )


@dataclass(frozen=True)
class Gaps:
    """Steps between bars that are longer than usual."""

    step: np.timedelta64  # the usual step: the median
    weekends: int  # longer steps that span a Saturday noon (UTC)
    others: int
    longest: np.timedelta64  # of the others; zero where there are none
    longest_after: np.datetime64  # time of the bar before it


def find_gaps(times: np.ndarray) -> Gaps:
    """Gaps in bar opens [T] datetime64[ns]."""
    steps = np.diff(times)
    step = np.sort(steps)[len(steps) // 2]
    long = steps > step
    # Day 2 of the epoch was a Saturday: count Saturday noons before either end of the step.
    noon, week = np.datetime64("1970-01-03T12", "ns"), np.timedelta64(7, "D")
    saturdays = np.diff((times - noon) // week) > 0
    others = np.where(long & ~saturdays, steps, np.timedelta64(0, "ns"))
    at = int(np.argmax(others))
    return Gaps(
        step=step,
        weekends=int((long & saturdays).sum()),
        others=int((others > np.timedelta64(0)).sum()),
        longest=others[at],
        longest_after=times[at],
    )


def describe(bars: Bars) -> str:
    """One line: how many bars, of what length, from when to when, both sides, spread, pip, gaps."""
    gaps, spread = find_gaps(bars.times), bars.spread
    span = f"{minute(bars.times[0])} to {minute(bars.times[-1])} UTC"
    parts = [f"{len(bars.times):,} bars of {duration(gaps.step)}, {span}", bars.origin]
    if bars.clock:
        parts.insert(0, f"{bars.family}, clock: {bars.clock}")
    if np.ptp(spread) > 1e-6:  # a constant one is in `origin`
        median, high = np.percentile(spread, [50, 99])
        parts.append(f"median spread {median:.2f} {bars.unit.of_costs.words} (99%: {high:.2f})")
    parts.append(counted_in(bars))
    longest = f", the longest {duration(gaps.longest)} after {minute(gaps.longest_after)}"
    parts.append(
        f"gaps: {gaps.weekends:,} weekends, {gaps.others:,} others{longest * bool(gaps.others)}"
    )
    if bars.widened:
        parts.append(f"{bars.widened:,} bars widened by a rounding of open or close")
    parts += bars.remarks
    named = bars.where if bars.where == BARS else f"bars {bars.where}"
    return one_line(f"{named}: " + "; ".join(parts))


def counted_in(bars: Bars) -> str:
    """What the market is, and what its results and its year are counted in."""
    known = "" if bars.market is NOT_RECOGNISED else f"{bars.market.description}, "
    return f"{known}{counted_words(bars.unit)}, calendar {bars.calendar.description}"


def counted_words(unit: Unit) -> str:
    """What results are counted in, for people."""
    if unit.base == "price":
        return f"{unit.words[:-1]} {unit.size:g}"
    return f"results in {unit.words}" + (" of the entry" if unit.base == "entry" else "")


def minute(time: np.datetime64) -> str:
    """A time to the minute: 2017-01-31 22:00."""
    return f"{pd.Timestamp(time):%Y-%m-%d %H:%M}"


def duration(step: np.timedelta64) -> str:
    """A length of time in its natural unit: 15 min, 1 h, 2 d."""
    minutes = float(step / np.timedelta64(1, "m"))
    for unit, size in (("d", 1440), ("h", 60), ("min", 1)):
        if minutes >= size:
            return f"{minutes / size:.3g} {unit}"
    return f"{minutes * 60:.3g} s"
