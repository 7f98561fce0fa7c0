"""What a bar is expected to bring: found where there is something, not where there is nothing."""

from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit.exact.drift import (
    FOLDS,
    TERMS,
    changes,
    evidence,
    features,
    fitted_drift,
    moments,
    number_of_features,
    numbers_of,
    pursuit,
    without_luck,
)
from jaxexit.exact.paths import returns
from jaxexit.exact.rule import earnings
from jaxexit.exact.types import Drift, Paths, Scaling

HORIZON, SIZE = 24, 3
DRIFT = 0.3  # a bar, of the price
SCALE = 0.5  # of the price as it is observed: never beyond where numbers are clipped


def market(trades: int, drift: float, seed: int) -> tuple[Any, Any, np.ndarray]:
    """Trades on a price that returns to 0, or does not; stopped where they have lost 8.

    Returns:
        The paths; what is observed [H, N, 3]: price times SCALE, noise, age; the true drift [H, N]; all on
        the host.
    """
    rng = np.random.default_rng(seed)
    price = np.empty((HORIZON + 1, trades))
    price[0] = rng.standard_normal(trades)
    for k in range(HORIZON):
        price[k + 1] = price[k] - drift * price[k] + rng.standard_normal(trades)
    gain = price - price[0] - 1.0
    stopped = np.minimum.accumulate(gain > -8.0, axis=0)
    alive = np.ones((HORIZON, trades), bool)
    alive[1:] = stopped[1:-1]
    ends = ~stopped[1:] | (np.arange(HORIZON) == HORIZON - 1)[:, None]
    hold = np.where(alive & ends, gain[1:], 0.0)
    leave = np.where(alive, gain[:-1], 0.0)
    seen = np.stack(
        [SCALE * price[:-1], rng.standard_normal((HORIZON, trades)), 0 * price[:-1]], axis=-1
    )
    seen[..., 2] = np.arange(HORIZON)[:, None] / HORIZON
    seen *= alive[..., None]
    arrays: Any = (
        seen.astype("f4"),
        hold.astype("f4"),
        leave.astype("f4"),
        alive,
        alive,
        ends & alive,
    )
    paths = Paths(*arrays)
    return paths, paths.observation, np.where(alive, -drift * price[:-1], 0.0)


def known(drift: float, share: float = 1.0) -> Drift:
    """The true one."""
    weights = np.zeros((FOLDS, number_of_features(SIZE)), "f4")
    weights[:, 1] = -drift / SCALE
    return Drift(weights, np.int32(1), np.float32(0.0), np.float32(share))  # type: ignore[arg-type]


def fold_moments(trades: int, drift: float, first: int = 0) -> Any:
    """Of FOLDS markets of their own; on the host."""
    every = np.ones(trades, np.float32)
    parts = [of_bars(*market(trades, drift, first + k)[:2], every) for k in range(FOLDS)]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *parts)


# Compiled as a whole: operation by operation each would be a program of its own.
fit, expected, of_bars, seen_as = map(jax.jit, (fitted_drift, without_luck, moments, numbers_of))
pursued = jax.jit(pursuit)


def of_folds(trades: int, drift: float, first: int = 0) -> Drift:
    return fit(fold_moments(trades, drift, first), jnp.float32(1.0))


FIRST_FOLD = np.zeros(4_000, np.int32)


def test_changes_add_up_to_what_an_exit_earned():
    paths, _, _ = market(200, DRIFT, 0)
    earned = np.asarray(earnings(paths))
    added = np.cumsum(np.asarray(changes(paths)), axis=0)
    np.testing.assert_allclose(earned[1:] - earned[0], added, atol=1e-4)


def test_features_are_as_many_as_is_said_and_fade_with_age():
    numbers = jnp.array([0.5, -1.0, 5.0])
    young, old = (np.asarray(features(numbers, jnp.float32(k))) for k in (0.0, 1_000.0))
    assert young.shape == (number_of_features(SIZE),)
    wanted = [1.0, 0.5, -1.0, 5.0, 0.25, -0.5, 2.5, 1.0, -5.0, 25.0]
    np.testing.assert_allclose(young, [*wanted, *3 * wanted[:4]], rtol=1e-6)
    np.testing.assert_allclose(old, [*wanted, *12 * [0.0]], atol=1e-6)


