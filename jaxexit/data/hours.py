"""The hours of the currency market: a week from Sunday to Friday, 17:00 New York."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from jaxexit.data.zones import localise

NEW_YORK = "America/New_York"
_SHUTS, _FRIDAY, _SATURDAY, _SUNDAY = 17.0, 4, 5, 6
_TOLERANCE = 0.55  # hours that a broker may open late or shut early
_HOUR, _DAY, _WEEK = np.timedelta64(1, "h"), np.timedelta64(1, "D"), np.timedelta64(7, "D")
MOST_LISTED = 5_000_000  # nearly ten years of minutes
_A_SATURDAY_NOON = np.datetime64("1970-01-03T12", "ns")


class Weekends(NamedTuple):
    """The gaps of a day to four around a Saturday noon, as a file's clock shows them."""

    last: np.ndarray  # [W] datetime64[ns], open of the last bar before
    first: np.ndarray  # [W] open of the first bar after
    step: np.timedelta64  # the bars' usual length


def weekends(times: np.ndarray) -> Weekends:
    """The weekends of rising bar opens [T]."""
    if len(times) < 2:
        return Weekends(times[:0], times[:0], np.timedelta64(0, "ns"))
    steps = np.diff(times)
    at = np.flatnonzero((steps > 30 * _HOUR) & (steps < 96 * _HOUR))
    noons = (times[at + 1] - _A_SATURDAY_NOON) // _WEEK - (times[at] - _A_SATURDAY_NOON) // _WEEK
    at = at[noons > 0]
    return Weekends(times[at], times[at + 1], np.partition(steps, len(steps) // 2)[len(steps) // 2])


def market_agreement(edges: Weekends, clock: str) -> float:
    """Share of weekends that shut on Friday and open on Sunday at 17:00 New York, read on `clock`.

    For bars of an hour or less; 0 where there is no weekend.
    """
    if not len(edges.last):
        return 0.0
    shut = _hours(edges.last + edges.step, clock, _FRIDAY) - _SHUTS
    opened = _hours(edges.first, clock, _SUNDAY) - _SHUTS
    early = _TOLERANCE + float(edges.step / _HOUR)
    return float(((np.abs(opened) <= _TOLERANCE) & (shut <= 0.05) & (shut >= -early)).mean())


def _hours(times: np.ndarray, clock: str, weekday: int) -> np.ndarray:
    """Hours since midnight of `weekday` (New York), of times near to it, [W]."""
    utc = localise(pd.DatetimeIndex(times), clock, "weekends")
    local = pd.DatetimeIndex(utc, tz="UTC").tz_convert(NEW_YORK)
    days = (local.day_of_week.to_numpy() - weekday + 3) % 7 - 3
    return 24.0 * days + local.hour.to_numpy() + local.minute.to_numpy() / 60


def in_weekend(times: np.ndarray) -> np.ndarray:
    """Which bar opens [T] in UTC lie where the market is shut, by an hour or more; [T] bool.

    Bars of more than an hour may begin in it and trade later: of those only the whole days of a Saturday.
    """
    inside = np.zeros(len(times), bool)
    if len(times) < 2:
        return inside
    noon = (times - _A_SATURDAY_NOON + 84 * _HOUR) % _WEEK - 84 * _HOUR  # since the nearest one
    near = np.flatnonzero((noon > -16 * _HOUR) & (noon < 36 * _HOUR))
    step = np.median(np.diff(times))
    index = pd.DatetimeIndex(times[near])
    if step > _HOUR:
        whole = (index == index.normalize()) & (step == _DAY)
        inside[near] = whole & (index.day_of_week.to_numpy() == _SATURDAY)
        return inside
    local = index.tz_localize("UTC").tz_convert(NEW_YORK)
    hour = (
        24.0 * local.day_of_week.to_numpy() + local.hour.to_numpy() + local.minute.to_numpy() / 60
    )
    inside[near] = (hour >= 24 * _FRIDAY + _SHUTS + 1) & (hour < 24 * _SUNDAY + _SHUTS - 1)
    return inside


def missing_bars(before: np.datetime64, after: np.datetime64, step: np.timedelta64) -> np.ndarray:
    """Opens of the bars that lack between two, [n] datetime64[ns]: each `step`, but in the weekend none.

    The weekend is from Friday to Sunday 17:00 New York. Holidays are not known: their bars count as missing.
    Of centuries, as two wrong stamps have them between them, the first `MOST_LISTED` are looked at.
    """
    # In nanoseconds centuries cannot be subtracted.
    seconds = float((after.astype("M8[s]") - before.astype("M8[s]")) / np.timedelta64(1, "s"))
    if seconds > MOST_LISTED * float(step / np.timedelta64(1, "s")):
        after = before + MOST_LISTED * step
    opens = np.arange(before + step, after, step, dtype="datetime64[ns]")
    if not len(opens):
        return opens
    local = pd.DatetimeIndex(opens, tz="UTC").tz_convert(NEW_YORK)
    hour = (
        24.0 * local.day_of_week.to_numpy() + local.hour.to_numpy() + local.minute.to_numpy() / 60
    )
    return opens[(hour < 24 * _FRIDAY + _SHUTS) | (hour >= 24 * _SUNDAY + _SHUTS)]
