"""What a stamp and the device can hold: the one place where instants become nanoseconds and prices float32.

An instant is int64 nanoseconds since 1970, which reach from 1677-09-21 to 2262-04-11; whole years of them
are taken, so that a clock, a bar's length or a day added to one stays inside. A price, an amount or a fact of
a bar is float32 where it is computed with: 1.2e-38 (what is smaller is 0 to XLA on a CPU) to 3.4e38 in
magnitude.
"""

from __future__ import annotations

import datetime
import struct
from typing import TYPE_CHECKING, Any

from jaxexit.errors import DataError, one_line

if TYPE_CHECKING:  # annotations only: reading an experiment must not wait for pandas
    import numpy as np
    import pandas as pd

FIRST_YEAR, LAST_YEAR = 1678, 2261
LAST_SECOND = 9.2e9  # since 1970, or before it: July 2261, May 1678
MOST_YEARS = 290  # between two instants, for their difference to be one of nanoseconds
YEARS = f"years from {FIRST_YEAR} to {LAST_YEAR} can be read"
SMALLEST = 2.0**-126
LARGEST = (2 - 2**-23) * 2.0**127
HELD = "0, or 1.2e-38 to 3.4e38 in magnitude"


def as_float32(value: float) -> float:
    """A number as the device has it: infinite where it is too large."""
    try:
        return struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def is_held(value: float) -> bool:
    """Whether the device holds a number: 0, or of a magnitude that neither overflows nor vanishes."""
    return not value or SMALLEST <= abs(as_float32(value)) < float("inf")


def instant(text: str) -> datetime.datetime:
    """An ISO date or time that a user wrote, in UTC; one without an offset is of UTC.

    Raises:
        ValueError: what was expected, as words that follow "expected".
    """
    try:
        said = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("an ISO date like 2015-01-01") from None
    if not FIRST_YEAR <= said.year <= LAST_YEAR:  # before an offset moves it out of the calendar
        raise ValueError(f"a date like 2015-01-01 ({YEARS})")
    if said.tzinfo is None:
        return said.replace(tzinfo=datetime.UTC)
    return said.astimezone(datetime.UTC)


def nanoseconds(times: pd.DatetimeIndex, where: str) -> pd.DatetimeIndex:
    """Times in nanoseconds, in the zone that they have.

    Args:
        times: [N] in any unit, without blanks.
        where: file and column, for messages.

    Raises:
        DataError: the first row whose year nanoseconds do not hold; or no difference of theirs is held.
    """
    import numpy as np

    if len(times):
        first: Any = times.min()
        last: Any = times.max()
        if first.year < FIRST_YEAR or last.year > LAST_YEAR:
            far = (times.year < FIRST_YEAR) | (times.year > LAST_YEAR)
            row = int(np.argmax(far))
            # By NumPy: pandas writes no year above 9999.
            said = str(times.to_numpy("M8[s]")[row]).replace("T", " ")
            raise not_of_a_market(where, said if times.tz is None else f"{said}Z", row)
        if last.year - first.year > MOST_YEARS:
            raise DataError(
                f"{where}: times from {first} to {last} lie more than {MOST_YEARS} years apart: one of them "
                "is wrong, correct it or remove that row"
            )
    return times.as_unit("ns")


def not_of_a_market(where: str, said: object, row: int) -> DataError:
    """The error about a time in `row` (from 0) that nanoseconds do not hold."""
    text = one_line(str(said))
    text = text if len(text) <= 40 else text[:37] + "..."
    return DataError(
        f"{where}: the time {text} in row {row + 1} is none of a market: {YEARS}; correct it, or remove "
        "that row"
    )


def float32(values: Any, where: str, what: str) -> np.ndarray:
    """Numbers as the device has them, float32 of the same shape; nan stays nan. See `check_float32`."""
    import numpy as np

    check_float32(values, where, what)
    return np.asarray(values).astype(np.float32)


def check_float32(values: Any, where: str, what: str) -> None:
    """Refuse numbers that are infinite on the device.

    Args:
        values: [N, ...] numbers, a row a bar or a trade.
        where: the file or the key that they come from, for messages.
        what: what they are ("column 'own'"), for messages.

    Raises:
        DataError: the first row with such a number, and the number.
    """
    import numpy as np

    numbers = np.asarray(values, np.float64)
    beyond = np.abs(numbers) > LARGEST
    if beyond.any():
        row, *rest = (int(at) for at in np.argwhere(beyond)[0])
        raise DataError(
            f"{where}: {what} is {numbers[(row, *rest)]:g} in row {row + 1}, which single precision does "
            f"not hold ({HELD}); correct it, or scale it"
        )


def check_held(value: float, key: str, what: str) -> float:
    """A number that a setting has become in a market's price.

    Args:
        value: the number.
        key: the setting.
        what: what it is there: "in price units".

    Raises:
        DataError: the device does not hold it.
    """
    if not is_held(value):
        raise DataError(
            f"{key}: is {value:g} {what}, which single precision does not hold ({HELD}); check {key} and "
            "what prices are counted in (data.pip, data.tick_size, costs.point_value)"
        )
    return value
