"""The list's own exits as a baseline: what the user's list did, at this environment's costs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxexit.data import load_dataset
from jaxexit.data.book import load_bars
from jaxexit.evaluate import Backtest
from jaxexit.policies import LISTED
from tests.data.made import experiment, write_bars

OPEN, CLOSE = 0, 3
ENTERED = np.arange(150, 1470, 10)
HELD = np.resize([1, 4, 9, 15], len(ENTERED))  # bars


def backtest_of(folder: Path, filled_at: str, column: int, *overrides: str) -> Backtest:
    """Longs, entered and left at the opens (or closes) of bars, without stops or targets in the file."""
    path = write_bars(folder)
    bars = load_bars(path, price_side="mid")
    left = ENTERED + HELD
    pd.DataFrame(
        {
            "entry_time": bars.times[ENTERED],
            "direction": 1,
            "entry_price": bars.ask[ENTERED, column],
            "exit_time": bars.times[left],
            "exit_price": bars.bid[left, column],
        }
    ).to_csv(folder / "trades.csv", index=False)
    made = experiment(
        folder,
        "data.entries=trades",
        f"data.trades={folder / 'trades.csv'}",
        f"data.filled_at={filled_at}",
        "env.initial_stop_atr=50",
        "env.entry_fill=given",
        *overrides,
        bars=path,
    )
    return Backtest(made, load_dataset(made), "train")


ACTIONS = pd.DataFrame({f"chosen_{action}": [1] for action in range(5)})


def replayed(backtest: Backtest) -> pd.DataFrame:
    params = backtest.baseline_params(ACTIONS, {})
    return backtest.play(LISTED, params[LISTED]).table


@pytest.mark.parametrize(
    ("filled_at", "column", "orders"),
    [("bar_open", OPEN, "next_open"), ("bar_close", CLOSE, "bar_close")],
)
def test_a_list_whose_fills_the_bars_confirm_earns_exactly_what_it_says(
    tmp_path: Path, filled_at: str, column: int, orders: str
) -> None:
    table = replayed(backtest_of(tmp_path, filled_at, column, f"env.order_fill={orders}"))
    assert len(table) > 60
    assert set(table["exit_reason"]) == {"EXIT"}
    listed = pd.to_datetime(table["source_exit_time"], utc=True)
    assert table["exit_time"].tolist() == listed.tolist()
    claimed = table["source_exit_price"] - table["given_fill" if column == OPEN else "entry_price"]
    np.testing.assert_allclose(table["net_pips"], claimed / 0.0001, atol=5e-3)


def test_the_lists_exits_pay_this_environments_costs(tmp_path: Path) -> None:
    free, slipped = (
        replayed(backtest_of(tmp_path, "bar_open", OPEN, f"costs.slippage_pips={pips}"))
        for pips in (0.0, 0.5)
    )
    # Half a pip, at the exit only: entries are not slipped.
    np.testing.assert_allclose(free["net_pips"] - slipped["net_pips"], 0.5, atol=5e-3)
    np.testing.assert_allclose(slipped["slippage_pips"], 0.5, atol=1e-3)


def test_without_exits_in_the_file_there_is_no_such_baseline(tmp_path: Path) -> None:
    backtest = backtest_of(tmp_path, "bar_open", OPEN)
    assert LISTED in backtest.baseline_params(ACTIONS, {})
    table = backtest.dataset.tables["train"]
    del table["listed_decision"]
    assert LISTED not in backtest.baseline_params(ACTIONS, {})
