"""Probabilistic and deflated Sharpe ratios against the papers' examples and an independent computation."""

import numpy as np
import pytest
from scipy import integrate, stats

from jaxexit.evaluate.sharpe import (
    deflated_sharpe,
    effective_observations,
    expected_maximum_sharpe,
    probabilistic_sharpe,
)


@pytest.mark.parametrize(
    ("months", "skewness", "kurtosis", "published"),
    [(24, -2.448, 10.164, 0.913), (24, 0, 3, 0.982), (36, -2.448, 10.164, 0.953)],
)
def test_the_hedge_fund_of_2012(
    months: int, skewness: float, kurtosis: float, published: float
) -> None:
    # A monthly ratio of 0.458 looks significant after two years until its moments are looked at.
    found = probabilistic_sharpe(0.458, 0.0, months, skewness, kurtosis)
    assert found == pytest.approx(published, abs=6e-4)


@pytest.mark.parametrize(
    ("trials", "skewness", "kurtosis", "published"),
    [(100, -3, 10, 0.9004), (46, -3, 10, 0.9505), (88, 0, 3, 0.9505)],
)
def test_the_newly_discovered_strategy_of_2014(
    trials: int, skewness: float, kurtosis: float, published: float
) -> None:
    # Annual ratio 2.5 over 1,250 days, the variance of the trials' annual ratios 1/2.
    threshold = expected_maximum_sharpe(trials, 0.5 / 250)
    if trials == 100:
        assert threshold == pytest.approx(0.1132, abs=5e-5)
    found = probabilistic_sharpe(2.5 / np.sqrt(250), threshold, 1250, skewness, kurtosis)
    assert found == pytest.approx(published, abs=5e-5)


def test_equal_to_an_independent_computation() -> None:
    rng = np.random.default_rng(0)
    daily = rng.standard_t(5, 400) + 0.1
    trials = rng.normal(0, 0.05, 12)
    found = deflated_sharpe(daily, trials.tolist())
    assert found is not None
    ratio = np.mean(daily) / np.sqrt(np.var(daily, ddof=1))
    g3, g4 = stats.skew(daily), stats.kurtosis(daily, fisher=False)
    error = np.sqrt((1 - g3 * ratio + (g4 - 1) / 4 * ratio**2) / 399)
    gamma = -float(integrate.quad(lambda x: np.exp(-x) * np.log(x), 0, np.inf)[0])
    highest = (1 - gamma) * stats.norm.isf(1 / 12) + gamma * stats.norm.isf(1 / (12 * np.e))
    threshold = highest * np.std(trials, ddof=1)
    assert found.trials == 12
    assert found.threshold == pytest.approx(threshold, abs=1e-6)
    assert found.probabilistic == pytest.approx(stats.norm.sf(-ratio / error), abs=1e-6)
    assert found.deflated == pytest.approx(stats.norm.sf((threshold - ratio) / error), abs=1e-6)


@pytest.mark.parametrize("trials", [5, 10, 100, 1000])
def test_expected_maximum_is_near_the_exact_one(trials: int) -> None:
    def density(x: float) -> float:
        return float(x * trials * stats.norm.pdf(x) * stats.norm.cdf(x) ** (trials - 1))

    exact = float(integrate.quad(density, -10, 10)[0])
    assert expected_maximum_sharpe(trials, 4.0) == pytest.approx(2 * exact, rel=0.03)


def test_more_trials_deflate_more_and_one_trial_not_at_all() -> None:
    daily = np.random.default_rng(1).standard_normal(500) + 0.1
    once = deflated_sharpe(daily, [0.1])
    often = deflated_sharpe(daily, [0.1], trials=20)
    assert once is not None
    assert often is not None
    assert once.threshold == 0
    assert once.deflated == once.probabilistic > often.deflated
    assert deflated_sharpe(np.zeros(10), []) is None


def test_effective_observations_undo_the_formula() -> None:
    daily = np.random.default_rng(2).standard_normal(500) + 0.1
    found = deflated_sharpe(daily, [])
    assert found is not None
    variance = 1 - found.skewness * found.sharpe + (found.kurtosis - 1) / 4 * found.sharpe**2
    assert effective_observations(daily, np.sqrt(variance / 99)) == pytest.approx(100)
    assert effective_observations(daily, 1e-6) == 500


def test_impossible_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="observation"):
        probabilistic_sharpe(0.1, 0, 1, 0, 3)
    with pytest.raises(ValueError, match="trial"):
        expected_maximum_sharpe(0, 1.0)
