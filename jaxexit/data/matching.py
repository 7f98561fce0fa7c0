"""Trades of a list and the bars that they were entered and left in.

`entry_time` is the open of the bar at whose close the trade was filled, or, where `data.filled_at` says so,
of the bar at whose open it was. Times are matched to bar opens exactly; what does not match is listed, never
moved. With `data.align: enclosing` a time lies anywhere inside its bar instead: with `filled_at: bar_open`
all of that bar's range counts as after the fill, the stop first, since it is not known what came before.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from jaxexit.data.bars import Bars, find_gaps, minute
from jaxexit.data.types import CLOSE, OPEN
from jaxexit.errors import DataError

FilledAt = Literal["bar_close", "bar_open"]
Align = Literal["exact", "enclosing"]

_LISTED = 3  # how many trades a message names
_TOLERANCE = (
    1.0  # grains: how far a price may lie outside its bar, or beside an open, to belong to it
)
_TELLING = 5  # fewer prices do not tell at which end of their bars they were filled


def bar_of(times: np.ndarray, moments: np.ndarray, align: Align) -> np.ndarray:
    """The bar of each moment, [N] int, -1 where there is none.

    Args:
        times: [T] datetime64[ns], bar opens.
        moments: [N] datetime64[ns], NaT allowed.
        align: "exact": the bar that opens then; "enclosing": the bar that contains it.
    """
    if align == "exact":
        at = np.minimum(np.searchsorted(times, moments), len(times) - 1)
        return np.where(times[at] == moments, at, -1)
    at = np.searchsorted(times, moments, side="right") - 1
    inside = (at >= 0) & ~np.isnat(moments)
    inside &= moments - times[np.maximum(at, 0)] < find_gaps(times).step
    return np.where(inside, at, -1)


def match_bars(
    rows: pd.DataFrame,
    bars: Bars,
    where: str,
    filled_at: FilledAt = "bar_close",
    align: Align = "exact",
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The bar of each entry time, [rows] int, -1 where there is none.

    Also where the row's entry price lies outside that bar, [rows] bool; and remarks.

    Raises DataError where no trade matches, where most entry prices lie outside their bars (then the
    file is of another zone or another market), and where the prices clearly lie at the other end of
    their bars than `filled_at` says.
    """
    times, entry_times = bars.times, rows["entry_time"].to_numpy().astype("datetime64[ns]")
    bar = bar_of(times, entry_times, align)
    inside, matched = np.maximum(bar, 0), bar >= 0
    remarks = []
    if align == "exact":
        between = ~matched & (bar_of(times, entry_times, "enclosing") >= 0)
        if 2 * between.sum() > len(rows):
            raise DataError(
                f"{where}: {int(between.sum()):,} of {len(rows):,} entry times lie inside bars, like "
                f"{pd.Timestamp(entry_times[between][0]):%H:%M:%S}, not at their opens: set data.align to "
                "enclosing (and data.filled_at to bar_open)"
            )
    if not matched.any():
        raise DataError(
            f"{where}: no entry time is the open of a bar: trades from {minute(entry_times.min())} to "
            f"{minute(entry_times.max())}, bars from {minute(times[0])} to {minute(times[-1])} UTC; "
            "check data.timezone and data.bars"
        )
    if not matched.all():
        first = ", ".join(minute(time) for time in entry_times[~matched][:_LISTED])
        more = int((~matched).sum())
        remarks.append(f"{more:,} trades match no bar: {first}{', ...' if more > _LISTED else ''}")

    price = rows["entry_price"].to_numpy(np.float64)
    priced = matched & np.isfinite(price)
    below = bars.bid[inside, 2] - price
    astray = priced & (np.maximum(below, price - bars.ask[inside, 1]) > _TOLERANCE * bars.grain)
    if 2 * astray.sum() > priced.sum():
        raise DataError(
            f"{where}: {int(astray.sum()):,} of {int(priced.sum()):,} entry prices lie outside their "
            "bars, check data.timezone (zone of the stamps) and that the bars are of the same market"
        )
    if align == "exact":
        _check_filled_at(price, priced, inside, bars, where, filled_at)
    if astray.any():
        tolerance = f"{_TOLERANCE:g} pip" if bars.pip is not None else f"{_TOLERANCE:g} bp"
        remarks.append(
            f"{int(astray.sum()):,} entry prices lie more than {tolerance} outside their bars"
        )
    return np.where(matched, inside, -1), astray, tuple(remarks)


