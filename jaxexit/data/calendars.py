"""When a market trades: the days of its year, and the ends of its sessions.

`fx`: Monday to Friday. `24x7`: every day. An exchange's code (XNYS, CMES, XETR): its sessions, holidays and
half days, as the package exchange_calendars has them. `bars`: the days on which the file has bars, for a
market with sessions whose exchange nobody named.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from jaxexit.errors import DataError, one_line
from jaxexit.units import DAYS_A_YEAR, WEEKDAYS_A_YEAR

if TYPE_CHECKING:
    from jaxexit.data.markets import MarketKind

FX, ALWAYS, BARS = "fx", "24x7", "bars"


class Calendar(NamedTuple):
    """The trading days of a market."""

    name: str  # fx, 24x7, bars, or an exchange's code
    days_a_year: float
    sessions: np.ndarray | None = None  # [S] datetime64[D]: the days, where they are listed

    def days(self, first: np.datetime64, last: np.datetime64) -> np.ndarray:
        """Its trading days from one day to another, both included; [n] datetime64[D]."""
        if self.sessions is not None:
            return self.sessions[(self.sessions >= first) & (self.sessions <= last)]
        every_day = np.arange(first, last + 1)
        return every_day[np.is_busday(every_day)] if self.name == FX else every_day

    @property
    def description(self) -> str:
        """For people."""
        return f"{self.name}, {self.days_a_year:.1f} trading days a year"


FX_CALENDAR = Calendar(FX, WEEKDAYS_A_YEAR)


def calendar_of(name: str, market: MarketKind, times: np.ndarray) -> Calendar:
    """The calendar asked for, or the usual one of the market.

    Args:
        name: auto, fx, 24x7, or the code of an exchange.
        market: for auto.
        times: [T] datetime64[ns], UTC, bar opens.

    Raises:
        DataError: there is no such exchange, its calendar ends before the bars do, or the package that
            knows exchanges is not installed.
    """
    if name == "auto":
        name = {"currency pair": FX, "metal": FX, "crypto": ALWAYS}.get(market.kind, BARS)
    if name == FX:
        return FX_CALENDAR
    if name == ALWAYS:
        return Calendar(ALWAYS, DAYS_A_YEAR)
    if name == BARS:
        return _of_bars(times)
    return _of_exchange(name, times)


def _of_bars(times: np.ndarray) -> Calendar:
    days = np.unique(times.astype("datetime64[D]"))
    years = float((days[-1] - days[0]).astype(int) + 1) / DAYS_A_YEAR
    # Of less than half a year the days say little about a whole one.
    count = len(days) / years if years >= 0.5 else min(len(days) / years, WEEKDAYS_A_YEAR)
    return Calendar(BARS, min(count, DAYS_A_YEAR), days)


def exchange(name: str, times: np.ndarray) -> Any:
    """The calendar object of an exchange over the time of the bars.

    Raises:
        DataError: as `calendar_of`.
    """
    try:
        import exchange_calendars  # type: ignore[import-not-found]  # an extra
    except ImportError:
        raise DataError(
            f"data.calendar: found {name}, exchanges need: pip install exchange_calendars"
        ) from None
    known = exchange_calendars.get_calendar_names()
    if name not in known:
        raise DataError(
            f"data.calendar: got {name}, expected auto, fx, 24x7 or the code of an exchange such as "
            "XNYS, XNAS, XLON, XETR, CMES"
        )
    first, last = pd.DatetimeIndex(times[[0, -1]]).year
    try:
        return _whole_years(name, int(first), int(last))
    except Exception as error:  # its own many kinds, for years that it does not know
        raise DataError(
            f"data.calendar: {name} is not known from {first} to {last}: {one_line(str(error))}"
        ) from None


@lru_cache(maxsize=8)
def _whole_years(name: str, first: int, last: int) -> Any:
    import exchange_calendars  # type: ignore[import-not-found]  # an extra

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it lags behind pandas
        return exchange_calendars.get_calendar(
            name, start=f"{first - 1}-12-20", end=f"{last}-12-31"
        )


def _of_exchange(name: str, times: np.ndarray) -> Calendar:
    sessions = exchange(name, times).sessions.to_numpy("datetime64[D]")
    first, last = sessions[0].astype("datetime64[Y]") + 1, sessions[-1].astype("datetime64[Y]") + 1
    whole = int((sessions >= first).sum())  # the first days are of the year before
    return Calendar(name, whole / int((last - first).astype(int)), sessions)
