"""Which trades an update learns from, and which of their decisions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit.exact.drift import FOLDS
from jaxexit.exact.episodes import CHUNK, laid_out, members_of_fold
from jaxexit.exact.paths import drawn_decisions
from jaxexit.exact.types import ExactSpec
from jaxexit.learning import Task

HORIZON, TRADES = 5, 16
SPEC = ExactSpec(
    horizon=HORIZON,
    trades=TRADES,
    rounds=1,
    minibatches=1,
    minibatch_size=8,
    members=2,
    prices=3,
    hidden_sizes=(4,),
)


def _step(count, number, action, draw):
    """An episode shows its own number, and ends at once."""
    return draw, _shown(draw), jnp.float32(0.0), jnp.bool_(True), ()


def _shown(number: jax.Array) -> jax.Array:
    return number[None].astype(jnp.float32)


NUMBERED = Task(
    num_actions=2,
    draw=lambda count, key, shape: jnp.zeros(shape, jnp.int32),
    reset=lambda count, draw: (draw, _shown(draw)),
    valid=None,
    step=_step,
    summarise=lambda count, infos: {},
    stopping=(0, 1),
    episodes=lambda count, numbers: (numbers % count, count),
)

compiled = jax.jit(laid_out, static_argnames=("spec", "task"))


def rows_of(count: int, update: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the episodes of an update, and their folds."""
    paths, fold, there_are = compiled(SPEC, NUMBERED, jnp.int32(count), jnp.int32(update))
    assert int(there_are) == count
    return np.asarray(paths.observation)[0, :, 0].astype(int), np.asarray(fold)


@pytest.mark.parametrize("count", [2, 7, 16, 20, 40, 64, 7 * 16, 11 * 16, 1_000])
def test_all_trades_have_their_turn(count: int):
    """In a round of updates each once, or twice where they do not divide; in the next round again."""
    updates = -(-count // TRADES) if count > TRADES else count
    for first in (0, updates):
        seen = np.concatenate([rows_of(count, first + update)[0] for update in range(updates)])
        times = np.bincount(seen, minlength=count)
        assert len(times) == count
        assert times.min() >= 1
        most = times.min() if count <= TRADES or count % TRADES == 0 else 2
        assert times.max() == most


@pytest.mark.parametrize("count", [1, 2, 7, 9, 20, 1_000, 1_700])
def test_what_is_expected_of_a_trade_is_fitted_on_others(count: int):
    """Each trade is in one fold, with weight 1, the one it is looked up by; folds follow in time."""
    chunks = -(-count // (FOLDS * CHUNK))
    fold_of = np.full(count, -1)
    for fold in range(FOLDS):
        for chunk in range(chunks):
            number, weight = map(
                np.asarray, members_of_fold(*map(jnp.int32, (fold, chunk, chunks, count)))
            )
            assert set(weight.tolist()) <= {0.0, 1.0}
            assert (fold_of[number[weight > 0]] == -1).all()
            fold_of[number[weight > 0]] = fold
    assert (fold_of >= 0).all()
    assert (np.diff(fold_of) >= 0).all()
    rows, fold = rows_of(count, 1)
    np.testing.assert_array_equal(fold, fold_of[rows])


def test_of_more_trades_than_fit_a_fold_gives_some_from_all_over():
    number, weight = map(np.asarray, members_of_fold(*map(jnp.int32, (3, 0, 1, 8 * 1_000))))
    assert weight.all()
    assert (number[0], len(set(number.tolist()))) == (3_000, CHUNK)
    assert set(np.diff(number)) <= {7, 8}
    assert number[-1] > 3_980


def test_decisions_are_drawn_as_often_as_met_and_all_alike():
    exist = jnp.array([[True, True], [True, False]])
    met = jnp.array([[[1.0, 1.0], [0.0, 0.0]], [[3.0, 0.0], [1.0, 0.0]]])
    drawn = np.asarray(drawn_decisions(met, exist, jnp.float32(0.4)))
    evenly = np.array([[1.0, 1.0], [1.0, 0.0]]) / 3.0
    np.testing.assert_allclose(
        drawn[0], 0.6 * np.array([[0.5, 0.5], [0, 0]]) + 0.4 * evenly, rtol=1e-6
    )
    np.testing.assert_allclose(
        drawn[1], 0.6 * np.array([[0.75, 0], [0.25, 0]]) + 0.4 * evenly, rtol=1e-6
    )
