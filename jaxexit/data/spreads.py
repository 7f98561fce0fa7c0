"""The spread column of a bar file: which it is, what it counts, and how much that is in pips."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jaxexit.data.tables import Columns
from jaxexit.errors import DataError

if TYPE_CHECKING:
    from jaxexit.data.quotes import Quotes

POINTS = "points"  # of the last digit that the file's prices have
MOST_NEGATIVE = 0.01  # share of spreads below 0 that are taken as missing
MOST_DIGITS = 8
_TICK_VOLUME_NAMES = ("tickvolume", "tickvol")


def column_of_spreads(columns: Columns) -> tuple[np.ndarray | None, str]:
    """The spread [T], nan where missing, and what it counts: "pips" or `POINTS`; (None, "") without one.

    Raises:
        DataError: more than a few are negative.
    """
    points = columns.find(["spreadpoints"])
    pips = columns.find(["spreadpips", "spread"])
    metatrader = any(name in columns for name in _TICK_VOLUME_NAMES)
    if points is None and metatrader and "spreadpips" not in columns:
        points = columns.find(["spread"])
    name = pips if points is None else points
    if name is None:
        return None, ""
    values = columns.numbers(name, blanks=True)
    negative = values < 0
    if negative.sum() > MOST_NEGATIVE * len(values):
        row = int(np.argmax(negative))
        raise DataError(
            f"{columns.where}: column '{name}' is {values[row]:g} in row {row + 1}, a spread cannot be "
            f"negative ({int(negative.sum()):,} such rows)"
        )
    values = np.where(negative, np.nan, values)  # as if missing; `complete_book` says how many
    if points is None:
        return values, "pips"
    if metatrader:
        values = np.where(values == 0, np.nan, values)
    return values, POINTS


def point_of(prices: np.ndarray) -> float:
    """The last digit of prices [T, 4], in price units: 0.00001 of a five-digit pair, 0.01 of gold."""
    some = prices[:: max(1, len(prices) // 5_000)].ravel()
    for digits in range(MOST_DIGITS + 1):
        if np.allclose(
            np.round(some, digits), some, rtol=0.0, atol=1e-9 * float(np.abs(some).max())
        ):
            return 10.0**-digits
    return 10.0**-MOST_DIGITS


def spread_in_pips(quotes: Quotes, pip: float) -> np.ndarray:
    """The file's own spreads in pips [T], nan where missing; for quotes that have a spread."""
    assert quotes.spread is not None, "the file has no spread"
    if quotes.spread_unit != POINTS:
        return quotes.spread
    ratio = pip / point_of(next(iter(quotes.sides.values())))  # 10 of the usual quotes
    whole = float(np.round(ratio))
    return quotes.spread / (whole if whole and np.isclose(ratio, whole) else ratio)
