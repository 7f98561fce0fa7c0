"""Quotes: what a bar file says, checked, in UTC, before any spread is added.

A file has both sides (`bid_open` ... `ask_close`), or one set of OHLC, and perhaps a spread. Column
names are matched without regard to case, blanks and signs. Units of a spread column: pips
(`spread`, `spread_pips`), or points of a tenth of a pip (`spread_points`, and `spread` in a
MetaTrader file, known by its tick volume, where 0 means missing).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from jaxexit.data.tables import Columns, read_table
from jaxexit.data.times import to_utc
from jaxexit.errors import DataError

POINTS_PER_PIP = 10.0
ROUNDING = 1.1e-5  # of the price: one point of a five-digit quote, a file's last digit

_FIELDS = ("open", "high", "low", "close")
_TIME_NAMES = (
    "time", "timestamp", "datetime", "datetimeutc", "timeutc", "gmttime", "utctime", "utc",
    "opentime", "date", "index", "localtime",
)  # fmt: skip
_TICK_VOLUME_NAMES = ("tickvolume", "tickvol")


@dataclass(frozen=True)
class Quotes:
    """What a bar file says: one or two sides of T bars, checked side by side, in UTC."""

    where: str  # the file, for messages
    times: np.ndarray  # [T] datetime64[ns], UTC, bar opens
    sides: dict[str, np.ndarray]  # "bid", "ask", "unknown" -> [T, 4] float64
    spread: np.ndarray | None  # [T] float64 in pips, nan where the file says it is missing
    spread_unit: str  # what the file's spread column counts
    table: pd.DataFrame  # the file's own columns, for user features
    widened: int  # bars whose open or close lay a rounding outside [low, high]


def read_quotes(path: Path, timezone: str = "UTC") -> Quotes:
    """Read and check a bar file.

    Raises DataError for missing columns, bars out of order, equal times, and prices that are not
    positive finite numbers, have high below low, open or close outside [low, high], or ask below
    bid.
    """
    where = str(path)
    table = read_table(path)
    columns = Columns(table, where)
    times = _times(columns, timezone)
    _check_order(times, where)
    sides: dict[str, np.ndarray] = {}
    widened = np.zeros(len(times), bool)
    for side, prices in _sides(columns).items():
        sides[side], touched = _check_prices(prices, times, where, side)
        widened |= touched
    if "bid" in sides and "ask" in sides:
        _check_book(sides["bid"], sides["ask"], times, where)
    spread, unit = _spread(columns)
    return Quotes(where, times, sides, spread, unit, table, int(widened.sum()))


def _times(columns: Columns, timezone: str) -> np.ndarray:
    name = columns.find(_TIME_NAMES)
    if name is None:
        raise DataError(
            f"{columns.where}: no time column, a header must name it 'time' (found: {columns})"
        )
    stamps = columns.series(name)
    # MetaTrader writes date and clock in two columns.
    date, clock = columns.find(["date"]), columns.find(["time"])
    if date is not None and clock is not None and _is_clock(columns.series(clock)):
        name = f"{date} {clock}"
        stamps = columns.series(date).astype(str) + " " + columns.series(clock).astype(str)
    return to_utc(stamps, timezone, f"{columns.where}: column '{name}'")


def _is_clock(stamps: pd.Series) -> bool:
    return re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", str(stamps.iloc[0]).strip()) is not None


def _sides(columns: Columns) -> dict[str, np.ndarray]:
    """The sides that the file names, else its plain OHLC as side "unknown"; [T, 4] each."""
    found: dict[str, np.ndarray] = {}
    for side in ("bid", "ask"):
        names = [columns.find([side + field, field + side]) for field in _FIELDS]
        if any(names):
            found[side] = _ohlc(columns, names, f"{side}_")
    if not found:
        names = [columns.find([field]) for field in _FIELDS]
        found["unknown"] = _ohlc(columns, names, "")
    return found


def _ohlc(columns: Columns, names: list[str | None], prefix: str) -> np.ndarray:
    missing = [prefix + field for field, name in zip(_FIELDS, names, strict=True) if name is None]
    if missing:
        raise DataError(
            f"{columns.where}: no column {', '.join(missing)}, a header must name time, open, high, low, "
            f"close, or bid_open ... ask_close (found: {columns})"
        )
    return np.stack([columns.numbers(name) for name in names if name is not None], axis=1)


def _spread(columns: Columns) -> tuple[np.ndarray | None, str]:
    """The file's spread in pips (nan where missing) and the unit it is written in."""
    points = columns.find(["spreadpoints"])
    pips = columns.find(["spreadpips", "spread"])
    metatrader = any(name in columns for name in _TICK_VOLUME_NAMES)
    if points is None and metatrader and "spreadpips" not in columns:
        points = columns.find(["spread"])
    name = pips if points is None else points
    if name is None:
        return None, ""
    values = columns.numbers(name, blanks=True)
    if (values < 0).any():
        row = int(np.argmax(values < 0))
        raise DataError(
            f"{columns.where}: column '{name}' is {values[row]:g} in row {row + 1}, "
            "a spread cannot be negative"
        )
    if points is None:
        return values, "pips"
    if metatrader:
        values = np.where(values == 0, np.nan, values)
    return values / POINTS_PER_PIP, "points (0.1 pip)"


def _check_order(times: np.ndarray, where: str) -> None:
    if len(times) < 2:
        raise DataError(f"{where}: one bar only, at least two are needed")
    steps = np.diff(times)
    for wrong, what, remedy in (
        (steps < np.timedelta64(0), "is earlier than the one before it", "sort the bars by time"),
        (steps == np.timedelta64(0), "appears twice", "remove the duplicates"),
    ):
        if wrong.any():
            row = int(np.argmax(wrong)) + 1
            raise DataError(
                f"{where}: row {row + 1}: time {_stamp(times[row])} {what}, {remedy} "
                f"({int(wrong.sum())} such rows)"
            )


def _check_prices(
    prices: np.ndarray, times: np.ndarray, where: str, side: str
) -> tuple[np.ndarray, np.ndarray]:
    """Refuse impossible bars; widen extremes where open or close lies a rounding outside.

    Returns prices [T, 4] and which bars were widened [T].
    """
    opened, high, low, close = prices.T
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    allowed = ROUNDING * np.abs(close)
    label = "" if side == "unknown" else f"{side} "
    for wrong, what in (
        (~(prices > 0).all(axis=1), "a price that is not above 0"),
        (high < low, "high below low"),
        (top > high + allowed, "open or close above high"),
        (bottom < low - allowed, "open or close below low"),
    ):
        if wrong.any():
            row = int(np.argmax(wrong))
            raise DataError(
                f"{where}: row {row + 1} ({_stamp(times[row])}): {label}{what}, correct or remove it "
                f"({int(wrong.sum())} such rows)"
            )
    widened = (top > high) | (bottom < low)
    fixed = prices.copy()
    fixed[:, 1], fixed[:, 2] = np.maximum(high, top), np.minimum(low, bottom)
    return fixed, widened


def _check_book(bid: np.ndarray, ask: np.ndarray, times: np.ndarray, where: str) -> None:
    wrong = (ask < bid).any(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{where}: row {row + 1} ({_stamp(times[row])}): ask below bid, correct or remove it "
            f"({int(wrong.sum())} such rows)"
        )


def _stamp(time: np.datetime64) -> str:
    return f"{pd.Timestamp(time):%Y-%m-%d %H:%M:%S}"
