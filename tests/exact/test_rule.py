"""The rule that learning begins at is the best of all that are tried, each played trade by trade."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit.exact.rule import LEVELS, fit_rule
from jaxexit.exact.types import Paths

HORIZON, TRADES, SIZE = 6, 40, 3


def played(paths: Paths, values: np.ndarray, level: float) -> np.ndarray:
    """[TRADES] earned by who leaves at the first permitted decision whose value is at the level or above."""
    earned = np.zeros(TRADES)
    for n in range(TRADES):
        for k in range(HORIZON):
            if paths.can_leave[k, n] and values[k, n] >= level:
                earned[n] += paths.leave[k, n]
                break
            earned[n] += paths.hold[k, n]
    return earned


def test_the_best_rule_of_one_number_is_found():
    rng = np.random.default_rng(0)
    last = rng.integers(0, HORIZON, TRADES)
    alive = np.arange(HORIZON)[:, None] <= last
    inputs = rng.standard_normal((HORIZON, TRADES, SIZE)).astype(np.float32)
    hold, leave = np.where(alive, rng.standard_normal((2, HORIZON, TRADES)), 0.0).astype("f4")
    hold += np.where(alive, inputs[..., 1], 0.0)  # of column 1, low values are those to leave at
    can_leave = alive & (rng.random(alive.shape) < 0.8)
    arrays = [jnp.asarray(leaf) for leaf in (inputs, hold, leave, can_leave, alive, alive)]
    paths = Paths(*arrays)
    rule = fit_rule(paths, arrays[0])
    results = {
        (column, sign, level): played(paths, sign * inputs[..., column], level)
        for column in range(SIZE)
        for sign in (1.0, -1.0)
        for level in np.linspace(-2.5, 2.5, LEVELS).astype(np.float32)
    }
    means = {choice: result.mean() for choice, result in results.items()}
    best = max(means, key=lambda choice: means[choice])
    assert (int(rule.column), float(rule.sign)) == best[:2] == (1, -1.0)
    mine = played(paths, -inputs[..., 1], float(rule.level))
    assert mine.mean() == pytest.approx(means[best], abs=1e-5)
    assert float(rule.spread) == pytest.approx(mine.std(), abs=1e-4)
