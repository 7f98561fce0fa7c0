"""`data.detail`: finer bars are checked against the bars, and say what came first inside them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxexit.config import Experiment
from jaxexit.data import load_dataset
from jaxexit.data.bars import Bars
from jaxexit.data.detail import fitted, packed
from jaxexit.errors import DataError
from tests.data.made import bars_of, experiment
from tests.support.finer import HOUR, hours_of, minutes, table_of, times_of

HOURS, SPREAD = 400, 1.3e-4
WHERE = "data.detail: m1.csv"


@pytest.fixture(scope="module")
def mid() -> np.ndarray:
    """Minutes of `HOURS` hours, as a file has them: six digits."""
    return minutes(0, HOURS).round(6)


@pytest.fixture(scope="module")
def hours(mid: np.ndarray) -> Bars:
    return hours_of(mid)


def written(folder: Path, hourly: pd.DataFrame, finer: pd.DataFrame, *overrides: str) -> Experiment:
    """An experiment on two files."""
    hourly.to_csv(folder / "eurusd_h1.csv", index=False)
    finer.to_csv(folder / "m1.csv", index=False)
    detail = f"data.detail={folder / 'm1.csv'}"
    return experiment(folder, detail, *overrides, bars=folder / "eurusd_h1.csv")


def first_of(packed_bar: np.ndarray, stop: float, target: float) -> str:
    """What a long at the bid meets first in one bar [2, 3, m]."""
    for _opened, high, low in packed_bar[0].T:
        if low <= stop:
            return "stop"
        if high >= target:
            return "target"
    return "neither"


def test_what_is_packed_meets_any_levels_in_the_order_of_all_the_minutes(mid, hours) -> None:
    detail = fitted(WHERE, times_of(len(mid)), mid, mid, hours)
    device = packed(detail, hours)
    assert device.shape[:3] == (HOURS, 2, 3)
    assert device.shape[3] < 60  # minutes that reach nothing new are left out
    rng, seen = np.random.default_rng(1), set()
    for row in range(HOURS):
        every = np.moveaxis(detail.prices[detail.bar == row], 0, 2).astype(np.float32)
        assert every.shape == (2, 3, 60)
        for below, above in rng.exponential(4e-4, (5, 2)):
            stop, target = every[0, 0, 0] - below, every[0, 0, 0] + above
            seen.add(first_of(every, stop, target))
            assert first_of(device[row], stop, target) == first_of(every, stop, target)
    assert seen == {"stop", "target", "neither"}


def test_finer_bars_agree_with_their_bars_to_the_digit_whatever_was_rounded(mid, hours) -> None:
    shaken = mid + np.random.default_rng(2).uniform(-5e-6, 5e-6, mid.shape)
    shaken[:, 1], shaken[:, 2] = shaken.max(axis=1), shaken.min(axis=1)
    detail = fitted(WHERE, times_of(len(mid)), shaken, shaken + SPREAD, bars_of_hours(hours))
    first = np.flatnonzero(np.diff(detail.bar, prepend=-1))
    for side, own in enumerate((hours.bid, hours.bid + SPREAD)):
        prices = detail.prices[:, side]
        np.testing.assert_array_equal(prices[first, 0], own[:, 0])
        np.testing.assert_array_equal(np.maximum.reduceat(prices[:, 1], first), own[:, 1])
        np.testing.assert_array_equal(np.minimum.reduceat(prices[:, 2], first), own[:, 2])
        assert (prices[:, 2] <= prices[:, 0]).all()
        assert (prices[:, 0] <= prices[:, 1]).all()


def bars_of_hours(hours: Bars) -> Bars:
    return bars_of(hours.bid, SPREAD, hours.times)


def test_bars_without_finer_ones_or_with_other_prices_are_counted_and_stay_whole(
    mid, hours
) -> None:
    there = np.repeat(np.arange(HOURS), 60) % 40 != 7  # one hour in forty has no minutes
    other = mid.copy()
    other[60 * 20 + 13, 1] += 9e-4  # a spike that the hour does not have
    detail = fitted(WHERE, times_of(len(mid))[there], other[there], other[there], hours)
    assert detail.line == (
        f"{WHERE}: 23,400 bars of 1 min inside 389 of 400 bars; 10 have none; 1 have other prices; in those "
        "stop and target in one bar is the stop"
    )
    assert detail.fingerprint["bars_without"] == 11
    device = packed(detail, hours)
    for row in (7, 20):
        whole = np.repeat(hours.bid[row, :3, None], device.shape[3], axis=1).astype(np.float32)
        np.testing.assert_array_equal(device[row, 0], whole)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda mid, times: (mid + 3e-4, times),
            "does not make 400 of 400 bars of made, the first 2000-01-03 00:00: bid open 1, of its finer "
            "bars 1.0003; check that both are of one market, side, source and clock",
        ),
        (lambda mid, times: (mid, times + HOUR), "does not make 399 of 399 bars"),
        (lambda mid, times: (mid, times + 1000 * HOUR), "none of it lies inside the bars of made"),
        (
            lambda mid, times: (mid[::60], times[::60]),
            "bars of 1 h, expected shorter ones than the bars' 1 h",
        ),
    ],
)
def test_another_market_clock_or_length_is_refused_in_one_line(mid, hours, change, words) -> None:
    prices, times = change(mid, times_of(len(mid)))
    with pytest.raises(DataError) as caught:
        fitted(WHERE, times, prices, prices, hours)
    assert str(caught.value).startswith(WHERE)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_data_set_says_what_lies_inside_its_bars_and_its_hash(tmp_path, mid, hours) -> None:
    """One-sided files: the other side of the minutes has the spread of their hour."""
    minute, hour = table_of(mid, times_of(len(mid))), table_of(hours.bid, hours.times)
    made = written(tmp_path, hour, minute, "costs.spread_pips=1.3")
    dataset, without = (
        load_dataset(one)
        for one in (
            made,
            made.model_copy(update={"data": made.data.model_copy(update={"detail": None})}),
        )
    )
    assert dataset.summary[1].endswith("24,000 bars of 1 min inside 400 of 400 bars")
    found = dict(dataset.fingerprint["detail"])
    assert (found["rows"], found["bars_without"], len(str(found["sha256"]))) == (24_000, 0, 64)
    assert dataset.market.detail is not None
    assert without.market.detail is None
    assert "detail" not in without.fingerprint
    for name in ("bid", "ask", "features", "atr"):
        np.testing.assert_array_equal(getattr(dataset.market, name), getattr(without.market, name))
    bid, ask = (np.asarray(dataset.market.detail)[:, side] for side in (0, 1))
    np.testing.assert_allclose(ask - bid, 1.3e-4, atol=3e-7)
    changed = minute.assign(close=minute["close"].to_numpy().round(5))
    changed["close"] = changed["close"].clip(changed["low"], changed["high"])
    again = load_dataset(written(tmp_path, hour, changed, "costs.spread_pips=1.3"))
    assert again.fingerprint["detail"]["sha256"] != found["sha256"]


def test_hours_made_of_the_minutes_themselves_are_made_by_them(tmp_path, mid) -> None:
    """`data.timeframe` on the file that is also the detail: with the spread that each minute had."""
    spread = np.random.default_rng(3).integers(5, 30, len(mid)) / 10
    minute = table_of(mid, times_of(len(mid))).assign(spread_pips=spread)
    made = written(tmp_path, minute, minute, "data.timeframe=H1")
    dataset = load_dataset(made)
    assert dataset.summary[1].endswith("inside 400 of 400 bars")


def test_stamps_at_the_close_are_those_of_both_files(tmp_path, mid, hours) -> None:
    minute = table_of(mid, times_of(len(mid)) + np.timedelta64(1, "m"))
    hour = table_of(hours.bid, hours.times + HOUR)
    made = written(tmp_path, hour, minute, "data.stamps=close", "costs.spread_pips=1.3")
    assert load_dataset(made).summary[1].endswith("inside 400 of 400 bars")


def test_ticks_of_a_second_are_one_finer_bar(tmp_path) -> None:
    """Two-sided ticks beside two-sided hours; ticks have no close to be stamped at."""
    rng = np.random.default_rng(4)
    times = times_of(HOURS * 120, np.timedelta64(30, "s"))
    bid = (1.1 + 3e-5 * rng.standard_normal(len(times)).cumsum()).round(6)
    ask = (bid + 1e-5 * rng.integers(1, 20, len(times))).round(6)
    sides = {}
    for name, price in (("bid", bid), ("ask", ask)):
        whole = hours_of(np.repeat(price[:, None], 4, axis=1), step=np.timedelta64(30, "s"))
        sides[name] = table_of(whole.bid, whole.times + HOUR, f"{name}_")
    hour = sides["bid"].merge(sides["ask"], on="time")
    ticks = pd.DataFrame({"time": pd.DatetimeIndex(times, tz="UTC"), "bid": bid, "ask": ask})
    made = written(tmp_path, hour, ticks, "data.price_side=auto", "data.stamps=close")
    dataset = load_dataset(made)
    assert dataset.summary[1].endswith("48,000 bars of 30 s inside 400 of 400 bars")
    one_sided = table_of(np.repeat(bid[:, None], 4, axis=1), times)
    with pytest.raises(DataError, match="has one side, expected bid and ask, since the bars of"):
        load_dataset(written(tmp_path, hour, one_sided, "data.price_side=auto"))
