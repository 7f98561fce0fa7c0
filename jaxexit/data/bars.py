"""Bars: both sides of the book, from a file's quotes and a spread.

Where a file has one side, or mid, the other side is derived once, here: with the file's own spread,
else with the constant `costs.spread_pips`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from jaxexit.data.doubts import doubts
from jaxexit.data.quotes import Quotes, Stamps, read_quotes
from jaxexit.data.spreads import POINTS, point_of, spread_in_pips
from jaxexit.data.tables import plain
from jaxexit.data.ticks import as_table, bins, merge, timeframe_length
from jaxexit.data.zones import AUTO
from jaxexit.errors import DataError

PriceSide = Literal["auto", "bid", "ask", "mid"]

DEFAULT_SPREAD_PIPS = 1.0
UNUSUAL_PRICE = 500.0  # from here on a pip of 0.0001 is doubtful, and said to be
# Columns of a file that the longer bars' own replace: plain names.
_REPLACED = {
    "time", "date", "datetime", "timestamp", "gmttime", "open", "high", "low", "close", "spread",
    "spreadpips", "spreadpoints",
}  # fmt: skip
SUMMED = {"volume", "vol", "tickvolume", "tickvol", "realvolume", "ticks"}
_BELOW = {"bid": 0.0, "mid": 0.5, "ask": 1.0}  # share of the spread between the quotes and the bid


@dataclass(frozen=True)
class Bars:
    """Both sides of T bars, float64, and how they came about."""

    where: str  # the file, for messages
    times: np.ndarray  # [T] datetime64[ns], UTC, bar opens
    bid: np.ndarray  # [T, 4] open, high, low, close
    ask: np.ndarray  # [T, 4]
    pip: float  # price units
    table: pd.DataFrame  # the file's own columns, for user features
    origin: str  # where the two sides come from, for the summary
    widened: int  # bars whose open or close lay a rounding outside [low, high]
    side: PriceSide = (
        "auto"  # which side the table's plain OHLC are; auto: the table says it itself
    )
    family: str = ""  # the file's format
    clock: str = ""  # how its stamps became UTC
    assumed_spread: str | None = None  # in words, where the file does not say it; None: quoted
    remarks: tuple[str, ...] = ()  # what was done to its numbers, and what is doubtful in them

    @property
    def mid(self) -> np.ndarray:
        """[T, 4] float64. The extremes are the means of both sides' extremes."""
        return (self.bid + self.ask) / 2

    @property
    def spread_pips(self) -> np.ndarray:
        """[T] float64, at the close."""
        return (self.ask[:, 3] - self.bid[:, 3]) / self.pip


def load_bars(
    path: Path,
    *,
    price_side: PriceSide = "auto",
    spread_pips: float | None = None,
    timezone: str = AUTO,
    pip: float | None = None,
    timeframe: str | None = None,
    stamps: Stamps = "auto",
    names: Mapping[str, str] | None = None,
) -> Bars:
    """Read a bar or tick file of any format and complete the book.

    `price_side`: what one-sided columns are (auto: as the format has it). `spread_pips`: used only where
    the file has no spread (None: 1.0). `timezone`: clock of stamps without an offset (see `zones`). `pip`:
    price units, None: guessed. `timeframe`: e.g. "M15", made of the file's shorter bars or ticks; None: as
    they are, ticks to M1. `stamps`, `names`: see `read_quotes`. Errors are DataError; see there and
    `complete_book`.
    """
    quotes = read_quotes(path, timezone, stamps=stamps, names=names)
    bars = complete_book(quotes, price_side=price_side, spread_pips=spread_pips, pip=pip)
    return lengthen(bars, timeframe)


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
            f"{bars.where}: data.timeframe: found {timeframe}, but the file's bars are of {duration(step)}, "
            "which does not divide it"
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


def guess_pip(prices: np.ndarray) -> float:
    """Price units of a pip: 0.01 for prices like those of JPY pairs (20 to 500), else 0.0001."""
    return 0.01 if 20 <= float(np.median(prices)) < UNUSUAL_PRICE else 0.0001


