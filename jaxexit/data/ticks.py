"""Ticks to bars of both sides, and bars to longer bars.

A bar opens at a whole multiple of its length since 1970 in UTC, holds what happened before the next one
opens, and exists only where something did. Bid and ask have extremes of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from jaxexit.config.clocks import TIMEFRAMES
from jaxexit.data.tables import Columns
from jaxexit.errors import DataError

MINUTE = np.timedelta64(1, "m")
_MOST_CROSSED = 0.01  # share of ticks with ask below bid beyond which a file is refused
_BIDS, _ASKS = ("bid", "bidprice"), ("ask", "askprice")


@dataclass(frozen=True)
class TickBars:
    """T bars, of a minute unless said otherwise."""

    times: np.ndarray  # [T] datetime64[ns], UTC, bar opens
    bid: np.ndarray  # [T, 4] open, high, low, close
    ask: np.ndarray  # [T, 4]
    table: pd.DataFrame  # the same, and how many ticks
    remarks: tuple[str, ...]


def timeframe_length(name: str) -> np.timedelta64:
    """The length of M15, H1, and so on. Raises DataError for what MetaTrader has no name for."""
    if name.upper() not in TIMEFRAMES:
        raise DataError(f"timeframe: got {name}, expected one of {', '.join(TIMEFRAMES)}")
    return np.timedelta64(TIMEFRAMES[name.upper()], "m").astype("timedelta64[ns]")


def has_ticks(columns: Columns) -> bool:
    """Whether a table is of ticks: a bid and an ask, and no bars."""
    both = columns.find(_BIDS) is not None and columns.find(_ASKS) is not None
    return both and not any(columns.find([name]) for name in ("open", "bidopen", "askopen"))


def bars_from_ticks(
    columns: Columns, times: np.ndarray, length: np.timedelta64 = MINUTE
) -> TickBars:
    """Bars of a minute, or another length, from ticks at `times` [N] datetime64[ns] in UTC, in any order.

    Ticks with ask below bid are quotes that nobody could trade on: left out and counted. Raises
    DataError where they are more than one in a hundred, and for prices that are no numbers.
    """
    bid = columns.numbers(str(columns.find(_BIDS)))
    ask = columns.numbers(str(columns.find(_ASKS)))
    seconds = int(length / np.timedelta64(1, "s"))
    words = "a minute" if length == MINUTE else f"{seconds} s"
    remarks = [f"{len(times):,} ticks made bars of {words}"]
    crossed = ask < bid
    if crossed.mean() > _MOST_CROSSED:
        row = int(np.argmax(crossed))
        raise DataError(
            f"{columns.where}: row {row + 1}: ask below bid in {int(crossed.sum()):,} of "
            f"{len(times):,} ticks, check which column is which"
        )
    if crossed.any():
        remarks.append(f"{int(crossed.sum()):,} ticks with ask below bid left out")
        times, bid, ask = times[~crossed], bid[~crossed], ask[~crossed]
    if (np.diff(times) < np.timedelta64(0)).any():
        order = np.argsort(times, kind="stable")
        times, bid, ask = times[order], bid[order], ask[order]
        remarks.append("ticks sorted by time")
    opens, starts = bins(times, length)
    bids, asks = (merge(np.repeat(price[:, None], 4, axis=1), starts) for price in (bid, ask))
    table = as_table(opens, bids, asks)
    table["ticks"] = np.diff(np.append(starts, len(times)))
    return TickBars(opens, bids, asks, table, tuple(remarks))


def bins(times: np.ndarray, step: np.timedelta64) -> tuple[np.ndarray, np.ndarray]:
    """Opens of the longer bars that rising `times` [N] fall into, and the first row of each, [T]."""
    length = step.astype("timedelta64[ns]").astype(np.int64)
    number = times.astype("datetime64[ns]").astype(np.int64) // length
    starts = np.flatnonzero(np.diff(number, prepend=number[0] - 1))
    return (number[starts] * length).view("datetime64[ns]"), starts


def merge(prices: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """OHLC [N, 4] of consecutive rows as one bar each, from rows `starts` [T] on: [T, 4]."""
    ends = np.append(starts[1:], len(prices)) - 1
    return np.stack(
        [
            prices[starts, 0],
            np.maximum.reduceat(prices[:, 1], starts),
            np.minimum.reduceat(prices[:, 2], starts),
            prices[ends, 3],
        ],
        axis=1,
    )


def as_table(times: np.ndarray, bid: np.ndarray, ask: np.ndarray) -> pd.DataFrame:
    """Our own bar table: time (UTC), bid_open ... ask_close."""
    table = pd.DataFrame({"time": pd.DatetimeIndex(times, tz="UTC")})
    for side, prices in (("bid", bid), ("ask", ask)):
        for place, field in enumerate(("open", "high", "low", "close")):
            table[f"{side}_{field}"] = prices[:, place]
    return table
