"""Time stamps of bar and trade files, turned into UTC without guessing.

Understood: ISO 8601 with or without offset, `01.01.2017 22:00:00.000` (dots: day first),
`2021.06.16 00:00`, `20230601 000000`, slashes where the file shows which part is the day, epoch
numbers, and columns that already hold times. Stamps without an offset are read on the clock that the
user or the file's format names (see `zones`).
"""

from __future__ import annotations

import re
from typing import Literal

import numpy as np
import pandas as pd

from jaxexit.config.text import shown
from jaxexit.data.stamps import parse_fixed, parse_iso
from jaxexit.data.zones import localise
from jaxexit.errors import DataError
from jaxexit.limits import FIRST_YEAR, LAST_SECOND, LAST_YEAR, nanoseconds, not_of_a_market

_OFFSET = r"(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})$"

# Pattern of a whole stamp -> its date in strptime's letters. The clock is added where a stamp has
# one.
_LAYOUTS = (
    (r"\d{4}\.\d{1,2}\.\d{1,2}", "%Y.%m.%d"),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", "%d.%m.%Y"),
    (r"\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d"),
    (r"\d{8}", "%Y%m%d"),
    (r"\d{1,2} [A-Za-z]{3} \d{4}", "%d %b %Y"),
)
_AMBIGUOUS = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-]\d{4}")

# Epoch numbers by size, and how many nanoseconds they count: seconds stay below 1e11 until the year 5138.
_EPOCHS = ((1e11, 10**9), (1e14, 10**6), (1e17, 10**3), (np.inf, 1))
_EPOCHS_END = 1e9 * LAST_SECOND  # nanoseconds


def to_utc(
    stamps: pd.Series,
    timezone: str,
    where: str,
    *,
    blanks: bool = False,
    server_epochs: bool = False,
) -> np.ndarray:
    """Stamps as datetime64[ns] in UTC, [len(stamps)].

    `timezone` is the clock of stamps without an offset (see `zones`); `where` names file and column in
    errors. Epoch numbers are UTC, but with `server_epochs`, as MetaTrader writes them, of that clock. Blank
    stamps become NaT where `blanks` allows them. Raises DataError for a stamp that cannot be read or does not
    exist in the zone, for mixed layouts, and for day and month that cannot be told apart.
    """
    missing = stamps.isna().to_numpy()
    if not (pd.api.types.is_numeric_dtype(stamps) or pd.api.types.is_datetime64_any_dtype(stamps)):
        missing = missing | (stamps.astype(str).str.strip() == "").to_numpy()
    if missing.any() and not blanks:
        raise DataError(f"{where}: row {int(np.argmax(missing)) + 1} has no time, remove that row")
    result = np.full(len(stamps), np.datetime64("NaT"), "datetime64[ns]")
    present = stamps.take(np.flatnonzero(~missing))
    if len(present):
        series = pd.Series(present.array)
        result[~missing] = _present_to_utc(series, timezone, where, server_epochs)
    return result


def _present_to_utc(
    stamps: pd.Series, timezone: str, where: str, server_epochs: bool
) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(stamps) and _is_compact_date(stamps):
        stamps = stamps.astype("int64").astype(str)
    if pd.api.types.is_numeric_dtype(stamps):
        times = _epochs(stamps.to_numpy(), where)
        return _to_utc(pd.DatetimeIndex(times), timezone if server_epochs else "UTC", where)
    if pd.api.types.is_datetime64_any_dtype(stamps):
        times = pd.DatetimeIndex(stamps)
    else:
        times = _parse(stamps.astype(str).str.strip(), where)
    return _to_utc(times, timezone, where)


def _epochs(numbers: np.ndarray, where: str) -> np.ndarray:
    """Epoch numbers as datetime64[ns]; each by its own size, since files change their unit half way.

    Binance wrote milliseconds until 2024, and microseconds since.
    """
    numbers = numbers.astype(np.float64) if numbers.dtype.kind == "f" else numbers.astype(np.int64)
    size = np.abs(numbers.astype(np.float64))
    factors = np.select([size < limit for limit, _ in _EPOCHS], [f for _, f in _EPOCHS], 1.0)
    far = ~(size * factors < _EPOCHS_END)  # nan and infinities too
    if far.any():
        row = int(np.argmax(far))
        raise not_of_a_market(where, numbers[row], row)
    times = np.empty(len(numbers), "datetime64[ns]")
    least = 0.0
    for limit, factor in _EPOCHS:
        mine = (size >= least) & (size < limit)
        whole = np.floor(numbers[mine]).astype(np.int64)
        part = np.round((numbers[mine] - whole) * factor).astype(np.int64)
        times[mine] = (whole * factor + part).view("datetime64[ns]")
        least = limit
    return times


def _to_utc(times: pd.DatetimeIndex, timezone: str, where: str) -> np.ndarray:
    times = nanoseconds(times, where)
    if times.tz is None:
        return localise(times, timezone, where)
    return times.tz_convert("UTC").tz_localize(None).to_numpy()


