"""Clocks of bar and trade files: from stamps without an offset to UTC.

A clock is written as an IANA zone (`Europe/Athens`), a fixed offset (`UTC+3`), or a zone shifted by hours:
`America/New_York+7` is the server time of most MetaTrader brokers, whose day ends with New York's at
17:00. `HistData` is the clock found in that site's files. `auto` leaves it to the file's format.
"""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from jaxexit.config.clocks import AUTO, CLOCKS, HISTDATA, is_clock, zone_and_shift
from jaxexit.errors import DataError

# HistData says "EST without daylight saving". Its files hold New York's local time before 2019, and since
# then UTC-5 with an hour more between the European clock changes: London's time less five hours.
_HISTDATA_TURN = pd.Timestamp("2019-01-01")
_HISTDATA_BEFORE, _HISTDATA_AFTER = "America/New_York", "Europe/London-5"
_HISTDATA_RULE = "New York before 2019, then UTC-5 with European daylight saving"


def as_clock(text: str) -> str:
    """A clock as a user may write it: `3` and `+3` mean `UTC+3`.

    Raises DataError for what is no clock.
    """
    text = text.strip()
    if re.fullmatch(r"[+-]?\d{1,2}(:?\d{2})?", text):
        text = f"UTC{text}" if text[0] in "+-" else f"UTC+{text}"
    if not is_clock(text):
        raise _no_clock(text)
    return text


def explain(clock: str) -> str:
    """A clock in words, where its name does not tell."""
    return f"{clock} ({_HISTDATA_RULE})" if clock == HISTDATA else clock


def localise(times: pd.DatetimeIndex, clock: str, where: str) -> np.ndarray:
    """Stamps without an offset, read on `clock`, as datetime64[ns] in UTC, [len(times)].

    An hour that a clock change repeats is told apart where the order of the stamps shows which. Raises
    DataError, with `where` in front, for a stamp that the clock skips, and for an unknown clock.
    """
    if clock == AUTO:
        clock = "UTC"
    if clock == HISTDATA:
        early = np.asarray(times < _HISTDATA_TURN)
        result = np.empty(len(times), "datetime64[ns]")
        for rows, part in ((early, _HISTDATA_BEFORE), (~early, _HISTDATA_AFTER)):
            if rows.any():
                result[rows] = localise(times[rows], part, where)
        return result
    found = zone_and_shift(clock)
    if found is None:
        raise _no_clock(clock)
    zone, shift = found
    shifted = times - shift if shift else times
    if zone.key == "UTC":
        return shifted.as_unit("ns").to_numpy()
    try:
        aware = shifted.tz_localize(zone)
    except ValueError:
        aware = _localise_clock_change(shifted, zone, clock, where)
    return aware.tz_convert("UTC").tz_localize(None).as_unit("ns").to_numpy()


def _no_clock(text: str) -> DataError:
    return DataError(f"data.timezone: got '{text}', expected {CLOCKS}")


def _localise_clock_change(
    times: pd.DatetimeIndex, zone: ZoneInfo, clock: str, where: str
) -> pd.DatetimeIndex:
    try:
        return times.tz_localize(zone, ambiguous="infer")
    except ValueError as error:
        raise DataError(
            f"{where}: a stamp is repeated or skipped by a clock change in {clock} "
            f"({' '.join(str(error).split())[:120]}); give the times in UTC"
        ) from None