def complete_book(
    quotes: Quotes,
    *,
    price_side: PriceSide = "auto",
    spread_pips: float | None = None,
    pip: float | None = None,
) -> Bars:
    """Both sides of the book from what the file has.

    Raises DataError where the side is not known and a spread is to be added, or where it is named
    against the file.
    """
    prices = next(iter(quotes.sides.values()))
    side: PriceSide = "auto"
    assumed: str | None = None
    pip = guess_pip(prices[:, 3]) if pip is None else pip
    if "bid" in quotes.sides and "ask" in quotes.sides:
        if price_side != "auto":
            raise DataError(
                f"{quotes.where}: data.price_side: found {price_side}, but the file has both sides, "
                "set it to auto"
            )
        unused = "" if spread_pips is None else f" (costs.spread_pips {spread_pips:g} not used)"
        bid, ask = quotes.sides["bid"], quotes.sides["ask"]
        origin = "bid and ask from the file" + unused
    else:
        side = _one_side(quotes, price_side, spread_pips)
        constant = DEFAULT_SPREAD_PIPS if spread_pips is None else spread_pips
        spread, source = _spread(quotes, constant, pip)
        assumed = source if quotes.spread is None else None
        distance = spread[:, None]
        bid, ask = prices - _BELOW[side] * distance, prices + (1 - _BELOW[side]) * distance
        origin = f"{side} bars with {source}"
        if not (bid > 0).all():
            raise DataError(
                f"{quotes.where}: the spread is larger than the price, check costs.spread_pips and "
                "data.pip"
            )
    return Bars(
        quotes.where,
        quotes.times,
        bid,
        ask,
        pip,
        quotes.table,
        origin,
        quotes.widened,
        side if "unknown" in quotes.sides else "auto",
        quotes.family,
        quotes.clock,
        assumed,
        quotes.remarks + doubts(quotes, pip),
    )


def _one_side(
    quotes: Quotes, price_side: PriceSide, spread_pips: float | None
) -> Literal["bid", "ask", "mid"]:
    """Which side the file's only OHLC columns are."""
    (named,) = quotes.sides
    if named in _BELOW:
        if price_side not in ("auto", named):
            raise DataError(
                f"{quotes.where}: data.price_side: found {price_side}, but the columns are {named}"
            )
        return "bid" if named == "bid" else "ask"
    if price_side != "auto":
        return price_side
    if quotes.usual_side is not None:
        return quotes.usual_side
    if quotes.spread is None and spread_pips == 0:
        return "mid"  # without a spread all sides are one
    raise DataError(
        f"{quotes.where}: the bars have one side and do not say which, set data.price_side "
        "(--price-side) to bid, ask or mid"
    )


def _spread(quotes: Quotes, constant: float, pip: float) -> tuple[np.ndarray, str]:
    """Spread of each bar in price units [T], and where it comes from."""
    if quotes.spread is None:
        return np.full(len(quotes.times), constant * pip), f"a constant spread of {constant:g} pips"
    missing = np.isnan(quotes.spread)
    words = quotes.spread_unit
    if words == POINTS:
        point = point_of(next(iter(quotes.sides.values())))
        words = f"points of {np.format_float_positional(point)}"
    source = f"the file's spread in {words}"
    if missing.any():
        source += f" ({int(missing.sum()):,} bars without one: {constant:g} pips)"
    pips = spread_in_pips(quotes, pip)
    return np.where(missing, constant * pip, pips * pip), source


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
    gaps, spread = find_gaps(bars.times), bars.spread_pips
    span = f"{minute(bars.times[0])} to {minute(bars.times[-1])} UTC"
    parts = [f"{len(bars.times):,} bars of {duration(gaps.step)}, {span}", bars.origin]
    if bars.clock:
        parts.insert(0, f"{bars.family}, clock: {bars.clock}")
    if np.ptp(spread) > 1e-6:  # a constant one has been told
        median, high = np.percentile(spread, [50, 99])
        parts.append(f"median spread {median:.2f} pips (99%: {high:.2f})")
    parts.append(f"pip {bars.pip:g}")
    longest = f", the longest {duration(gaps.longest)} after {minute(gaps.longest_after)}"
    parts.append(
        f"gaps: {gaps.weekends:,} weekends, {gaps.others:,} others{longest * bool(gaps.others)}"
    )
    if bars.widened:
        parts.append(f"{bars.widened:,} bars widened by a rounding of open or close")
    if np.median(bars.bid[:, 3]) >= UNUSUAL_PRICE:
        parts.append(f"median price {np.median(bars.bid[:, 3]):,.0f}: is data.pip right?")
    parts += bars.remarks
    return f"bars {bars.where}: " + "; ".join(parts)


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
