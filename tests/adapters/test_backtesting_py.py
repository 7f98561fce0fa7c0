"""The same trades in backtesting.py: the same decisions, the same exits, and where its rules differ, why."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from tests.adapters.played import (
    SAME,
    UNEXPLAINED,
    Piece,
    Played,
    Tally,
    at_next_open,
    compare,
    example,
    played,
)

pytest.importorskip(
    "backtesting", reason='needs backtesting.py: pip install "jaxexit[backtesting]"'
)

from backtesting import Backtest, Strategy

from jaxexit.adapters.backtesting_py import LearnedExits
from jaxexit.errors import UserError

UNITS = 1000


class Listed(LearnedExits):
    """Enters what a list says, by bar: rows of (tag, direction, stop)."""

    plan: ClassVar[dict[int, list[tuple[str, int, float]]]] = {}

    def init(self) -> None:
        """Nothing to prepare."""

    def next(self) -> None:
        super().next()
        for tag, direction, stop in self.plan.get(len(self.data) - 1, []):
            send = self.buy if direction > 0 else self.sell
            send(size=UNITS, sl=stop, tag=tag)


def run(strategy: type[Strategy], bars: pd.DataFrame, **settings: Any) -> Any:
    table = bars.set_index("time").rename(columns=str.capitalize)
    book = Backtest(table, strategy, cash=1e9, hedging=True, **settings)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "DatetimeIndex.dayofweek is deprecated")
        return book.run()


def side_by_side(
    free: Played,
    rows: list[int],
    why: Any,
    *,
    bars: pd.DataFrame | None = None,
    side: str = "bid",
    **settings: Any,
) -> Tally:
    plan: dict[int, list[tuple[str, int, float]]] = {}
    for row in rows:
        trade = free.trades.iloc[row]
        order = (str(row), int(trade["direction"]), float(trade["stop"]))
        plan.setdefault(int(trade["entry_bar"]), []).append(order)
    strategy = type(
        "TheseListed", (Listed,), {"version": free.policy, "plan": plan, "price_side": side}
    )
    result = run(strategy, free.bars if bars is None else bars, **settings)
    pieces: dict[int, list[Piece]] = {row: [] for row in rows}
    names: dict[int, str] = {}
    closed = result["_strategy"].closed_trades
    for piece in sorted(closed, key=lambda trade: trade.exit_bar):
        row = int(piece.tag)
        names[row] = piece.tag.name
        pieces[row].append(
            (piece.exit_bar, float(np.float32(piece.exit_price)), abs(piece.size) / UNITS)
        )
    assert len(names) == len(rows), "a trade was not made"
    return compare(free, result["_strategy"].manager.messages, names, pieces, why)


def test_every_decision_is_the_backtests_and_so_is_every_exit_but_those_at_the_horizon(free):
    def why(row: int, ours: list[Piece], theirs: list[Piece]) -> str:
        return "NEXT_OPEN" if at_next_open(free, row, ours, theirs) else UNEXPLAINED

    tally = side_by_side(free, list(range(len(free.trades))), why)
    print(f"\nbacktesting.py, no spread: {tally}")
    assert tally.same_decisions == tally.decisions > 900
    assert set(tally.exits) == {SAME, "NEXT_OPEN"}
    assert tally.exits["NEXT_OPEN"] == (free.trades["exit_reason"] == "TIME").sum()
    actions = {action for row in range(len(free.trades)) for _, _, action, _ in free.decisions(row)}
    assert actions == {"HOLD", "EXIT", "TIGHTEN_SL", "TRAIL_BE", "PARTIAL"}


@pytest.mark.slow
def test_where_orders_fill_at_the_close_every_exit_is_the_same(trained):
    closes = played(trained, entry_fill="bar_close", order_fill="bar_close")
    tally = side_by_side(
        closes, list(range(len(closes.trades))), lambda *_: UNEXPLAINED, trade_on_close=True
    )
    print(f"\nbacktesting.py, trade_on_close: {tally}")
    assert tally.same_decisions == tally.decisions > 900
    assert set(tally.exits) == {SAME}


@pytest.mark.slow
def test_with_a_spread_each_direction_agrees_on_the_bars_that_close_it(trained):
    """It has one series of bars. A short is closed at the ask: on bid bars its stop is met late."""
    spread = played(trained, spread=1.3)
    directions = spread.trades["direction"].to_numpy()

    def on(side: str, direction: int, above_bid: float, otherwise: str) -> Tally:
        def why(row: int, ours: list[Piece], theirs: list[Piece]) -> str:
            late = at_next_open(spread, row, ours, theirs, above_bid)
            return "NEXT_OPEN" if late else otherwise

        rows = [int(row) for row in np.flatnonzero(directions == direction)]
        bars = spread.bars.copy()
        bars[["open", "high", "low", "close"]] += above_bid
        tally = side_by_side(spread, rows, why, bars=bars, side=side)
        print(
            f"\nbacktesting.py, spread 1.3 pips, {'longs' if direction > 0 else 'shorts'} on {side}: {tally}"
        )
        assert tally.same_decisions == tally.decisions
        return tally

    assert set(on("bid", 1, 0.0, UNEXPLAINED).exits) == {SAME, "NEXT_OPEN"}
    assert set(on("ask", -1, 1.3e-4, UNEXPLAINED).exits) == {SAME, "NEXT_OPEN"}
    assert on("bid", -1, 0.0, "ONE_SIDE").exits["ONE_SIDE"] > 10


def test_a_trade_that_a_target_closed_is_no_longer_managed(free):
    """The version knows no target: what backtesting.py closed at one is forgotten at the next bar."""
    entry = int(free.trades["entry_bar"].iloc[0])
    price = float(free.bars["close"].iloc[entry])

    class Target(LearnedExits):
        version, price_side = free.policy, "bid"

        def init(self) -> None:
            """Nothing to prepare."""

        def next(self) -> None:
            super().next()
            if len(self.data) - 1 == entry:
                self.buy(size=UNITS, sl=price - 0.01, tp=price + 0.0001)
            self.left = self.manager.told

    result = run(Target, free.bars)
    assert len(result["_trades"]) == 1
    assert result["_trades"]["ExitPrice"].iloc[0] >= price + 0.0001
    assert result["_strategy"].left == {}
    assert result["_strategy"].manager.messages[-1]["code"] == "forgotten"


def test_a_limit_order_is_managed_from_the_bar_that_filled_it(free):
    entry = int(free.trades["entry_bar"].iloc[0])
    low = float(free.bars["low"].iloc[entry + 1 : entry + 30].min())

    class Limit(LearnedExits):
        version, price_side = free.policy, "bid"

        def init(self) -> None:
            """Nothing to prepare."""

        def next(self) -> None:
            super().next()
            if len(self.data) - 1 == entry:
                self.buy(size=UNITS, limit=low, sl=low - 0.005)

    result = run(Limit, free.bars)
    (trade, *_) = result["_trades"].itertuples()
    lines = [line for line in result["_strategy"].manager.messages if line["type"] == "advice"]
    decided = [pd.Timestamp(line["time"]).tz_localize(None) for line in lines]
    times = free.bars["time"]
    assert decided[:2] == list(times[trade.EntryBar - 1 : trade.EntryBar + 1])
    assert lines[0]["replayed"]
    assert lines[0]["stop"] == pytest.approx(low - 0.005)


def test_the_pages_example_runs(free, trained):
    names: dict[str, Any] = {
        "bars": free.bars.set_index("time").rename(columns=str.capitalize)[:800]
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "DatetimeIndex.dayofweek is deprecated")
        warnings.filterwarnings("ignore", "Some trades remain open")
        exec(example("backtesting.py", trained.yaml), names)
    assert len(names["result"]["_trades"]) > 3
    advice = [m for m in names["result"]["_strategy"].manager.messages if m["type"] == "advice"]
    assert len(advice) > 20


def test_a_strategy_without_a_version_is_told_so(free):
    class Nothing(LearnedExits):
        def init(self) -> None:
            """Nothing to prepare."""

    with pytest.raises(UserError, match="version: not set"):
        run(Nothing, free.bars)
