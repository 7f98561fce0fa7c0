"""Simulated markets have the law that their docstrings state."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from jaxexit.config.features import DEFAULT_FEATURES
from jaxexit.config.trading import UserFeature
from jaxexit.data import resolve_features
from jaxexit.data.simulated import (
    LEVEL,
    PIP,
    Simulated,
    brownian,
    device,
    disorder,
    ornstein_uhlenbeck,
    realistic,
    to_dataset,
)
from jaxexit.data.simulated.types import bridge_extremes

LEAST_P = 1e-3  # seeds are fixed: a law that is right stays right
HORIZON = 60


def p_value(sample: np.ndarray, law: Any, args: tuple[float, ...] = ()) -> float:
    """Kolmogorov and Smirnov's, of a sample against a law or against another sample."""
    return float(np.asarray(stats.kstest(sample, law, args=args))[1])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def lives(simulated: Simulated) -> np.ndarray:
    """[N, horizon, 4] mid prices of the bars of each trade, in pips from the level."""
    bar = simulated.trades["entry_bar"].to_numpy(np.int64)
    rows = bar[:, None] + 1 + np.arange(simulated.horizon)
    return (simulated.bars.mid[rows] - LEVEL) / PIP


@pytest.fixture(scope="module")
def smooth() -> Simulated:
    return brownian(rng(1), 3_000, spread_pips=1.0)


@pytest.mark.parametrize(("start", "end"), [(0.0, 0.0), (0.0, 0.7), (0.5, -1.5)])
def test_bridge_extremes_follow_the_reflection_principle(start: float, end: float) -> None:
    deviation = 2.0
    high, low = bridge_extremes(rng(2), np.full(20_000, start), np.full(20_000, end), deviation)

    def beyond(reach: np.ndarray) -> np.ndarray:
        """P(the extreme goes less than `reach` past the further end)."""
        return 1.0 - np.exp(-2.0 * reach * (reach + abs(end - start)) / deviation**2)

    assert p_value(high - max(start, end), beyond) > LEAST_P
    assert p_value(min(start, end) - low, beyond) > LEAST_P


def test_bridge_extremes_are_those_of_fine_paths() -> None:
    """Fine paths miss the extremes between their points by 0.5826 steps (Broadie et al. 1997)."""
    steps, paths = 2_000, 4_000
    fine = rng(3).standard_normal((paths, steps)).cumsum(axis=1) / np.sqrt(steps)
    high, low = bridge_extremes(rng(4), np.zeros(paths), fine[:, -1], 1.0)
    correction = 0.5826 / np.sqrt(steps)
    assert p_value(fine.max(axis=1) + correction, high) > LEAST_P
    assert p_value(fine.min(axis=1) - correction, low) > LEAST_P


def test_brownian_bars_are_normal_and_reach_as_far_as_brownian_motion(smooth: Simulated) -> None:
    bars = lives(smooth).reshape(-1, 4)
    opened, high, low, closed = bars.T
    assert p_value((closed - opened) / 5.0, "norm") > LEAST_P
    # The maximum of a Brownian motion over a bar is as large as |its end|, in law.
    assert p_value((high - opened) / 5.0, "halfnorm") > LEAST_P
    assert p_value((opened - low) / 5.0, "halfnorm") > LEAST_P


def test_moves_after_an_entry_have_nothing_to_do_with_those_before(smooth: Simulated) -> None:
    bar = smooth.trades["entry_bar"].to_numpy(np.int64)
    mid = smooth.bars.mid[:, 3]
    before, after = mid[bar] - mid[bar - 10], mid[bar + 30] - mid[bar]
    correlation = np.corrcoef(before, after)[0, 1]
    assert abs(correlation) * np.sqrt(len(bar)) < 4


def test_trades_share_no_bars_and_enter_at_the_level(smooth: Simulated) -> None:
    bar = smooth.trades["entry_bar"].to_numpy(np.int64)
    assert (np.diff(bar) > HORIZON).all()
    assert bar[-1] + HORIZON == len(smooth.bars.times) - 1
    mid = smooth.bars.mid
    np.testing.assert_allclose(mid[bar, 3], LEVEL, atol=1e-12)
    np.testing.assert_allclose(mid[1:, 0], mid[:-1, 3], atol=1e-12)
    # The way back to the level is hardly faster than the market's own noise.
    assert np.abs(np.diff(mid[:, 3])).max() < 10 * 5 * PIP
    assert set(smooth.trades["direction"]) == {1, -1}


def test_rounding_to_the_devices_precision_keeps_every_order() -> None:
    simulated = brownian(rng(5), 500, spread_pips=0.7, jump_probability=0.2)
    market, trades = device(simulated)
    for side in (np.asarray(market.bid), np.asarray(market.ask)):
        opened, high, low, closed = side.T
        assert (high >= np.maximum(opened, closed)).all()
        assert (low <= np.minimum(opened, closed)).all()
    assert (np.asarray(market.bid) < np.asarray(market.ask)).all()
    assert bool((trades.direction * (trades.entry_price - trades.stop) > 0).all())
    bid = np.asarray(brownian_bid := device(brownian(rng(5), 500))[0].bid)
    assert brownian_bid.dtype == np.float32
    assert (bid[1:, 0] == bid[:-1, 3]).all(), "without jumps a bar opens where the last one closed"


