"""The spread column of a bar file: which it is, what it counts, and how much that is in price."""

from __future__ import annotations

import numpy as np

from jaxexit.data.tables import Columns
from jaxexit.errors import DataError

POINTS = "points"  # of the last digit that the file's prices have
PIPS, USUAL = "pips", "pips, where the market has them, else price units"
MOST_NEGATIVE = 0.01  # share of spreads below 0 that are taken as missing
MOST_DIGITS = 8
_TICK_VOLUME_NAMES = ("tickvolume", "tickvol")


def column_of_spreads(columns: Columns) -> tuple[np.ndarray | None, str]:
    """The spread [T], nan where missing, and what it counts: `PIPS`, `USUAL` or `POINTS`; (None, "") if none.

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
        return values, PIPS if "spreadpips" in columns else USUAL
    if metatrader:
        values = np.where(values == 0, np.nan, values)
    return values, POINTS


def decimals(prices: np.ndarray) -> int:
    """Digits behind the point that prices [T, 4] have, at most `MOST_DIGITS`."""
    some = _some(prices)
    for digits in range(MOST_DIGITS + 1):
        if np.allclose(
            np.round(some, digits), some, rtol=0.0, atol=1e-9 * float(np.abs(some).max())
        ):
            return digits
    return MOST_DIGITS


def point_of(prices: np.ndarray) -> float:
    """The last digit of prices [T, 4], in price units: 0.00001 of a five-digit pair, 0.01 of gold."""
    return 10.0 ** -decimals(prices)


def tick_of(prices: np.ndarray) -> float:
    """The largest step that all of prices [T, 4] are multiples of: 0.25 of the S&P future."""
    point = point_of(prices)
    steps = np.round(_some(prices) / point).astype(np.int64)
    return point * max(int(np.gcd.reduce(steps)), 1)


def _some(prices: np.ndarray) -> np.ndarray:
    return prices[:: max(1, len(prices) // 5_000)].ravel()
