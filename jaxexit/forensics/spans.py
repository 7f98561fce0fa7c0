"""Extremes of prices over spans of bars, one span a trade."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxexit.forensics.examined import Bars

AT_ONCE = 2_000_000  # bars
HIGH, LOW = 1, 2


def rows_of(first: np.ndarray, last: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The bars of spans [first, last], both included, some spans at a time; empty spans have none.

    Yields:
        (span of each row, bar of each row), int [rows] each.
    """
    length = np.maximum(last - first + 1, 0)
    begin = 0
    ends = np.cumsum(length)
    while begin < len(length):
        reached = ends[begin - 1] if begin else 0
        end = max(int(np.searchsorted(ends, reached + AT_ONCE, side="right")), begin + 1)
        some = length[begin:end]
        span = np.repeat(np.arange(begin, end), some)
        within = np.arange(some.sum()) - np.repeat(np.cumsum(some) - some, some)
        yield span, first[span] + within
        begin = end


def best_and_worst(
    bars: Bars, direction: np.ndarray, first: np.ndarray, last: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Best and worst exit-side price times direction over the bars [first, last] of each trade.

    Args:
        bars: of the market.
        direction: [N] +1, -1.
        first: [N] int.
        last: [N] int; a span that ends before it begins has -inf and +inf.

    Returns:
        (best, worst), [N] each.
    """
    best, worst = np.full(len(first), -np.inf), np.full(len(first), np.inf)
    for trade, bar in rows_of(first, last):
        if not len(trade):
            continue
        starts = np.flatnonzero(np.diff(trade, prepend=-1))
        side = direction[trade]
        high = np.where(side > 0, bars.bid[bar, HIGH], -bars.ask[bar, LOW])
        low = np.where(side > 0, bars.bid[bar, LOW], -bars.ask[bar, HIGH])
        best[trade[starts]] = np.maximum.reduceat(high, starts)
        worst[trade[starts]] = np.minimum.reduceat(low, starts)
    return best, worst
