"""A trained version's exits as arrays for vectorbt.

    exits = exit_arrays("experiments/v2_exit_guards.yaml", bars, trades)
    portfolio = vbt.Portfolio.from_signals(**exits.signals(size=1000), init_cash=1e6)

A column a trade, so that trades may overlap. A row is the bar at whose close something is decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from jaxexit.adapters.managing import Manager, Version, check_installed
from jaxexit.data.bars import PriceSide
from jaxexit.errors import UserError
from jaxexit.live.messages import Message

check_installed("vectorbt", "vectorbt")

from numba import njit  # noqa: E402  # pyright: ignore[reportMissingImports]

_CLOSED, _PART = 0, 3  # vectorbt's AccumulationMode: Disabled, RemoveOnly
_NUDGE = 1e-12  # of a stop's price, so that a rounding does not take it off the low that it touches


@dataclass(frozen=True)
class ExitArrays:
    """Decisions on trades; all [bars, trades], a row the bar at whose close it is decided.

    Attributes:
        bars: open, high, low, close, by time; [bars, 4].
        direction: 1 long, -1 short, by trade; [trades].
        entries: bool: decision 0: the trade begins at the next open (or at this close, `at_close`).
        exits: bool: all of it is closed at the market.
        parts: share of the original size that is closed at the market, else 0.
        stops: price of the stop in force from the next bar on; nan where the trade is not open.
        actions: name of the action taken, "" where there is no decision.
        at_close: whether market orders fill at the close of the row, instead of the next open.
        messages: everything that the version said.
    """

    bars: pd.DataFrame
    direction: pd.Series
    entries: pd.DataFrame
    exits: pd.DataFrame
    parts: pd.DataFrame
    stops: pd.DataFrame
    actions: pd.DataFrame
    at_close: bool
    messages: list[Message]

    def signals(self, size: float = 1.0) -> dict[str, Any]:
        """Arguments for `vectorbt.Portfolio.from_signals`; add cash, fees and slippage.

        Orders stand in the row in which they were decided, at the price at which they fill: the next bar's
        open. So a stop is in force from the bar of the entry on. What the horizon closes fills at its bar's
        close.

        Args:
            size: units of each trade.
        """
        long = self.direction.to_numpy() > 0
        fill = self.bars["close"] if self.at_close else self.bars["open"].shift(-1)
        price = np.repeat(fill.to_numpy()[:, None], len(long), axis=1)
        at_horizon = (self.actions == "TIME").to_numpy()
        price[at_horizon] = np.repeat(self.bars["close"].to_numpy()[:, None], len(long), 1)[
            at_horizon
        ]
        parts, entries, exits = (
            frame.to_numpy() for frame in (self.parts, self.entries, self.exits)
        )
        sold = (parts > 0) & ~entries
        leaves = exits | sold
        sizes = np.where(entries, 1.0 - parts, parts) * size
        like = self.entries
        return {
            "close": self.bars["close"],
            "open": self.bars["open"],
            "high": self.bars["high"],
            "low": self.bars["low"],
            "entries": like & long,
            "short_entries": like & ~long,
            "exits": pd.DataFrame(leaves & long, like.index, like.columns),
            "short_exits": pd.DataFrame(leaves & ~long, like.index, like.columns),
            "size": pd.DataFrame(sizes, like.index, like.columns),
            "price": pd.DataFrame(price, like.index, like.columns),
            "accumulate": np.where(sold & ~exits, _PART, _CLOSED),
            "adjust_sl_func_nb": stop_of_column_nb,
            "adjust_sl_args": (self.stops.to_numpy(np.float64),),
        }


def exit_arrays(
    version: Version,
    bars: pd.DataFrame,
    trades: pd.DataFrame,
    *,
    root: str | None = None,
    price_side: PriceSide | None = None,
) -> ExitArrays:
    """Every decision of a version on a list of trades, as arrays.

    Memory grows with bars x trades: give it the trades of a few thousand bars at a time.

    Args:
        version: a trained version: YAML file, run folder, name, or restored policy.
        bars: open, high, low, close (and columns that the version's own features read), by time, in the
            index; begin them before the first trade, so that the indicators are warm.
        trades: a row a trade, its name in the index: `entry_time` (the bar at whose close it is decided on),
            `direction` (1 or -1) and perhaps `stop` (price; missing: the version's own).
        root: where run folders live; None: the experiment file's folder.
        price_side: which side of the book the bars are; None: as the experiment says of its own.

    Raises:
        UserError: a trade cannot be followed, or its time is that of no bar.
    """
    manager = Manager(version, root=root, price_side=price_side)
    times = pd.DatetimeIndex(bars.index)
    rows = times.get_indexer(pd.DatetimeIndex(trades["entry_time"]))
    names = trades.index.astype(str)
    if (rows < 0).any():
        name = names[rows < 0][0]
        raise UserError(f"trade {name}: entry_time is that of no bar; use the bars' own times")
    shape = (len(bars), len(trades))
    entries, exits = np.zeros(shape, bool), np.zeros(shape, bool)
    parts, stops, actions = np.zeros(shape), np.full(shape, np.nan), np.full(shape, "", object)
    table = bars.rename_axis("time").reset_index()
    column = {name: i for i, name in enumerate(names)}
    remaining = np.ones(len(trades))
    for row in range(len(bars)):
        begin = np.flatnonzero(rows == row)
        if not manager.told and not len(begin):
            continue
        manager.see(table.iloc[: row + 1])
        for i in begin:
            trade = trades.iloc[i]
            stop = trade.get("stop", np.nan)
            direction = int(trade["direction"])
            given = None if pd.isna(stop) else float(stop)
            if manager.open(names[i], times[row], direction, given) is None:
                raise UserError(f"trade {names[i]}: {manager.messages[-1]['message']}")
            entries[row, i] = True
        for name, told in [*manager.told.items()]:
            i = column[name]
            actions[row, i] = told.reason
            if told.close:
                entries[row, i] &= (
                    told.k != 0
                )  # what would be sold where it is bought is not bought
                exits[row, i] = told.k != 0
                if told.k < 0:
                    manager.forget(name)
                continue
            parts[row, i] = told.part * remaining[i]
            remaining[i] -= parts[row, i]
            stops[row, i] = told.stop

    def framed(values: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(values, times, names)

    return ExitArrays(
        bars=bars.filter(["open", "high", "low", "close"]),
        direction=pd.Series(trades["direction"].to_numpy(int), names),
        entries=framed(entries),
        exits=framed(exits),
        parts=framed(parts),
        stops=framed(stops),
        actions=framed(actions),
        at_close=manager.policy.experiment.env.order_fill == "bar_close",
        messages=manager.messages,
    )


@njit
def stop_of_column_nb(context: Any, stops: np.ndarray) -> tuple[float, bool]:
    """Vectorbt's `adjust_sl_func_nb`: the stop decided in the row before, as vectorbt counts it.

    vectorbt counts a stop's distance from a price that must be beyond it. The best price so far is; it is
    what `trail` (the second value) makes vectorbt count from.

    Args:
        context: vectorbt's AdjustSLContext.
        stops: [bars, trades], price.
    """
    if context.position_now == 0 or context.i == 0:
        return np.nan, True
    stop = stops[context.i - 1, context.col]
    if np.isnan(stop):
        return np.nan, True
    if context.position_now > 0:
        return max(1 - stop * (1 + _NUDGE) / context.curr_price, 0.0), True
    return max(stop * (1 - _NUDGE) / context.curr_price - 1, 0.0), True
