"""Executions to trades: each opening fill is a trade, closed first in, first out.

What closes a position that was opened before the file begins is counted, named, and left out.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jaxexit.data.times import to_utc
from jaxexit.errors import DataError

_SHOWN = 4
FIELDS = ("time", "symbol", "account", "order", "side", "opens", "closes", "quantity", "price")


@dataclass
class _Lot:
    """What one opening fill has opened; `fill` None: before the file begins."""

    left: float
    fill: dict[str, Any] | None
    end: dict[str, Any] | None = None
    pieces: int = 0


def paired(fills: pd.DataFrame, where: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Trades of executions, one row a trade; and remarks.

    Args:
        fills: `FIELDS`: time as the file writes it; order blank where it is not known; side +1 bought, -1
            sold; opens, closes: what the fill did to the position; quantity above 0.
        where: the file, for messages.

    Raises:
        DataError: nothing is left, or a reversal cannot be parted into what it closed and opened.
    """
    count = len(fills)
    fills = _one_an_order(_in_order(fills, where))
    trades: list[_Lot] = []
    earlier: dict[str, int] = {}
    for _, group in fills.groupby(["account", "symbol"], sort=False):
        symbol = str(group["symbol"].iloc[0])
        rows = [
            {str(name): value for name, value in row.items()} for row in group.to_dict("records")
        ]
        rows = _parted(rows, where)
        for side in (1, -1):
            group_trades, before = _first_in_first_out(rows, side)
            trades += group_trades
            if before:
                earlier[symbol] = earlier.get(symbol, 0) + before
    if not trades:
        raise DataError(
            f"{where}: no execution opens a position: export from an earlier day on, so that the entries are "
            "in the file"
        )
    trades.sort(key=lambda lot: _fill(lot)["at"])
    remarks = [f"{count:,} executions made {len(trades):,} trades, first in, first out"]
    parts = sum(lot.pieces > 1 for lot in trades)
    if parts:
        remarks.append(f"{parts:,} trades were closed in parts: the last exit counts")
    if earlier:
        names = ", ".join(list(earlier)[:_SHOWN]) + (", ..." if len(earlier) > _SHOWN else "")
        remarks.append(
            f"{sum(earlier.values()):,} exits of positions from before the file ({names}) left out"
        )
    return pd.DataFrame([_row(lot) for lot in trades]), tuple(remarks)


def _fill(lot: _Lot) -> dict[str, Any]:
    assert lot.fill is not None  # those of before the file are no trades
    return lot.fill


def _row(lot: _Lot) -> dict[str, Any]:
    fill = _fill(lot)
    end = lot.end if lot.left <= 0 else None  # what is open still has not ended
    return {
        "entry_time": fill["time"],
        "direction": "long" if fill["side"] > 0 else "short",
        "entry_price": fill["price"],
        "exit_time": None if end is None else end["until"],
        "exit_price": np.nan if end is None else end["price"],
        "symbol": fill["symbol"],
        "quantity": fill["quantity"],
    }


def _in_order(fills: pd.DataFrame, where: str) -> pd.DataFrame:
    """By time; fills of one time as the file has them, which may be the newest first."""
    at = to_utc(pd.Series(fills["time"]), "UTC", f"{where}: the times of executions")
    fills = fills.assign(at=at, until=fills["time"]).reset_index(drop=True)
    if len(at) > 1 and at[0] > at[-1]:
        fills = fills.iloc[::-1]
    return fills.sort_values("at", kind="stable").reset_index(drop=True)


def _one_an_order(fills: pd.DataFrame) -> pd.DataFrame:
    """Fills of one order as one, at their mean price: from the first fill's time to the last's."""
    known = fills["order"].astype(str).str.strip() != ""
    if not known.any():
        return fills
    order = ["account", "symbol", "order", "side", "opens", "closes"]
    paid = fills["price"] * fills["quantity"]
    orders = fills[known].assign(paid=paid[known]).groupby(order, sort=False, as_index=False)
    merged = orders.agg(
        {"time": "first", "at": "first", "until": "last", "quantity": "sum", "paid": "sum"}
    )
    merged["price"] = merged["paid"] / merged["quantity"]
    rest = fills.take(np.flatnonzero(~known))
    whole = pd.concat([merged.drop(columns="paid"), rest], ignore_index=True)
    return whole.sort_values("at", kind="stable").reset_index(drop=True)


def _parted(rows: list[dict[str, Any]], where: str) -> list[dict[str, Any]]:
    """The same fills, those that turn a position round as two: what they closed, and what they opened."""
    open_ = {1: 0.0, -1: 0.0}
    parted = []
    for row in rows:
        side, size = row["side"], float(row["quantity"])
        closed = size if row["closes"] else 0.0
        if row["opens"] and row["closes"]:
            closed = open_[-side]
            if not 0 < closed < size:
                raise DataError(
                    f"{where}: the execution of {row['symbol']} at {row['time']} turned a position round "
                    "that was not opened in this file: export from an earlier day on"
                )
        if closed > 0:
            open_[-side] -= closed
            parted.append({**row, "quantity": closed, "opens": False})
        if size > closed:
            open_[side] += size - closed
            parted.append({**row, "quantity": size - closed, "opens": True})
    return parted


def _first_in_first_out(rows: list[dict[str, Any]], side: int) -> tuple[list[_Lot], int]:
    """The trades of one symbol's one side, and how many fills closed what was opened before the file."""
    fills = [row for row in rows if row["side"] == (side if row["opens"] else -side)]
    sizes = [row["quantity"] if row["opens"] else -row["quantity"] for row in fills]
    least = min([0.0, *np.cumsum(sizes)])
    lots = deque([_Lot(-least, None)] if least < 0 else [])
    trades: list[_Lot] = []
    before = 0
    for row in fills:
        if row["opens"]:
            trades.append(_Lot(row["quantity"], row))
            lots.append(trades[-1])
            continue
        left = row["quantity"]
        while left > 0 and lots:
            lot = lots[0]
            taken = min(left, lot.left)
            left, lot.left = _less(left, taken), _less(lot.left, taken)
            lot.end, lot.pieces = row, lot.pieces + 1
            before += lot.fill is None
            if lot.left <= 0:
                lots.popleft()
    return trades, before


def _less(value: float, taken: float) -> float:
    """A difference of sizes, without what rounding leaves of equal ones."""
    rest = value - taken
    return rest if rest > 1e-9 * max(value, taken) else 0.0
