"""Intervals hold where nothing is to be found; a difference that is there is seen; trades are matched."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from arch.bootstrap import StationaryBootstrap

from jaxexit.errors import DataError
from jaxexit.evaluate import bootstrap, statistics
from jaxexit.evaluate.bootstrap import Estimate, _spectrum, _standard_error, stationary_draws
from jaxexit.evaluate.metrics import annual_sharpe, daily_net
from jaxexit.evaluate.statistics import (
    FEWEST_BLOCKS,
    compare,
    mean_per_trade,
    sharpe_interval,
    superior,
    verdict,
)

START = np.datetime64("2017-01-02T00", "s")


@pytest.fixture(autouse=True)
def computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every interval of these tests is computed, also where the session has had it before."""
    monkeypatch.setattr(statistics, "interval", bootstrap.interval)


def hours(count: int) -> np.ndarray:
    """Opens of hourly bars, weekends left out."""
    every = START + np.arange(count * 7 // 5 + 200) * np.timedelta64(1, "h").astype(
        "timedelta64[s]"
    )
    return every[np.is_busday(every.astype("datetime64[D]"))][:count]


def prices(rng: np.random.Generator, bars: int, market: str) -> np.ndarray:
    """A driftless price in pips: "brownian", or "wild" with volatility that comes in waves and fat tails."""
    noise = rng.standard_normal(bars)
    if market == "wild":
        waves = np.convolve(rng.standard_normal(bars + 239), np.full(240, 240**-0.5), "valid")
        noise = rng.standard_t(4, bars) * np.exp(0.5 * waves)
    return np.cumsum(noise)


def held(
    price: np.ndarray, entries: np.ndarray, sign: np.ndarray, bars: np.ndarray, stop: float = np.inf
) -> pd.DataFrame:
    """Trade table: held for `bars` or until the loss at a close exceeds `stop` pips."""
    exits = entries + bars
    if np.isfinite(stop):
        ahead = np.arange(bars.max() + 1)
        path = sign[:, None] * (price[entries[:, None] + ahead] - price[entries][:, None])
        lost = path < -stop
        exits = np.minimum(exits, entries + np.where(lost.any(1), lost.argmax(1), bars.max()))
    net = sign * (price[exits] - price[entries])
    times = hours(len(price))
    return pd.DataFrame(
        {
            "trade_id": entries,
            "entry_time": pd.to_datetime(times[entries], utc=True),
            "exit_time": pd.to_datetime(times[exits], utc=True),
            "direction": sign.astype(int),
            "net_pips": net,
            "net_r": net / 20,
        }
    )


def daily(price: np.ndarray, table: pd.DataFrame) -> pd.Series:
    """Net pips by day of the trades of `held`, marked to market."""
    times = hours(len(price))
    position = np.zeros(len(price))
    for column, sign in (("entry_time", 1), ("exit_time", -1)):
        at = np.searchsorted(times, table[column].to_numpy("datetime64[s]"))
        np.add.at(position, at, sign * table["direction"].to_numpy(float))
    marks = np.append(0.0, np.cumsum(position)[:-1] * np.diff(price))
    return daily_net(pd.Series(marks, pd.to_datetime(times, utc=True)))


