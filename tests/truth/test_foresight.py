"""Columns, entries and exits that know the future are caught at every horizon; honest ones are not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxexit.data import load_dataset
from jaxexit.truth.audit import Finding, audit_inputs, brought, foresight, make_inputs, make_subject
from jaxexit.truth.audit.dependence import strongest
from jaxexit.truth.audit.market import Market, market_of
from tests.data.made import PIP, bar_table, bars_of, experiment, walk, write_bars
from tests.truth.watcher import WATCHER

ROWS = 4000
LONGEST = 24


@pytest.fixture(scope="module")
def market() -> Market:
    return market_of(bars_of(walk(5, ROWS)), 100, LONGEST)


def ahead(close: np.ndarray, first: int, last: int) -> np.ndarray:
    """The move over bars `first` to `last` after each, 0 where there are none."""
    padded = np.append(close, np.full(last, close[-1]))
    return padded[last:][: len(close)] - padded[first - 1 :][: len(close)]


def slow(rng: np.random.Generator, rows: int, memory: float) -> np.ndarray:
    """A series that forgets by `memory` a bar, of deviation 1."""
    values = pd.Series(rng.standard_normal(rows)).ewm(alpha=1 - memory, adjust=False).mean()
    return values.to_numpy() / values.std()


def fails(market: Market, column: np.ndarray) -> list[str]:
    """What a column foretells beyond what an honest one could."""
    found = dict(strongest(market, column))
    family = sum(seen.tests for seen in found.values())
    return [
        seen.what
        for kind, seen in found.items()
        if seen.p(family) < foresight.SURE and abs(seen.r) >= foresight.IMPOSSIBLE[kind]
    ]


@pytest.mark.parametrize("window", [(1, 1), (2, 12), (24, 24), (1, 24)], ids=str)
@pytest.mark.parametrize("memory", [0.0, 0.95], ids=["white noise", "slow noise"])
def test_a_later_move_hidden_in_noise_is_seen(
    market: Market, window: tuple[int, int], memory: float
):
    move = ahead(market.close, *window)
    noise = slow(np.random.default_rng(1), len(move), memory)
    assert fails(market, 0.35 * move / move.std() + noise)


@pytest.mark.parametrize("what", ["best bar", "worst exit", "range", "size", "turns"])
def test_what_no_single_bar_tells_is_seen_too(market: Market, what: str):
    close = market.close
    later = np.lib.stride_tricks.sliding_window_view(
        np.append(close[1:], np.full(16, close[-1])), 16
    )
    later = later[: len(close)]
    column = {
        "best bar": later.argmax(axis=1).astype(float),
        "worst exit": later.min(axis=1) - close,
        "range": np.append((market.high - market.low)[1:], 0.0),
        "size": np.abs(ahead(close, 1, 1)),
        "turns": np.sign(ahead(close, 1, 24)),
    }[what]
    assert fails(market, column)


def test_honest_columns_are_not_seen(market: Market):
    """Functions of past prices, clocks, and noise of every memory, random walks among it."""
    rng, close = np.random.default_rng(2), pd.Series(market.close)
    move = close.diff().fillna(0.0)
    columns = {
        "close": close,
        "trend": close.ewm(span=30).mean() - close.ewm(span=100).mean(),
        "momentum": close.diff(20).fillna(0.0),
        "deviation": move.rolling(20, min_periods=1).std().fillna(0.0),
        "skew": move.rolling(50, min_periods=50).skew().fillna(0.0),
        "time": pd.Series(np.arange(len(close), dtype=float)),
        "walk": pd.Series(rng.standard_normal(len(close)).cumsum()),
    }
    columns |= {f"noise {m}": pd.Series(slow(rng, len(close), m)) for m in (0.0, 0.9, 0.99, 0.999)}
    assert [name for name, column in columns.items() if fails(market, column.to_numpy())] == []


def inputs_of(folder: Path, table: pd.DataFrame, *overrides: str) -> list[Finding]:
    made = experiment(folder, *overrides, bars=write_bars(folder, table))
    return audit_inputs(made, load_dataset(made))


def test_the_innocent_column_that_read_like_a_result_stops_a_training(tmp_path: Path):
    """The leak that nobody had planted: the moves of bars 2 to 12 ahead."""
    table = bar_table(rows=3000)
    table["mood"] = ahead(table["close"].to_numpy(), 2, 12)
    mood = "env.features=[rsi, {column: mood, scale: 0.001, directional: true}]"
    failed = [f for f in inputs_of(tmp_path, table, mood) if f.severity == "fail"]
    assert [f.what.split("`")[1] for f in failed] == ["mood"]
    assert "no honest column predicts so well" in failed[0].size


@pytest.mark.parametrize(
    ("column", "fails"),
    [
        (lambda x: (x - x.mean()) / x.std(), True),
        (lambda x: (x - x.min()) / (x.max() - x.min()), True),
        (lambda x: (x - x[:2000].mean()) / x[:2000].std(), False),  # of the past of most bars: a constant
        (lambda x: np.clip(x / 20.0, -1.0, 1.0), False),
    ],
)  # fmt: skip
def test_scaling_by_a_whole_sample_is_seen(tmp_path: Path, column, fails: bool):
    table = bar_table(rows=3000)
    table["x"] = column(np.random.default_rng(3).standard_normal(3000) * 9 + 4)
    found = inputs_of(tmp_path, table, "env.features=[rsi, {column: x, scale: 1.0}]")
    assert ("column `x` was scaled by the whole file" in {f.what for f in found}) == fails


def listed(
    folder: Path, table: pd.DataFrame, rows: np.ndarray, side: np.ndarray, **more
) -> list[str]:
    """A list of trades on made bars."""
    trades = pd.DataFrame({"entry_time": table["time"].iloc[rows], "direction": side, **more})
    trades["direction"] = np.where(trades["direction"] > 0, "long", "short")
    trades.to_csv(folder / "list.csv", index=False)
    return ["data.entries=trades", f"data.trades={folder / 'list.csv'}"]


@pytest.mark.parametrize("knows", [0.0, 0.5])
def test_entries_chosen_in_hindsight_are_seen(tmp_path: Path, knows: float):
    rng, table = np.random.default_rng(4), bar_table(rows=3000)
    move = ahead(table["close"].to_numpy(), 1, 8)
    rows = np.sort(rng.choice(np.arange(150, 2950), 400, replace=False))
    side = np.sign(knows * move / move.std() + rng.standard_normal(3000))[rows]
    found = inputs_of(tmp_path, table, *listed(tmp_path, table, rows, side))
    (own,) = [f for f in found if f.check == foresight.CHECK and "entries" in f.what]
    assert own.severity == ("fail" if knows else "pass"), own


@pytest.mark.parametrize(("late", "fails"), [(0, False), (1, True)])
def test_bars_stamped_at_their_close_are_seen_by_the_fills_of_a_list(
    tmp_path: Path, late: int, fails: bool
):
    """Stamped an hour late, a fill lies in the bar that carries the stamp after its own."""
    table = bar_table(rows=3000)
    rows = np.arange(150, 2900, 20)
    price = ((table["open"] + table["close"]) / 2).iloc[rows]
    trades = listed(tmp_path, table, rows, np.ones(len(rows)), entry_price=price.to_numpy())
    stamped = table.assign(time=table["time"] + late * pd.Timedelta(minutes=15))
    made = experiment(tmp_path, *trades, bars=write_bars(tmp_path, stamped))
    found = brought.check(make_inputs(made))
    assert any("stamped differently" in f.what for f in found if f.severity == "fail") == fails


@pytest.mark.parametrize(("spread", "severity"), [(0.0, "warning"), (1.3, "pass")])
def test_a_market_that_trades_for_nothing_is_told(tmp_path: Path, spread: float, severity: str):
    found = inputs_of(tmp_path, bar_table(), f"costs.spread_pips={spread}")
    assert found[0].severity == severity


def test_a_policy_that_leaves_before_the_fall_is_seen(tmp_path: Path):
    """It exits where a column says that the next bars go against it; the column is audited elsewhere."""
    table = bar_table(rows=3000)
    table["oracle"] = ahead(table["close"].to_numpy(), 2, 6) / PIP
    oracle = "env.features=[{column: oracle, scale: 10.0, directional: true}]"
    made = experiment(tmp_path, oracle, "data.every=3", bars=write_bars(tmp_path, table))
    subject = make_subject(made, "test", WATCHER, ())
    (own,) = foresight.exits(subject)
    assert own.severity == "fail"
    blind = made.model_copy(update={"env": made.env.model_copy(update={"features": ("return_1",)})})
    (own,) = foresight.exits(make_subject(blind, "test", WATCHER, ()))
    assert own.severity == "pass"
