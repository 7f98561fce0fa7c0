"""The hours of the currency market: a week from Sunday to Friday, 17:00 New York."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jaxexit.data.zones import localise

NEW_YORK = "America/New_York"
_SHUTS, _WEEKEND = 17.0, (4, 6)  # Friday's and Sunday's hour
_TOLERANCE = 0.55  # hours that a broker may open late or shut early


def weekends(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Last bar open before, and first after, each gap of a day to four around a Saturday noon, [W] each."""
    steps = np.diff(times)
    noon, week = np.datetime64("1970-01-03T12", "ns"), np.timedelta64(7, "D")
    long = (steps > np.timedelta64(30, "h")) & (steps < np.timedelta64(96, "h"))
    # A clock half a day wrong still has its weekend around the noon.
    at = np.flatnonzero(long & (np.diff((times - noon) // week) > 0))
    return times[at], times[at + 1]


def market_agreement(times: np.ndarray, clock: str) -> float:
    """Share of weekends that shut on Friday and open on Sunday at 17:00 New York, read on `clock`.

    `times` [T] are bar opens as their file's clock shows them, of bars of an hour or less.
    """
    if len(times) < 3:
        return 0.0
    step = np.sort(np.diff(times))[len(times) // 2]
    last, first = weekends(times)
    if not len(last):
        return 0.0
    shut = _hours(last + step, clock, _WEEKEND[0]) - _SHUTS
    opened = _hours(first, clock, _WEEKEND[1]) - _SHUTS
    early = _TOLERANCE + float(step / np.timedelta64(1, "h"))
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
    if len(times) < 2:
        return np.zeros(len(times), bool)
    if np.median(np.diff(times)) > np.timedelta64(1, "h"):
        day = np.timedelta64(1, "D")
        whole = (times.astype("datetime64[D]") == times) & (np.median(np.diff(times)) == day)
        return whole & (pd.DatetimeIndex(times).day_of_week.to_numpy() == 5)
    local = pd.DatetimeIndex(times, tz="UTC").tz_convert(NEW_YORK)
    hour = (
        24.0 * local.day_of_week.to_numpy() + local.hour.to_numpy() + local.minute.to_numpy() / 60
    )
    return (hour >= 24 * _WEEKEND[0] + _SHUTS + 1) & (hour < 24 * _WEEKEND[1] + _SHUTS - 1)
