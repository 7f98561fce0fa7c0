"""How a list's entry prices lie in the bars: which clock, which end of the bar, which side of the book."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from jaxexit.data.bars import Bars
from jaxexit.data.matching import FilledAt, bar_of
from jaxexit.data.plausibility import clocks
from jaxexit.data.types import CLOSE, OPEN
from jaxexit.data.zones import localise
from jaxexit.errors import DataError

FEWEST = 5  # prices; fewer tell nothing
INSIDE = 0.9  # share of prices inside their bars from which on a clock is believed
BETTER = 0.2  # by which another clock must exceed the bars' own
SHARPER = 0.5  # the scatter at the right end of the bar against that at the other one
NEAR = 0.15  # of the spread: a side whose prices lie so near to the bars' is the bars' own
_ROOM = 0.25  # of a bar's range: bid prices lie outside of ask bars by the spread
_SPREAD_TELLS = 10  # prices of each direction
_LARGEST_SPREAD = 1.0  # of the bars' usual range; more is no spread


class Entries(NamedTuple):
    """N entries with their prices."""

    moments: np.ndarray  # [N] datetime64[ns], as UTC
    direction: np.ndarray  # [N] 1 or -1
    price: np.ndarray  # [N] nan where the list has none


def entries_of(rows: pd.DataFrame) -> Entries:
    """The trades among the rows of a list (`data.trades.load_trades`)."""
    kept = rows.loc[rows["direction"] != 0]
    return Entries(
        kept["entry_time"].to_numpy().astype("datetime64[ns]"),
        kept["direction"].to_numpy(np.float64),
        kept["entry_price"].to_numpy(np.float64),
    )


def share_inside(entries: Entries, bars: Bars) -> float:
    """Share of prices that lie in the bar of their time, or a quarter of its range beside; nan: too few."""
    bar = bar_of(bars.times, entries.moments, "enclosing")
    known = np.isfinite(entries.price) & (bar >= 0)
    if known.sum() < FEWEST:
        return float("nan")
    at, price = bar[known], entries.price[known]
    low, high = bars.bid[at, 2], bars.ask[at, 1]
    room = np.maximum(_ROOM * (high - low), bars.grain)
    return float(((price >= low - room) & (price <= high + room)).mean())


class OnClock(NamedTuple):
    """A clock on which entry prices lie in their bars."""

    clock: str
    share: float  # of the prices
    as_well: tuple[
        str, ...
    ]  # other clocks on which as many do: the list's months do not tell them apart


def clock_of(entries: Entries, bars: Bars, own: float) -> OnClock | None:
    """The clock on which entry prices lie in their bars; None where none is much better than the present one.

    Args:
        entries: their moments are stamps without an offset, read as UTC.
        bars: in UTC.
        own: `share_inside` on the clock that they are read on now.
    """
    shares: dict[str, float] = {}
    for clock in sorted(("UTC", *clocks()), key=lambda clock: not clock.startswith("UTC")):
        try:
            moments = localise(pd.DatetimeIndex(entries.moments), clock, "trades")
        except DataError:  # an hour that this clock skips
            continue
        share = share_inside(entries._replace(moments=moments), bars)
        if share >= max(INSIDE, own + BETTER):
            shares[clock] = share
    if not shares:
        return None
    best = max(shares, key=lambda clock: shares[clock])
    as_well = [clock for clock, share in shares.items() if share == shares[best] and clock != best]
    return OnClock(best, shares[best], tuple(as_well))


class End(NamedTuple):
    """At which end of their bars trades were filled."""

    filled_at: FilledAt
    told_by: int  # prices
    scatter: tuple[float, float]  # at the open, at the close: usual distance, in grains


def end_of(entries: Entries, bars: Bars) -> End | None:
    """Whether prices are opens or closes of the bars that open at their times; None where they do not say."""
    bar = bar_of(bars.times, entries.moments, "exact")
    known = np.isfinite(entries.price) & (bar >= 0)
    if known.sum() < FEWEST:
        return None
    at_open, at_close = (
        _scatter(entries.price[known] - bars.mid[bar[known], column], entries.direction[known])
        / bars.grain
        for column in (OPEN, CLOSE)
    )
    nearer, other = min(at_open, at_close), max(at_open, at_close)
    if nearer > SHARPER * other:
        return None
    return End(
        "bar_open" if at_open < at_close else "bar_close", int(known.sum()), (at_open, at_close)
    )


def _scatter(away: np.ndarray, direction: np.ndarray) -> float:
    """Usual distance from the usual distance of each direction: a spread does not count."""
    parts = [away[direction == side] for side in (1.0, -1.0)]
    rest = np.concatenate([np.abs(part - np.median(part)) for part in parts if len(part)])
    return float(np.median(rest))


class Sides(NamedTuple):
    """Which side one-sided bars are, by what longs and shorts paid."""

    side: str  # bid, ask or mid
    spread: float  # price units: what a long paid above a short
    longs: int
    shorts: int


def sides_of(entries: Entries, bars: Bars, filled_at: FilledAt) -> Sides | None:
    """The side of the bars; None where longs and shorts paid the same, or nothing that a spread explains.

    Args:
        entries: those at the opens of bars tell.
        bars: of one side, without a spread.
        filled_at: at which end of their bars they were filled.
    """
    bar = bar_of(bars.times, entries.moments, "exact")
    column = OPEN if filled_at == "bar_open" else CLOSE
    known = np.isfinite(entries.price) & (bar >= 0)
    away = entries.price[known] - bars.mid[bar[known], column]
    longs, shorts = (away[entries.direction[known] == side] for side in (1.0, -1.0))
    if min(len(longs), len(shorts)) < _SPREAD_TELLS:
        return None
    above, below = float(np.median(longs)), float(np.median(shorts))
    spread = above - below
    usual = float(np.median(bars.mid[:, 1] - bars.mid[:, 2]))
    smallest = 0.02 * usual
    scattered = max(float(np.median(np.abs(part - np.median(part)))) for part in (longs, shorts))
    if not max(smallest, 2 * scattered) < spread < _LARGEST_SPREAD * usual:
        return None
    for side, off in (("bid", below), ("ask", above), ("mid", above + below)):
        if abs(off) <= NEAR * spread:
            return Sides(side, spread, len(longs), len(shorts))
    return None
