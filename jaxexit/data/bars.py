"""Bars: both sides of the book, from a file's quotes and a spread.

Where a file has one side, or mid, the other side is derived once, here: with the file's own spread,
else with the constant `costs.spread_pips`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from jaxexit.data.quotes import Quotes, read_quotes
from jaxexit.errors import DataError

PriceSide = Literal["auto", "bid", "ask", "mid"]

DEFAULT_SPREAD_PIPS = 1.0
UNUSUAL_PRICE = 500.0  # from here on a pip of 0.0001 is doubtful, and said to be
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
    timezone: str = "UTC",
    pip: float | None = None,
) -> Bars:
    """Read a bar file and complete the book.

    `price_side`: what one-sided columns are. `spread_pips`: used only where the file has no spread
    (None: 1.0). `timezone`: zone of stamps without an offset. `pip`: price units, None: guessed.
    Errors are DataError; see `read_quotes` and `complete_book`.
    """
    return complete_book(
        read_quotes(path, timezone), price_side=price_side, spread_pips=spread_pips, pip=pip
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
        spread, source = _spread(
            quotes, DEFAULT_SPREAD_PIPS if spread_pips is None else spread_pips
        )
        distance = (spread * pip)[:, None]
        bid, ask = prices - _BELOW[side] * distance, prices + (1 - _BELOW[side]) * distance
        origin = f"{side} bars with {source}"
        if not (bid > 0).all():
            raise DataError(
                f"{quotes.where}: the spread is larger than the price, check costs.spread_pips and "
                "data.pip"
            )
    return Bars(quotes.where, quotes.times, bid, ask, pip, quotes.table, origin, quotes.widened)


def _one_side(quotes: Quotes, price_side: PriceSide, spread_pips: float | None) -> str:
    """Which side the file's only OHLC columns are."""
    (named,) = quotes.sides
    if named in _BELOW:
        if price_side not in ("auto", named):
            raise DataError(
                f"{quotes.where}: data.price_side: found {price_side}, but the columns are {named}"
            )
        return named
    if price_side != "auto":
        return price_side
    if quotes.spread is None and spread_pips == 0:
        return "mid"  # without a spread all sides are one
    raise DataError(
        f"{quotes.where}: the bars have one side and do not say which, set data.price_side "
        "(--price-side) to bid, ask or mid"
    )


def _spread(quotes: Quotes, constant: float) -> tuple[np.ndarray, str]:
    """Spread of each bar in pips [T], and where it comes from."""
    if quotes.spread is None:
        return np.full(len(quotes.times), constant), f"a constant spread of {constant:g} pips"
    missing = np.isnan(quotes.spread)
    source = f"the file's spread in {quotes.spread_unit}"
    if missing.any():
        source += f" ({int(missing.sum()):,} bars without one: {constant:g} pips)"
    return np.where(missing, constant, quotes.spread), source


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
