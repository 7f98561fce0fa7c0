"""The classical exits of real trade lists, filled by backtesting.py and by the environment.

`pytest tests/third_party -s` prints how many trades were compared and how many differ by which rule; see
docs/third_party.md.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from benchmarks.peers.backtesting_py import LONG, SHORT, replay
from jaxexit.config import load_experiment
from jaxexit.data import load_dataset
from jaxexit.evaluate import Backtest
from jaxexit.policies import CLASSICAL
from tests.third_party.comparison import MONEY, compare, identical, money_apart, tally
from tests.third_party.rules import UNEXPLAINED, Rule

HALF_SPREAD = 0.7e-4  # of the mid bars: 1.4 pips
COMMISSION = 2e-5


class Listed(NamedTuple):
    """A list's trades and bars as the files say, and what the environment made of them."""

    orders: pd.DataFrame  # entry_bar, direction, stop, target; by row of the file
    # The trade table of the classical policy, the same rows in the same order, with reason, exit_bar,
    # entry_price and net (price units).
    ours: pd.DataFrame
    mid: np.ndarray  # [T, 4]
    half_spread: float
    horizon: int

    @property
    def exit_sides(self) -> dict[int, np.ndarray]:
        """By direction: [T, 4] of the side on which such a trade is closed."""
        return {direction: self.mid - direction * self.half_spread for direction in (LONG, SHORT)}

    def beside(self, theirs: pd.DataFrame, **given: Any) -> pd.DataFrame:
        """The comparison with what backtesting.py made of the same orders."""
        return compare(
            self.orders,
            self.ours,
            theirs,
            horizon=self.horizon,
            exit_sides=self.exit_sides,
            **given,
        )


def play(folder: Path, bars: str, trades: str, half_spread: float, horizon: int) -> Listed:
    """A list through the product, and read once more without it."""
    experiment = load_experiment(
        "v1_baseline",
        [
            f"data.bars={folder / bars}",
            "data.price_side=mid",
            "data.entries=trades",
            f"data.trades={folder / trades}",
            "data.warmup=0",
            "data.split={validation_start: 0.4, test_start: 0.8, embargo_bars: 0}",
            f"costs.spread_pips={2e4 * half_spread}",
            f"costs.commission={COMMISSION}",
            "env.entry_fill=bar_close",
            f"env.max_bars={horizon}",
        ],
    )
    dataset = load_dataset(experiment)
    together = replace(
        dataset,
        splits={
            "test": jax.tree.map(lambda *parts: jnp.concatenate(parts), *dataset.splits.values())
        },
        tables={"test": pd.concat(dataset.tables.values(), ignore_index=True)},
    )
    ours = Backtest(experiment, together, "test").play(CLASSICAL, ()).table
    ours = ours.drop(columns="entry_price").set_index("trade_id")
    ours = ours.rename(columns={"exit_reason": "reason", "entry_fill": "entry_price"})
    ours["net"] = ours["net_fraction"] * ours["entry_price"]

    table = pd.read_parquet(folder / bars)
    times = pd.Index(pd.to_datetime(table["time"], utc=True))
    listed = pd.read_csv(folder / trades).loc[ours.index]
    orders = listed.rename(columns={"sl": "stop", "tp": "target"}).filter(
        ["direction", "stop", "target"]
    )
    orders["entry_bar"] = times.get_indexer(pd.to_datetime(listed["entry_time"], utc=True))
    ours["exit_bar"] = times.get_indexer(pd.Index(ours["exit_time"]))
    mid = table[["open", "high", "low", "close"]].to_numpy()
    return Listed(orders, ours, mid, half_spread, horizon)


def on_the_exit_side(listed: Listed) -> pd.DataFrame:
    """backtesting.py on the bid bars for the longs, on the ask bars for the shorts."""
    orders = listed.orders
    parts = [
        replay(
            side,
            orders.loc[orders["direction"] == direction],
            listed.horizon,
            at_close=True,
            commission=COMMISSION,
        )
        for direction, side in listed.exit_sides.items()
    ]
    return pd.concat(parts).loc[orders.index]


@pytest.fixture(scope="module")
def bid_list(shared_data: Path) -> Listed:
    """201 trades on the bars that they were made on."""
    bars, trades = "audusd_m15_bid_2022h1.parquet", "audusd_m15_trades_2022h1.csv"
    return play(shared_data, bars, trades, half_spread=0.0, horizon=50)


@pytest.fixture(scope="module")
def mid_list(shared_data: Path) -> Listed:
    """1,681 trades of five years on mid bars with a spread."""
    bars, trades = "audusd_m15_mid_2020_2025.parquet", "audusd_m15_trades.csv"
    return play(shared_data, bars, trades, half_spread=HALF_SPREAD, horizon=12)


def test_the_201_trades_leave_as_in_backtesting_py_and_earn_the_same(bid_list: Listed):
    theirs = on_the_exit_side(bid_list)
    compared = bid_list.beside(theirs)
    print(tally("\nAUDUSD bid 2022, spread 0", compared))
    assert len(compared) > 190
    assert identical(compared).all()
    assert set(compared["our_reason"]) == {"STOP", "TARGET"}
    np.testing.assert_allclose(bid_list.ours["entry_price"], theirs["entry_price"], atol=MONEY)
    assert money_apart(compared, bid_list.ours, theirs) < MONEY


@pytest.mark.slow
def test_five_years_of_trades_leave_as_in_backtesting_py_on_the_exit_side(mid_list: Listed):
    theirs = on_the_exit_side(mid_list)
    compared = mid_list.beside(theirs)
    print(tally("\nAUDUSD mid 2020-2025, spread 1.4, exit side", compared))
    assert len(compared) > 1_600
    assert set(compared["our_reason"]) == {"STOP", "TARGET", "TIME"}
    assert UNEXPLAINED not in set(compared["why"])
    assert identical(compared).mean() > 0.98
    assert money_apart(compared, mid_list.ours, theirs) < MONEY


@pytest.mark.slow
def test_on_mid_bars_only_the_missing_side_of_the_book_makes_a_difference(mid_list: Listed):
    # As its users run it: one series of bars, and the whole spread charged at the entry.
    spread = 2 * HALF_SPREAD / float(np.median(mid_list.mid))
    theirs = replay(mid_list.mid, mid_list.orders, mid_list.horizon, at_close=True, spread=spread)
    compared = mid_list.beside(theirs, given=mid_list.mid, spread=spread)
    print(tally("\nAUDUSD mid 2020-2025, spread 1.4, mid bars", compared))
    assert UNEXPLAINED not in set(compared["why"])
    assert all(not why or Rule.ONE_SIDE.name in why for why in compared["why"])
    assert 0.05 < 1 - identical(compared).mean() < 0.5
