"""The market on the device: both sides of the book, features, and nights to charge swap for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from jaxexit.arrays import on_device
from jaxexit.data.bars import Bars, find_gaps
from jaxexit.data.charges import FREE, Charges, carry
from jaxexit.data.sessions import session_left
from jaxexit.data.types import Market, assert_market
from jaxexit.limits import float32

ROLLOVER_ZONE, ROLLOVER_HOUR = "America/New_York", 17
# Nights charged at the rollover that ends a New York day, Monday first: positions settle two
# business days later, so Wednesday's rollover carries the weekend.
NIGHTS_BY_WEEKDAY = (1, 1, 3, 1, 1, 0, 0)


def rollover_nights(times: np.ndarray, length: np.timedelta64) -> tuple[np.ndarray, np.ndarray]:
    """Swap-weighted 17:00 New York rollovers, where a position crosses them.

    A bar lasts from its open until `length` later, or until the next open if that comes first. Daylight
    saving is New York's.

    Args:
        times: bar opens [T] datetime64[ns] in UTC, rising.
        length: of a bar, above 0.

    Returns:
        (crossed, inside), [T] float32 each: rollovers between the end of bar t-1 and the open of bar t,
        both included (the first is 0), and rollovers strictly inside bar t. Bars that begin or end
        at each rollover (M1 to H1 that begin with the hour) have none inside.
    """
    ends = times + length
    ends[:-1] = np.minimum(ends[:-1], times[1:])
    stamps = pd.DatetimeIndex([times[0], ends[-1]]).tz_localize("UTC").tz_convert(ROLLOVER_ZONE)
    days = pd.date_range(
        stamps[0].tz_localize(None).normalize(),
        stamps[-1].tz_localize(None).normalize(),
        freq="D",
    )
    rollovers = (days + pd.Timedelta(hours=ROLLOVER_HOUR)).tz_localize(ROLLOVER_ZONE)
    rollovers = rollovers.tz_convert("UTC").tz_localize(None).as_unit("ns").to_numpy()
    weights = np.array(NIGHTS_BY_WEEKDAY)[days.day_of_week]
    before = np.concatenate([[0], np.cumsum(weights)])  # nights of the first n rollovers
    by_open = before[np.searchsorted(rollovers, times, side="right")]
    by_end = before[np.searchsorted(rollovers, ends, side="left")]
    crossed = by_open - np.concatenate([by_open[:1], by_end[:-1]])
    return crossed.astype(np.float32), (by_end - by_open).astype(np.float32)


def build_market(
    bars: Bars,
    columns: np.ndarray,
    atr: np.ndarray,
    charges: Charges = FREE,
    *,
    flat_overnight: bool = False,
    detail: np.ndarray | None = None,
) -> Market:
    """`Market` of T bars with feature columns [T, F] and ATR [T] (nan: not defined yet).

    `charges` and `flat_overnight` are the experiment's: what holding costs, and whether nothing is held when
    the market shuts (DataError: nobody said when that is). `detail` [T, 2, 3, m]: see `data.detail.packed`.
    """
    step = find_gaps(bars.times).step
    nights, nights_inside = rollover_nights(bars.times, step)
    holding = carry(charges, bars, step) if charges.carries else (None, None)
    table: dict[str, Any] = {
        "bid": float32(bars.bid, bars.where, "a bid"),
        "ask": float32(bars.ask, bars.where, "an ask"),
        "features": np.asarray(columns, np.float32),
        "atr": float32(np.nan_to_num(atr, nan=0.0), bars.where, "the ATR"),
        "nights": nights,
        "nights_inside": nights_inside,
        "carry": holding[0],
        "carry_inside": holding[1],
        "flat": session_left(bars.calendar, bars.times, step, "env.flat_overnight")[1]
        if flat_overnight
        else None,
        "detail": detail,
    }
    market = Market(**table)
    assert_market(market)
    return on_device(market)