def test_rounding_errors_have_no_direction(smooth: Simulated) -> None:
    error = (smooth.bars.mid.astype(np.float32) - smooth.bars.mid) / PIP
    assert np.abs(error).max() < 0.0006
    for column in range(4):
        assert abs(error[:, column].mean()) < 4 * error[:, column].std() / np.sqrt(len(error))


def test_jumps_come_as_often_and_go_as_far_as_asked() -> None:
    simulated = brownian(rng(6), 3_000, jump_probability=0.2, jump_pips=10.0)
    bars = lives(simulated)
    gaps = bars[:, 1:, 0] - bars[:, :-1, 3]
    jumped = np.abs(gaps) > 1e-6
    assert jumped.mean() == pytest.approx(0.2, abs=0.005)
    assert p_value(gaps[jumped] / 10.0, "norm") > LEAST_P


def test_seeds_make_the_market() -> None:
    first, again, other = (brownian(rng(seed), 50, jump_probability=0.1) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.bars.bid, again.bars.bid)
    pd.testing.assert_frame_equal(first.trades, again.trades)
    assert not np.array_equal(first.bars.bid, other.bars.bid)


def test_ornstein_uhlenbeck_has_its_stationary_law_and_its_half_life() -> None:
    simulated = ornstein_uhlenbeck(rng(9), 4_000)
    side = simulated.trades["direction"].to_numpy()
    entry = side * simulated.hidden["entry_deviation_pips"]
    # The stationary law between -30 and 10 pips: its quantiles are uniform between theirs.
    low, high = stats.norm.cdf([-1.5, 0.5])
    quantile = (stats.norm.cdf(entry / 20.0) - low) / (high - low)
    assert p_value(quantile, "uniform") > LEAST_P
    closes = lives(simulated)[:, :, 3]
    # Ten half-lives after its entry a trade has forgotten it (but for a thousandth).
    assert p_value(closes[:, -1] / 20.0, "norm") > LEAST_P
    slope = np.polyfit(closes[:, 150], closes[:, 170], 1)[0]
    assert slope == pytest.approx(0.5, abs=0.06)
    # A half-life after the entry half the distance is left.
    halved = np.polyfit(entry, side * closes[:, 19], 1)
    assert halved[0] == pytest.approx(0.5, abs=0.1)
    assert halved[1] == pytest.approx(0.0, abs=2.0)


def test_disorder_turns_at_its_hidden_geometric_time() -> None:
    simulated = disorder(rng(10), 4_000)
    favourable = simulated.hidden["favourable_bars"]
    assert favourable.min() == 0  # even the first bar may go against the trade
    expected = stats.geom.cdf(np.arange(1, 200) + 1, 1 / 40)
    found = (favourable[:, None] <= np.arange(1, 200)).mean(axis=0)
    assert np.abs(found - expected).max() < 1.95 / np.sqrt(len(favourable))  # Kolmogorov, 0.1%
    bars = lives(simulated)
    moves = simulated.trades["direction"].to_numpy()[:, None] * (bars[..., 3] - bars[..., 0])
    good = np.arange(1, 201) <= favourable[:, None]
    assert p_value((moves[good] - 1.0) / 5.0, "norm") > LEAST_P
    assert p_value((moves[~good] + 1.0) / 5.0, "norm") > LEAST_P


def test_realistic_market_keeps_hours_clusters_and_widens_at_the_rollover() -> None:
    simulated = realistic(rng(11), 40_000)
    bars = simulated.bars
    local = pd.DatetimeIndex(bars.times).tz_localize("UTC").tz_convert("America/New_York")
    assert (bars.mid > 0).all()
    assert not (local.day_of_week == 5).any()
    assert not ((local.day_of_week == 6) & (local.hour < 17)).any()
    spread = bars.spread
    assert spread[(local.hour == 17) & (local.minute == 0)].min() == pytest.approx(4.0)
    assert spread[(local.hour > 18) | (local.hour < 16)].max() == pytest.approx(0.8)
    moves = np.abs(np.log(bars.mid[:, 3] / bars.mid[:, 0]))
    assert np.corrcoef(moves[1:], moves[:-1])[0, 1] > 0.1
    day = moves[(local.hour >= 3) & (local.hour < 7)].mean()
    night = moves[(local.hour >= 17) & (local.hour < 20)].mean()
    assert day > 1.5 * night
    assert (np.diff(simulated.trades["entry_bar"]) == 201).all()


def test_realistic_market_has_no_drift() -> None:
    """The expected price is the present one: relative moves average to nothing."""
    moves = [realistic(rng(seed), 20_000).bars.mid[:, 3] for seed in range(8)]
    relative = np.concatenate([prices[1:] / prices[:-1] - 1.0 for prices in moves])
    assert abs(relative.mean()) < 4 * relative.std() / np.sqrt(len(relative))


def test_a_simulated_market_goes_through_the_pipeline() -> None:
    level = UserFeature(column="deviation_pips", scale=20.0, directional=True)
    features = resolve_features([*DEFAULT_FEATURES, level])
    dataset = to_dataset(ornstein_uhlenbeck(rng(12), 100, horizon=50), features)
    assert [len(dataset.tables[name]) for name in ("train", "validation", "test")] == [70, 15, 15]
    values = np.asarray(dataset.market.features)
    assert np.isfinite(values).all()
    bar = dataset.tables["train"]["entry_bar"].to_numpy(np.int64)
    assert (np.asarray(dataset.market.atr)[bar] > 0).all()
    assert set(dataset.fingerprint) == {"bars", "trades"}