def test_numbers_are_0_where_0_was_observed_but_for_those_that_never_are():
    scaling = Scaling(jnp.array([2.0, -1.0, 50.0]), jnp.array([0.5, 1.0, 1.0]), jnp.float32(1.0))
    observed = jnp.array([[0.0, 0.0, 50.0], [4.0, 9.0, 51.0], [40.0, 0.0, 20.0]])
    numbers = seen_as((observed - scaling.mean) * scaling.inverse, scaling)
    np.testing.assert_allclose(numbers, [[0, 0, 0], [2, 4, 1], [6, 0, -5]], atol=1e-5)


def test_what_predicts_is_found_and_nothing_else():
    drift = of_folds(2_000, DRIFT)
    assert int(drift.terms) == 1
    spread = 1.0 / (1.0 - (1.0 - DRIFT) ** 2)  # variance of the price, in that of a bar's noise
    share = DRIFT**2 * spread / (1.0 + DRIFT**2 * spread)
    assert float(drift.explained) == pytest.approx(share, rel=0.1)
    assert (np.flatnonzero(np.abs(drift.weights).sum(axis=0)) == [1]).all()
    np.testing.assert_allclose(SCALE * drift.weights[:, 1], -DRIFT, atol=0.02)


def test_of_a_martingale_next_to_nothing_is_expected():
    """The number of terms is the best of 17, by luck not always 0; what they explain is next to nothing."""
    drifts = [of_folds(500, 0.0, 100 * seed) for seed in range(6)]
    assert sum(int(drift.terms) == 0 for drift in drifts) >= 3
    assert max(float(drift.explained) for drift in drifts) < 0.0005
    nothing = [drift for drift in drifts if int(drift.terms) == 0]
    assert all(not np.asarray(drift.weights).any() for drift in nothing)


def test_a_folds_own_bars_take_no_part_in_what_is_expected_of_them():
    folds = fold_moments(500, DRIFT)
    before = fit(folds, jnp.float32(1.0))
    other = folds.cross.copy()
    other[2] *= np.float32(1.2)
    after = fit(folds._replace(cross=other), jnp.float32(1.0))
    assert int(before.terms) == int(after.terms) > 0
    both = np.asarray(before.weights), np.asarray(after.weights)
    same = [bool((both[0][k] == both[1][k]).all()) for k in range(FOLDS)]
    assert same == [k == 2 for k in range(FOLDS)]


def test_where_leaving_was_forbidden_no_luck_is_removed():
    paths, numbers, _ = market(500, DRIFT, 0)
    free = fold_moments(500, DRIFT)
    barred = paths._replace(can_leave=paths.can_leave & (np.arange(HORIZON) > 2)[:, None])
    one = of_bars(barred, numbers, np.ones(500, np.float32))
    guarded = jax.tree.map(
        lambda leaf, other: np.concatenate([np.asarray(other)[None], leaf[1:]]), free, one
    )
    assert 0.75 < float(fit(free, jnp.float32(0.8)).share) < 0.8
    assert float(fit(guarded, jnp.float32(0.8)).share) == 0.0


def test_a_regression_is_believed_as_far_as_it_has_shown_in_every_fold():
    """1 - 1 / t^2 of the gains: t is 0, 1/2, 2 and 4 here."""
    up_and_down = np.array([1.0, -1.0] * 4)
    error = up_and_down.std(ddof=1) / 8**0.5
    for t, wanted in ((0.0, 0.0), (0.5, 0.0), (2.0, 0.75), (4.0, 0.9375)):
        gain = jnp.asarray(t * error + up_and_down, jnp.float32)
        assert float(evidence(gain)) == pytest.approx(wanted, abs=1e-4)
    assert float(evidence(jnp.zeros(8))) == 0.0


def test_of_one_trade_nothing_can_be_said_and_nothing_is():
    """All folds but one are empty: what that one is expected to bring is fitted on none."""
    third = np.arange(FOLDS) == 3
    alone = jax.tree.map(
        lambda leaf: leaf * third.reshape(-1, *[1] * (leaf.ndim - 1)).astype(leaf.dtype),
        fold_moments(1, DRIFT),
    )
    drift = fit(alone, jnp.float32(1.0))
    assert not np.asarray(drift.weights[3]).any()
    assert np.isfinite(np.asarray(drift.weights)).all()