def experiment(
    seed: int, *, bars: int, low: int, high: int, market: str, stop: float, estimate: str
) -> Estimate:
    """One experiment in which the truth is 0: an entry at every bar, all long, held low to high bars."""
    rng = np.random.default_rng([99, seed])
    entries, length = np.arange(bars), rng.integers(low, high + 1, bars)
    price = prices(rng, bars + high + 1, market)
    sign = np.ones(bars)
    table = held(price, entries, sign, length, stop)
    if estimate == "difference":
        other = held(price, entries, sign, np.maximum(length // 4, 1))
        return compare(table, other, resamples=400, seed=seed).net
    if estimate == "sharpe":
        found = sharpe_interval(daily(price, table), resamples=400, seed=seed)
        assert found is not None
        return found
    return mean_per_trade(table, resamples=400, seed=seed)


def coverage(experiments: int, **setting: object) -> float:
    """Share of experiments whose interval holds the truth, 0."""
    found = (experiment(seed, **setting) for seed in range(experiments))  # type: ignore[arg-type]
    return float(np.mean([e.low <= 0 <= e.high for e in found]))


SHORT = {"bars": 3000, "low": 20, "high": 20, "market": "brownian", "stop": np.inf}
LONG = {"bars": 6000, "low": 150, "high": 150, "market": "brownian", "stop": np.inf}
MIXED = {"bars": 6000, "low": 20, "high": 200, "market": "brownian", "stop": 10.0}
WILD = {"bars": 6000, "low": 20, "high": 200, "market": "wild", "stop": 10.0}
FEW = {"bars": 1000, "low": 150, "high": 150, "market": "brownian", "stop": np.inf}


@pytest.mark.parametrize(
    "setting",
    [
        pytest.param(setting, marks=pytest.mark.slow)
        for setting in (SHORT | {"bars": 1000}, LONG | {"bars": 3000})
    ],
)
def test_the_interval_covers_zero_where_there_is_nothing(setting: dict) -> None:
    # 95% of 150 experiments, -+ 3 standard errors; the full study is the slow test below.
    assert coverage(150, **setting, estimate="mean") > 0.895


@pytest.mark.slow
@pytest.mark.parametrize("estimate", ["mean", "difference", "sharpe"])
@pytest.mark.parametrize("setting", [SHORT, LONG, MIXED, WILD, FEW])
def test_coverage_study(setting: dict, estimate: str) -> None:
    share = coverage(1000, **setting, estimate=estimate)
    print(f"{estimate} {setting}: {share:.1%}")
    assert 0.93 <= share <= 0.97


def test_a_real_difference_is_seen_and_said() -> None:
    rng = np.random.default_rng(3)
    entries = np.arange(3000)
    ones = np.ones(3000)
    table = held(prices(rng, 3100, "brownian"), entries, ones, np.full(3000, 50))
    better = table.assign(net_pips=table["net_pips"] + 1 + rng.standard_normal(3000))
    found = compare(better, table)
    assert found.verdict.startswith("better: +0.99 pips a trade")
    assert found.net.low > 0.8
    assert found.trades == 3000
    assert compare(table, better).verdict.startswith("worse: -0.99")
    # Pairing is what shows it: the mean alone is far less certain.
    alone = mean_per_trade(better)
    assert alone.high - alone.low > 20 * (found.net.high - found.net.low)


def test_the_same_results_are_not_distinguishable() -> None:
    table = held(prices(np.random.default_rng(4), 600, "brownian"), *three(500, 20))
    found = compare(table, table.sample(frac=1, random_state=0))
    assert (found.net.low, found.net.value, found.net.high) == (0, 0, 0)
    assert found.verdict.startswith("not distinguishable: +0.00 pips a trade")


def three(count: int, bars: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entries at each bar, long, held for `bars`."""
    return np.arange(count), np.ones(count), np.full(count, bars)


def test_only_the_same_trades_are_compared() -> None:
    table = held(prices(np.random.default_rng(5), 600, "brownian"), *three(500, 20))
    with pytest.raises(DataError, match="hold different trades: 2 are in one only"):
        compare(table, table.iloc[2:])
    with pytest.raises(DataError, match="twice"):
        compare(table, table.assign(trade_id=1))
    with pytest.raises(DataError, match="direction"):
        compare(table, table.assign(direction=-table["direction"]))


def test_intervals_are_reproducible_and_contain_the_estimate() -> None:
    table = held(prices(np.random.default_rng(6), 800, "wild"), *three(700, 20))
    first, second = mean_per_trade(table, seed=7), mean_per_trade(table, seed=7)
    assert first == second
    assert first != mean_per_trade(table, seed=8)
    assert first.value == pytest.approx(table["net_pips"].mean())
    assert first.low < first.value < first.high


def test_independent_trades_get_the_textbook_interval() -> None:
    # Trades that do not overlap: mean -+ 1.96 standard deviations / sqrt(n).
    rng = np.random.default_rng(7)
    table = held(
        prices(rng, 8100, "brownian"), np.arange(0, 8000, 20), np.ones(400), np.full(400, 10)
    )
    found = mean_per_trade(table)
    half = 1.96 * table["net_pips"].std() / 20
    assert found.high - found.value == pytest.approx(half, rel=0.2)
    # An entry at every bar tells hardly more than one every tenth: overlap is not mistaken for data.
    every = held(prices(np.random.default_rng(7), 8100, "brownian"), *three(8000, 10))
    overlapping = mean_per_trade(every)
    naive = 1.96 * every["net_pips"].std() / np.sqrt(8000)
    assert overlapping.high - overlapping.value > 2.5 * naive


def test_sharpe_is_the_ratio_of_the_metrics() -> None:
    price = prices(np.random.default_rng(8), 2100, "brownian")
    days = daily(price, held(price, *three(2000, 20)))
    found = sharpe_interval(days)
    assert found is not None
    assert found.value == pytest.approx(annual_sharpe(days.to_numpy()))
    assert found.low < found.value < found.high
    assert sharpe_interval(0 * days) is None


def test_two_trades_allow_no_interval() -> None:
    table = held(prices(np.random.default_rng(9), 100, "brownian"), *three(2, 50))
    found = mean_per_trade(table)
    assert (found.low, found.high) == (-np.inf, np.inf)
    assert found.as_json()["low"] is None
    with pytest.raises(DataError, match="at least one trade"):
        mean_per_trade(table.iloc[:0])


def test_too_little_independent_time_gives_no_verdict_however_narrow_the_interval() -> None:
    lucky = Estimate(2.0, 0.5, 3.5, 0.7, 4.0, 9.0)
    said = verdict(lucky, "pips")
    assert said.startswith(
        "too little data: +2.00 pips a trade (95% interval +0.50 to +3.50) on 4.0 independent periods"
    )
    assert verdict(replace(lucky, blocks=float(FEWEST_BLOCKS)), "pips").startswith("better: +2.00")


def test_the_best_of_many_is_judged_as_the_best_of_many() -> None:
    rng = np.random.default_rng(10)
    table = held(prices(rng, 2100, "brownian"), *three(2000, 20))
    noise = {f"v{i}": rng.standard_normal(2000) for i in range(8)}
    versions = {name: table.assign(net_pips=table["net_pips"] + x) for name, x in noise.items()}
    nothing = superior(table, versions)
    assert nothing.p_value > 0.05
    assert "not distinguishable from the benchmark" in nothing.verdict
    assert nothing.p_lower <= nothing.p_value <= nothing.p_upper

    versions["v5"] = versions["v5"].assign(net_pips=versions["v5"]["net_pips"] + 0.3)
    found = superior(table, versions)
    assert found.best == "v5"
    assert found.p_value < 0.01
    assert "is better than the benchmark: +0.3" in found.verdict
    with pytest.raises(DataError, match="different trades"):
        superior(table, {"v1": table.iloc[1:]})


@pytest.mark.parametrize("block", [1, 3, 40])
def test_resamples_are_those_of_the_stationary_bootstrap(block: int):
    """As the library's: every cell as often, blocks as long, and the mean's spread is the closed form's."""
    cells, resamples = 200, 4000
    drawn = stationary_draws(cells, block, resamples, np.random.default_rng(0))
    library = StationaryBootstrap(block, np.arange(cells), seed=np.random.default_rng(1))
    theirs = np.stack([data[0][0] for data in library.bootstrap(resamples)])
    walk = np.cumsum(np.random.default_rng(2).standard_normal(cells))
    error = float(_standard_error(walk - walk.mean(), _spectrum(cells, block)))
    for rows in (drawn, theirs):
        often = np.bincount(rows.ravel(), minlength=cells) / resamples
        assert abs(often - 1).max() < 0.06 * np.sqrt(2 * block)
        goes_on = (np.diff(rows, axis=1) % cells == 1).mean()
        assert goes_on == pytest.approx(1 - 1 / block + 1 / block / cells, abs=0.003)
        assert walk[rows].mean(axis=1).std() == pytest.approx(error, rel=0.06)
