"""The built-in strategy: the real list's trades, and its rules one by one."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jaxexit.data.bars import Bars
from jaxexit.data.book import load_bars
from jaxexit.data.ema_bb import ema_bb_entries
from tests.data.made import PIP, bars_of, walk

WARMUP = 300


@pytest.fixture(scope="module")
def real_bars(shared_data: Path) -> Bars:
    return load_bars(shared_data / "audusd_m15_bid_2022h1.parquet", spread_pips=0.0)


@pytest.fixture(scope="module")
def real_list(shared_data: Path, real_bars: Bars) -> pd.DataFrame:
    """The real trades after the warm-up: 196 of the period's 201."""
    trades = pd.read_csv(
        shared_data / "audusd_m15_trades_2022h1.csv", parse_dates=["entry_time", "exit_time"]
    )
    late = trades["entry_time"].to_numpy() >= real_bars.times[WARMUP]
    return trades.take(np.flatnonzero(late)).reset_index(drop=True)


def assert_same_trades(found: pd.DataFrame, real: pd.DataFrame) -> None:
    assert len(real) == 196
    assert len(found) == 196
    for column in ("entry_time", "direction", "exit_time", "exit_reason", "duration"):
        assert found[column].tolist() == real[column].tolist(), column
    for column in ("entry_price", "sl", "tp", "exit_price"):
        np.testing.assert_allclose(found[column], real[column], rtol=0, atol=1e-12)


def test_all_196_real_trades_are_reproduced(real_bars: Bars, real_list: pd.DataFrame):
    found = ema_bb_entries(real_bars, WARMUP)
    found = found.rename(columns={"stop": "sl", "target": "tp"}).assign(
        entry_time=real_bars.times[found["entry_bar"]],
        exit_time=real_bars.times[found["exit_bar"]],
        duration=found["exit_bar"] - found["entry_bar"],
    )
    assert_same_trades(found, real_list)


def test_the_entries_command_writes_all_196_real_trades(
    shared_data: Path, repository: Path, real_list: pd.DataFrame, tmp_path: Path
):
    out = tmp_path / "trades.csv"
    command = [sys.executable, "-m", "jaxexit.data", "entries"]
    bars = ["--bars", str(shared_data / "audusd_m15_bid_2022h1.parquet"), "--kind", "ema_bb"]
    rest = ["--spread-pips", "0", "--warmup", "300", "--out", str(out)]
    subprocess.run([*command, *bars, *rest], cwd=repository, check=True)
    found = pd.read_csv(out, parse_dates=["entry_time", "exit_time"])
    assert list(found.columns) == [
        "entry_time",
        "direction",
        "entry_price",
        "sl",
        "tp",
        "exit_time",
        "exit_price",
        "exit_reason",
        "duration",
    ]
    assert_same_trades(found, real_list)


@pytest.fixture(scope="module")
def busy() -> tuple[Bars, pd.DataFrame]:
    """A made market in which the strategy trades often, and its trades."""
    bars = bars_of(walk(seed=3, rows=20_000))
    return bars, ema_bb_entries(bars, WARMUP)


def test_one_position_at_a_time_and_none_before_the_warm_up(busy: tuple[Bars, pd.DataFrame]):
    _, trades = busy
    assert len(trades) > 50
    assert min(trades["entry_bar"]) >= WARMUP
    assert (trades["entry_bar"].to_numpy()[1:] > trades["exit_bar"].to_numpy()[:-1]).all()


def test_long_enters_at_the_ask_and_short_at_the_bid(busy: tuple[Bars, pd.DataFrame]):
    bars, trades = busy
    side = np.where(trades["direction"] > 0, bars.ask[trades["entry_bar"], 3], 0.0)
    side = np.where(trades["direction"] < 0, bars.bid[trades["entry_bar"], 3], side)
    assert trades["entry_price"].tolist() == side.tolist()


def test_target_is_one_and_a_half_times_as_far_as_the_stop(busy: tuple[Bars, pd.DataFrame]):
    _, trades = busy
    risk = trades["direction"] * (trades["entry_price"] - trades["stop"])
    gain = trades["direction"] * (trades["target"] - trades["entry_price"])
    assert min(risk) > 0
    np.testing.assert_allclose(gain, 1.5 * risk, rtol=1e-9)


def signal_then(*after: tuple[float, float, float, float]) -> tuple[Bars, int]:
    """A market up to a long signal, and made bars that follow it.

    Each bar after the signal is (open, high, low, close) in R from the entry's close.
    """
    prices = walk(seed=11, rows=WARMUP + 3000)
    first = ema_bb_entries(bars_of(prices, spread=0.0), WARMUP)
    trade = first[first["direction"] > 0].iloc[0]
    entry, price = int(trade["entry_bar"]), float(trade["entry_price"])
    risk = price - float(trade["stop"])
    shaped = [np.array(bar) * risk + price for bar in after]
    made = np.concatenate([prices[: entry + 1], shaped])
    return bars_of(made, spread=0.0), entry


def only_trade_at(bars: Bars, entry: int) -> dict[str, Any]:
    (trade,) = (
        trade
        for trade in ema_bb_entries(bars, WARMUP).to_dict("records")
        if trade["entry_bar"] == entry
    )
    return {str(name): value for name, value in trade.items()}


def test_stop_is_taken_where_stop_and_target_lie_in_one_bar():
    bars, entry = signal_then((0, 2, -2, 0))
    trade = only_trade_at(bars, entry)
    assert trade["exit_reason"] == "SL"
    assert trade["exit_bar"] == entry + 1
    assert trade["exit_price"] == pytest.approx(trade["stop"], abs=1e-12)


def test_gap_through_the_stop_exits_at_the_open():
    bars, entry = signal_then((0, 0.5, -0.5, 0), (-3, -2.5, -3.5, -3))
    trade = only_trade_at(bars, entry)
    assert (trade["exit_reason"], trade["exit_bar"]) == ("SL", entry + 2)
    assert trade["exit_price"] == pytest.approx(bars.bid[entry + 2, 0], abs=1e-12)


def test_a_trade_still_open_at_the_end_is_an_entry_without_exit():
    bars, entry = signal_then((0, 0.5, -0.5, 0))
    trade = only_trade_at(bars, entry)
    assert (trade["exit_bar"], trade["exit_reason"]) == (-1, "")
    assert np.isnan(trade["exit_price"])


def test_at_most_ten_entries_a_day():
    # Bars of one second: thousands a day, so that the cap binds.
    prices = walk(seed=3, rows=20_000)
    times = np.datetime64("2022-01-03T00:00", "ns") + np.arange(20_000) * np.timedelta64(1, "s")
    assert len(ema_bb_entries(bars_of(prices, times=times), WARMUP)) == 10


def test_a_market_that_does_not_move_has_no_trade():
    assert ema_bb_entries(bars_of(np.full((1000, 4), 1.1), spread=PIP), WARMUP).empty