def in_order_of(stamps: pd.Series, order: Literal["day first", "month first"]) -> pd.Series:
    """Dates with slashes, whose order the format documents, as ISO; as they are where one contradicts it."""
    text = stamps.fillna("").astype(str).str.strip()
    parts = text.str.extract(r"^(\d{1,2})/(\d{1,2})/(\d{4})(.*)$")
    if parts[3].isna().any():
        return stamps
    day, month = (parts[0], parts[1]) if order == "day first" else (parts[1], parts[0])
    if (month.astype(int) > 12).any():
        return stamps
    return parts[2] + "-" + month.str.zfill(2) + "-" + day.str.zfill(2) + parts[3]


def labelled(stamps: pd.Series) -> bool:
    """Whether the stamps say what offset they have."""
    if pd.api.types.is_datetime64_any_dtype(stamps):
        return pd.DatetimeIndex(stamps.iloc[:1]).tz is not None
    if pd.api.types.is_numeric_dtype(stamps):
        return False
    present = stamps.dropna()
    return bool(len(present)) and re.search(_OFFSET, str(present.iloc[0]).strip()) is not None


def _is_compact_date(stamps: pd.Series) -> bool:
    """Whether numbers are dates written as 20230601 (as seconds they would lie in 1970)."""
    return bool(stamps.between(19_000_101, 21_001_231).all())


def _parse(stamps: pd.Series, where: str) -> pd.DatetimeIndex:
    if _is_iso(str(stamps[0])):
        times = parse_iso(stamps)
        if times is not None:
            return times
    elif re.search(_OFFSET, str(stamps[0])) is None:
        times = parse_fixed(stamps, _layout(stamps, where))
        if times is not None:
            return times
    with_offset = stamps.str.contains(_OFFSET, regex=True)
    if with_offset.any() and not with_offset.all():
        row = int(np.argmin(with_offset.to_numpy())) + 1
        raise DataError(
            f"{where}: some stamps carry an offset and some do not (row {row}: {shown(stamps[row - 1])}), "
            "write all of them the same way"
        )
    offset = bool(with_offset.all())
    layout = "ISO8601" if _is_iso(str(stamps[0])) else _layout(stamps, where)
    zone = "%z" if offset and layout != "ISO8601" else ""
    try:
        times = pd.to_datetime(stamps, format=layout + zone, utc=offset)
    except (ValueError, OverflowError):
        row = _first_unreadable(stamps, layout + zone)
        if re.match(r"[-+]?\d{4,}-\d{2}-\d{2}(?!\d)", str(stamps[row])) and not _in_years(
            stamps[row]
        ):
            raise not_of_a_market(where, stamps[row], row) from None
        raise DataError(
            f"{where}: cannot read the time {shown(stamps[row])} (row {row + 1}), "
            "write it as 2017-01-31 22:00:00"
        ) from None
    return pd.DatetimeIndex(times)


def _is_iso(stamp: str) -> bool:
    return re.match(r"\d{4}-\d{2}-\d{2}", stamp) is not None


def _layout(stamps: pd.Series, where: str) -> str:
    first = str(stamps[0])
    for pattern, date in _LAYOUTS:
        if match := re.match(pattern + r"(?=$|\D)", first):
            return date + _clock(first[match.end() :])
    if match := _AMBIGUOUS.match(first):
        parts = stamps.str.extract(_AMBIGUOUS, expand=True).astype(float)
        day_first, month_first = bool((parts[0] > 12).any()), bool((parts[1] > 12).any())
        if day_first == month_first:
            raise DataError(
                f"{where}: day and month of '{first}' cannot be told apart, write dates as 2017-01-31"
            )
        separator = first[match.end(1)]
        date = ("%d{0}%m{0}%Y" if day_first else "%m{0}%d{0}%Y").format(separator)
        return date + _clock(first[match.end() :])
    raise DataError(
        f"{where}: cannot read the time {shown(first)} (row 1), write it as 2017-01-31 22:00:00"
    )


def _clock(rest: str) -> str:
    """Layout of what follows the date, e.g. ' 22:00:00.000' or 'T22:00'."""
    if not rest.strip():
        return ""
    separator = re.match(r"[ T,]*", rest)
    gap = separator.group() if separator else ""
    clock = re.sub(_OFFSET, "", rest[len(gap) :]).strip()
    if re.fullmatch(r"\d{6,9}", clock):  # HistData's ticks have milliseconds
        return f"{gap}%H%M%S" + ("%f" if len(clock) > 6 else "")
    seconds = clock.count(":") == 2
    fraction = "." in clock
    half = re.search(r"( ?)[AaPp][Mm]$", clock)
    hour, end = ("%I", f"{half[1]}%p") if half else ("%H", "")
    return gap + hour + ":%M" + (":%S" if seconds else "") + (".%f" if fraction else "") + end


def _in_years(stamp: object) -> bool:
    """Whether an ISO stamp's year is one that can be read."""
    year = re.match(r"[-+]?\d+", str(stamp))
    return year is not None and FIRST_YEAR <= int(year.group()) <= LAST_YEAR


def _first_unreadable(stamps: pd.Series, layout: str) -> int:
    parsed = pd.to_datetime(stamps, format=layout, utc=True, errors="coerce")
    return int(np.argmax(parsed.isna().to_numpy()))
