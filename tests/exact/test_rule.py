"""The rule that learning begins at is the best of all that are tried, each played trade by trade."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit.exact.rule import LEVELS, best_rule, directions, earnings, results
from jaxexit.exact.types import Paths

HORIZON, TRADES, SIZE = 6, 40, 3


def played(paths: Paths, values: np.ndarray, level: float) -> np.ndarray:
    """[TRADES] earned by who leaves at the first permitted decision whose value is at the level or above."""
    paths = Paths(*map(np.asarray, paths))  # type: ignore[arg-type]
    earned = np.zeros(TRADES)
    for n in range(TRADES):
        for k in range(HORIZON):
            if paths.can_leave[k, n] and values[k, n] >= level:
                earned[n] += paths.leave[k, n]
                break
            earned[n] += paths.hold[k, n]
    return earned


@pytest.fixture(scope="module")
def inputs() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((HORIZON, TRADES, SIZE)).astype("f4")


def made(telling: np.ndarray) -> Paths:
    """Trades of which it pays to leave where a number, [HORIZON, TRADES], is low; not always permitted."""
    rng = np.random.default_rng(1)
    alive = np.arange(HORIZON)[:, None] <= rng.integers(0, HORIZON, TRADES)
    hold, leave = np.where(alive, rng.standard_normal((2, HORIZON, TRADES)), 0.0).astype("f4")
    hold += np.where(alive, telling, 0.0)
    can_leave = alive & (rng.random(alive.shape) < 0.8)
    return Paths(*map(jnp.asarray, (telling, hold, leave, can_leave, alive, alive)))


def test_of_every_number_and_contrast_both_directions_are_tried(inputs: np.ndarray):
    """A contrast is a difference of what was observed, whatever the scaling, but for what never changes."""
    inverse = np.array([0.5, 4.0, 0.0], "f4")  # 1 / deviation
    scaled = inputs * np.array([1.0, 1.0, 0.0], "f4")
    tried = np.asarray(directions(jnp.asarray(scaled), jnp.asarray(inverse), ((1, 0), (2, 0))))
    assert tried.shape == (2 * (SIZE + 2), SIZE)
    np.testing.assert_array_equal(tried[: SIZE + 2], -tried[SIZE + 2 :])
    values = scaled @ tried.T
    observed = inputs / np.where(inverse > 0.0, inverse, np.inf)
    wanted = [*np.moveaxis(scaled, -1, 0), observed[..., 1] - observed[..., 0], -observed[..., 0]]
    for value, plain in zip(np.moveaxis(values, -1, 0), wanted, strict=False):
        np.testing.assert_allclose(value, plain / max(plain.std(), 1e-6), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("telling", [[0.0, 1.0, 0.0], [1.0, 0.0, -1.0]], ids=["number", "contrast"])
def test_the_best_rule_is_found(inputs: np.ndarray, telling: list[float]):
    paths = made(inputs @ np.array(telling, "f4"))
    tried = directions(jnp.asarray(inputs), jnp.ones(SIZE), ((0, 2),))
    mean, square = results(paths, jnp.asarray(inputs), tried, jnp.full(TRADES, 1.0 / TRADES))
    rule = best_rule(mean, square, tried)
    plain = np.array(
        [[played(paths, inputs @ way, at) for at in LEVELS] for way in np.asarray(tried)]
    )
    np.testing.assert_allclose(mean, plain.mean(axis=-1), atol=1e-5)
    way, at = np.unravel_index(plain.mean(axis=-1).argmax(), mean.shape)
    np.testing.assert_array_equal(rule.direction, tried[way])
    assert float(rule.level) == LEVELS[at]
    assert np.asarray(rule.direction) @ telling < 0.0  # leaves where the number is low
    assert float(rule.spread) == pytest.approx(plain[way, at].std(), abs=1e-4)
    margin = np.asarray(rule.margin(jnp.asarray(inputs)))
    np.testing.assert_allclose(played(paths, margin, 0.0), plain[way, at], atol=1e-5)


def test_earnings_are_what_was_held_for_and_the_exit(inputs: np.ndarray):
    paths = made(inputs[..., 0])
    earned = np.asarray(earnings(paths))
    assert earned.shape == (HORIZON + 1, TRADES)
    for k in range(HORIZON):
        at_k = np.where(np.arange(HORIZON)[:, None] == k, 1.0, 0.0) * np.ones(TRADES)
        free = paths._replace(can_leave=jnp.ones(at_k.shape, bool))
        np.testing.assert_allclose(earned[k], played(free, at_k, 1.0), atol=1e-5)
    np.testing.assert_allclose(earned[HORIZON], np.sum(paths.hold, axis=0), atol=1e-5)
