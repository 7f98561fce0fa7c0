"""The same trades in vectorbt: the same decisions, and every exit in the same bar at the same price."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from tests.adapters.played import SAME, UNEXPLAINED, Piece, Played, Tally, compare, example, played

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    vbt = pytest.importorskip("vectorbt", reason='needs vectorbt: pip install "jaxexit[vectorbt]"')

from jaxexit.adapters.vectorbt import ExitArrays, exit_arrays
from jaxexit.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore")
UNITS = 1000.0


def arrays(free: Played) -> ExitArrays:
    trades = free.trades.filter(["entry_time", "direction", "stop"])
    trades["entry_time"] = free.bars["time"].to_numpy()[free.trades["entry_bar"]]
    trades.index = pd.Index([str(row) for row in range(len(trades))])
    return exit_arrays(free.policy, free.bars.set_index("time"), trades, price_side="bid")


def side_by_side(free: Played) -> Tally:
    exits = arrays(free)
    portfolio = vbt.Portfolio.from_signals(**exits.signals(UNITS), init_cash=1e9, freq="15min")
    orders = portfolio.orders.records
    opened = np.asarray(exits.bars["open"])
    low, high = np.asarray(exits.bars["low"]), np.asarray(exits.bars["high"])
    at_horizon = (exits.actions == "TIME").to_numpy()
    names = {row: str(row) for row in range(len(free.trades))}
    pieces: dict[int, list[Piece]] = {row: [] for row in names}
    for row, its in orders.groupby("col"):
        entry, *left = its.sort_values("id").itertuples()
        for order in left:
            stop = exits.stops.to_numpy()[order.idx - 1, row]
            touched = (
                low[order.idx] <= stop if exits.direction.iloc[row] > 0 else high[order.idx] >= stop
            )
            # An order that was sent stands in the row of its decision, and fills at the next open.
            sent = not touched and not at_horizon[order.idx, row] and not exits.at_close
            bar = order.idx + sent
            assert not sent or order.price == opened[bar]
            pieces[row].append((bar, float(np.float32(order.price)), order.size / entry.size))
    return compare(free, exits.messages, names, pieces, lambda *_: UNEXPLAINED)


def test_every_decision_and_every_exit_is_the_backtests(free):
    tally = side_by_side(free)
    print(f"\nvectorbt: {tally}")
    assert tally.same_decisions == tally.decisions > 900
    assert set(tally.exits) == {SAME}


def test_where_orders_fill_at_the_close_too(trained):
    tally = side_by_side(played(trained, entry_fill="bar_close", order_fill="bar_close"))
    print(f"\nvectorbt, orders at the close: {tally}")
    assert tally.same_decisions == tally.decisions > 900
    assert set(tally.exits) == {SAME}


def test_the_pages_example_runs(free, trained):
    names = {"bars": free.bars.set_index("time").iloc[:800]}
    exec(example("vectorbt", trained.yaml), names)
    made, sent = names["portfolio"].trades.count().sum(), names["exits"].entries.iloc[:-1]
    assert len(names["trades"]) > 3
    assert made == sent.to_numpy().sum() > 0  # what decision 0 leaves at once is not sent


def test_a_trade_at_a_time_of_no_bar_is_refused(free):
    trades = pd.DataFrame({"entry_time": [pd.Timestamp("1999-01-01")], "direction": [1]}, ["a"])
    with pytest.raises(UserError, match="trade a: entry_time is that of no bar"):
        exit_arrays(free.policy, free.bars.set_index("time"), trades, price_side="bid")
