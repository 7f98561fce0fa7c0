"""Sessions: when a market shuts, as it is known beforehand.

The sessions of an exchange are its calendar's, half days and holidays too. The currency market has one a
week, from Sunday to Friday 17:00 New York. What only the bars show is not known before it happens, so a
market whose exchange nobody named has no sessions here.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from jaxexit.data.calendars import ALWAYS, BARS, FX, Calendar, exchange
from jaxexit.data.hours import NEW_YORK
from jaxexit.errors import DataError

_CLOSES = 17  # hour in New York, on Fridays; and on Sundays the market opens


def sessions(calendar: Calendar, times: np.ndarray, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Opens and closes [S] datetime64[ns] in UTC of the sessions that bars opening at `times` may lie in.

    Raises:
        DataError: the market has no sessions, or nobody said which; `key` is what asks for them.
    """
    if calendar.name in (ALWAYS, BARS):
        raise DataError(
            f"{key}: needs sessions, and the calendar is {calendar.name}: set data.calendar to fx or to an "
            "exchange's code such as XNYS"
        )
    if calendar.name == FX:
        first, last = pd.DatetimeIndex(times[[0, -1]]).normalize()
        week = pd.Timedelta(days=8)
        fridays = pd.date_range(first - week, last + week, freq="W-FRI")
        closes = fridays + pd.Timedelta(hours=_CLOSES)
        opens = closes - pd.Timedelta(days=5)
        return _utc(opens.tz_localize(NEW_YORK)), _utc(closes.tz_localize(NEW_YORK))
    schedule = exchange(calendar.name, times).schedule
    return _utc(pd.DatetimeIndex(schedule["open"])), _utc(pd.DatetimeIndex(schedule["close"]))


def _utc(moments: pd.DatetimeIndex) -> np.ndarray:
    return moments.tz_convert("UTC").tz_localize(None).as_unit("ns").to_numpy()


def session_left(
    calendar: Calendar, times: np.ndarray, length: np.timedelta64, key: str
) -> tuple[np.ndarray, np.ndarray]:
    """How much of its session is left when each bar ends, and whether the bar is the last of it.

    A bar that ends at or after the close, or before which no whole bar fits any more, is the last; outside of
    sessions (before the open, after the close) nothing is left.

    Args:
        calendar: of the market.
        times: bar opens [T] datetime64[ns], UTC.
        length: of a bar.
        key: what asks for it, for messages.

    Returns:
        (share of the session, 1 to 0, [T] float64; [T] bool).

    Raises:
        DataError: as `sessions`, or the bars are as long as a session.
    """
    opens, closes = sessions(calendar, times, key)
    if length >= np.median(closes - opens):
        raise DataError(f"{key}: needs bars that are shorter than a session")
    at = np.searchsorted(opens, times, side="right") - 1
    inside = (at >= 0) & (times < closes[np.maximum(at, 0)])
    row = np.maximum(at, 0)
    left = closes[row] - (times + length)
    share = np.where(inside, np.maximum(left / (closes - opens)[row], 0.0), 0.0)
    return share, inside & (left < length)
