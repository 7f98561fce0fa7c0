"""Names that an experiment may give a clock, and a length of bars."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

AUTO = "auto"  # the clock that the file's format has
HISTDATA = "HistData"  # the clock of that site's files
WEST, EAST = timedelta(hours=-12), timedelta(hours=14)  # from UTC: the range of clocks on Earth
CLOCKS = (
    "auto, a zone name such as UTC, Europe/London or America/New_York, or a zone with an offset in hours, "
    "such as UTC+3 or America/New_York+7"
)
# As MetaTrader names them; minutes.
TIMEFRAMES = {
    **{f"M{n}": n for n in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)},
    **{f"H{n}": 60 * n for n in (1, 2, 3, 4, 6, 8, 12)},
    "D1": 1440,
}
_SHIFTED = re.compile(
    r"(?P<zone>[A-Za-z_/]*)(?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>[0-5]\d))?"
)


def zone_and_shift(clock: str) -> tuple[ZoneInfo, timedelta] | None:
    """The zone of a clock's name and how far the clock is ahead of it; None for any other name."""
    if zone := _zone(clock):
        return zone, timedelta(0)
    shifted = _SHIFTED.fullmatch(clock)
    zone = _zone(shifted["zone"] or "UTC") if shifted else None
    if shifted is None or zone is None:
        return None
    shift = timedelta(hours=int(shifted["hours"]), minutes=int(shifted["minutes"] or 0))
    shift = shift if shifted["sign"] == "+" else -shift
    from_utc = [datetime(2017, month, 1, tzinfo=zone).utcoffset() for month in (1, 7)]
    if any(ahead is None or not WEST <= ahead + shift <= EAST for ahead in from_utc):
        return None
    return zone, shift


def is_clock(text: str) -> bool:
    """Whether `data.timezone` may be this."""
    return text in (AUTO, HISTDATA) or zone_and_shift(text) is not None


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