def test_pursuit_survives_features_that_say_the_same_or_nothing():
    x = np.random.default_rng(0).standard_normal((400, 3)).astype("f4")
    x = np.concatenate([x, x, np.zeros((400, 1), "f4"), np.ones((400, 1), "f4")], axis=1)
    y = x[:, 1] + 2.0
    weights = np.asarray(pursued(x.T @ x / 400, x.T @ y / 400))
    assert np.isfinite(weights).all()
    np.testing.assert_allclose(x @ weights[-1], y, atol=0.02)
    assert not weights[:, 6].any()


def test_pursuit_is_least_squares_on_what_it_chose():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 20)) @ rng.standard_normal((20, 20))
    y = x[:, 3] - 2.0 * x[:, 11] + rng.standard_normal(400)
    x32, y32 = x.astype("f4"), y.astype("f4")
    weights = np.asarray(pursued(x32.T @ x32 / 400, x32.T @ y32 / 400))
    assert weights.shape == (TERMS + 1, 20)
    assert not weights[0].any()
    for count in (1, 2, 5):
        chosen = np.flatnonzero(weights[count])
        assert len(chosen) == count
        plain = np.linalg.lstsq(x[:, chosen], y, rcond=None)[0]
        np.testing.assert_allclose(weights[count][chosen], plain, rtol=0.02, atol=0.01)
    errors = [np.square(y - x @ row).mean() for row in weights]
    assert all(later <= earlier + 1e-4 for earlier, later in pairwise(errors))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_bar_brings_what_was_expected_of_it_and_the_rest_of_its_luck(share: float):
    paths, numbers, truth = market(4_000, DRIFT, 1)
    calm = expected(paths, numbers, known(DRIFT, share), FIRST_FOLD)
    wanted = share * truth + (1.0 - share) * np.asarray(changes(paths))
    wanted = np.where(paths.can_leave, wanted, 0.0)
    np.testing.assert_allclose(changes(calm), wanted, atol=1e-4)
    for name in ("leave", "can_leave", "alive", "ends", "observation"):
        np.testing.assert_array_equal(getattr(calm, name), getattr(paths, name))


def test_results_without_luck_have_the_same_mean_and_less_noise():
    """What holding for eight bars brings, on a price that takes longer than that to return."""
    slow = 0.05
    paths, numbers, _ = market(4_000, slow, 2)
    leaves = np.broadcast_to((np.arange(HORIZON) >= 8)[:, None], (HORIZON, 4_000))
    nothing = np.zeros((HORIZON, 4_000), np.float32)
    calm = expected(paths, numbers, known(slow), FIRST_FOLD)
    worth = jax.jit(returns)
    y, without = (np.asarray(worth(p, leaves, nothing, jnp.float32(1.0)))[0] for p in (paths, calm))
    taken_off = y - without
    assert abs(taken_off.mean()) < 4.0 * taken_off.std() / 4_000**0.5
    assert without.std() < 0.5 * y.std()


def test_what_is_expected_of_a_bar_knows_nothing_of_later_ones():
    paths, numbers, _ = market(64, DRIFT, 3)
    drift, fold = known(DRIFT), np.zeros(64, np.int32)
    late = (np.arange(HORIZON) >= 12)[:, None]
    hold, leave = (
        (leaf + np.float32(more) * late).astype(np.float32)
        for leaf, more in ((paths.hold, 3.0), (paths.leave, -1.0))
    )
    seen = np.where(late[..., None], np.float32(3.0), numbers)
    later = paths._replace(hold=hold, leave=leave), seen
    one, other = (
        jax.device_get(expected(*both, drift, fold)) for both in ((paths, numbers), later)
    )
    luck, same = (
        of.hold[:11] - changed.hold[:11] for of, changed in ((paths, one), (later[0], other))
    )
    np.testing.assert_array_equal(luck, same)
    assert (one.hold[12] != other.hold[12]).any()