def _beside(price: np.ndarray, bars: Bars, bar: np.ndarray, column: int) -> np.ndarray:
    """How far prices [N] lie outside the book at the open or close of their bars [N], in grains; >= 0."""
    below, above = bars.bid[bar, column] - price, price - bars.ask[bar, column]
    return np.maximum(np.maximum(below, above), 0.0) / bars.grain


def _check_filled_at(
    price: np.ndarray,
    priced: np.ndarray,
    bar: np.ndarray,
    bars: Bars,
    where: str,
    filled_at: FilledAt,
) -> None:
    """Raise DataError where the prices belong to the other end of their bars than `filled_at` says.

    A price tells if it belongs to one end and lies nearer to it than to the other. The setting is
    refused where more than twice as many tell against it as for it.
    """
    at_open, at_close = (_beside(price, bars, bar, column) for column in (OPEN, CLOSE))
    near = {
        "bar_open": int((priced & (at_open < at_close) & (at_open <= _TOLERANCE)).sum()),
        "bar_close": int((priced & (at_close < at_open) & (at_close <= _TOLERANCE)).sum()),
    }
    other = "bar_open" if filled_at == "bar_close" else "bar_close"
    if near[other] >= _TELLING and near[other] > 2 * near[filled_at]:
        raise DataError(
            f"{where}: {near['bar_open']:,} entry prices are the open and {near['bar_close']:,} the close "
            f"of the bar that opens at their entry time, set data.filled_at to {other}"
        )


def listed_decisions(
    rows: pd.DataFrame,
    entry_bar: np.ndarray,
    bars: Bars,
    filled_at: FilledAt,
    align: Align = "exact",
) -> tuple[np.ndarray, tuple[str, ...]]:
    """At which decision k to send EXIT so that a trade leaves where the file says; and remarks.

    The order fills at the close of bar e+k or at the open that follows it. A trade that the file closed at
    the open of a bar is to leave at that open: those of open-stamped files, unless the exit price tells
    that it was inside the bar. All others are to leave at the close of the bar of their exit time, so
    that a stop or target is met in that bar first.

    Args:
        rows: [N] trades with exit_time and exit_price.
        entry_bar: [N] int, the bar of decision 0.
        bars: all bars.
        filled_at: which end of a bar the file's times mean.
        align: whether its times are opens of bars or lie inside them.

    Returns:
        [N] int, -1 where the file has no exit, or one that is no bar's or lies before the entry.
    """
    times, exit_times = bars.times, rows["exit_time"].to_numpy().astype("datetime64[ns]")
    bar = bar_of(times, exit_times, align)
    at, first = np.maximum(bar, 0), entry_bar + (filled_at == "bar_open")
    sound = (bar >= 0) & (at >= first)
    decision = at - entry_bar
    if filled_at == "bar_open":
        price = rows["exit_price"].to_numpy(np.float64)
        decision -= ~(_beside(price, bars, at, OPEN) > _TOLERANCE)  # without a price: the open
    unsound = int((~np.isnat(exit_times) & ~sound).sum())
    remarks = ()
    if unsound:
        remarks = (
            f"{unsound:,} exit times are no bar's open or lie before the entry: the baseline 'listed' holds "
            "those trades to their stop, target or horizon",
        )
    return np.where(sound, decision, -1), remarks
