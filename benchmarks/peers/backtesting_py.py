"""backtesting.py as a second opinion: it replays entries with stop, target and horizon by its own fills.

It sees one side of the book, so a caller who wants two runs the longs on the bid bars and the shorts on the
ask bars. Only its public interface is used: orders with `sl` and `tp`, `Trade.close`, and its trade table.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy

LONG, SHORT = 1, -1
STOP, TARGET, TIME, REFUSED = "STOP", "TARGET", "TIME", "REFUSED"
NO_BAR = -1
CASH = 1e9  # no order is ever too large: a trade is one unit


class Replay(Strategy):
    """Sends each order at the close of its bar, and closes what is open `horizon` bars later.

    An order is (row, direction, stop, target), target None where there is none.
    """

    plan: ClassVar[dict[int, list[tuple[int, int, float, float | None]]]] = {}  # by bar
    horizon: ClassVar[int] = 0  # bars
    refused: ClassVar[set[int]] = set()  # rows whose order the engine did not accept
    timed_out: ClassVar[set[int]] = set()  # rows that the horizon closed

    def init(self) -> None:
        """Nothing is open."""
        self.entered: dict[int, int] = {}

    def next(self) -> None:
        """Close what has reached its horizon, and enter what this bar has."""
        now = len(self.data) - 1
        for trade in self.trades:
            if now - self.entered[trade.tag] >= self.horizon:
                self.timed_out.add(trade.tag)
                trade.close()
        for row, direction, stop, target in self.plan.get(now, ()):
            send = self.buy if direction == LONG else self.sell
            try:
                send(size=1, sl=stop, tp=target, tag=row)
                self.entered[row] = now
            except ValueError:  # its levels do not lie on either side of the price
                self.refused.add(row)


def replay(
    side: np.ndarray,
    orders: pd.DataFrame,
    horizon: int,
    *,
    at_close: bool,
    spread: float = 0.0,
    commission: float = 0.0,
) -> pd.DataFrame:
    """What backtesting.py makes of orders sent at the closes of bars.

    Args:
        side: [T, 4] open, high, low, close, price.
        orders: entry_bar, direction, stop, target (nan: none); the index names the trades.
        horizon: bars after the entry bar at which an open trade is closed.
        at_close: market orders fill at the close at which they are sent, else at the next open.
        spread: fraction of the price by which an entry is worse than the bars.
        commission: fraction of the notional, per side.

    Returns:
        By the index of `orders`: reason, exit_bar, exit_price, entry_price, and net, the result of one
        unit in price units after commission.
    """
    plan: dict[int, list[tuple[int, int, float, float | None]]] = {}
    columns = (orders[name] for name in ("entry_bar", "direction", "stop", "target"))
    for row, bar, direction, stop, target in zip(orders.index, *columns, strict=True):
        limit = None if np.isnan(target) else float(target)
        plan.setdefault(int(bar), []).append((row, int(direction), float(stop), limit))
    attributes: dict[str, Any] = {
        "plan": plan,
        "horizon": horizon,
        "refused": set(),
        "timed_out": set(),
    }
    strategy = type("ReplayOfThese", (Replay,), attributes)
    stamps = pd.date_range("2000-01-01", periods=len(side), freq="h")  # only the order counts
    bars = pd.DataFrame(side, index=stamps, columns=["Open", "High", "Low", "Close"])
    book = Backtest(
        bars,
        strategy,
        cash=CASH,
        spread=spread,
        commission=commission,
        trade_on_close=at_close,
        hedging=True,
    )
    with warnings.catch_warnings():
        # Of its statistics, which are not used: it still reads a property that pandas 3 has renamed.
        warnings.filterwarnings("ignore", "DatetimeIndex.dayofweek is deprecated")
        trades: Any = book.run()["_trades"]
    trades = trades.set_index("Tag")

    exits = pd.DataFrame(
        {"reason": REFUSED, "exit_bar": NO_BAR, "exit_price": np.nan}, index=orders.index
    )
    closed = trades.index
    assert sorted([*closed, *attributes["refused"]]) == sorted(orders.index), "a trade was lost"
    exits.loc[closed, "exit_bar"] = trades["ExitBar"]
    exits.loc[closed, "exit_price"] = trades["ExitPrice"]
    exits.loc[closed, "entry_price"] = trades["EntryPrice"]
    exits.loc[closed, "net"] = trades["PnL"]
    # The engine keeps no reason. What it closed itself it closed at the stop or worse, or at the target
    # or better.
    lost = trades["Size"] * (trades["ExitPrice"] - trades["SL"].astype(float)) <= 0
    timed = closed.isin(list(attributes["timed_out"]))
    exits.loc[closed, "reason"] = np.where(timed, TIME, np.where(lost, STOP, TARGET))
    return exits
