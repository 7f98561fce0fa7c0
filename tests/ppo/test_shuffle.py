"""The order of the samples is a permutation, and by every count made here a random one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxexit.ppo.shuffle import shuffled

KEYS = jax.random.split(jax.random.key(11), 400)
SIZE, MINIBATCHES = 4096, 16


@pytest.fixture(scope="module")
def orders() -> np.ndarray:
    """[400 shuffles, SIZE]."""
    return np.asarray(jax.jit(jax.vmap(lambda key: shuffled(key, SIZE)))(KEYS))


@pytest.mark.parametrize("size", [2, 7, 96, 1000, 4096, 131_072, 150_000])
def test_every_sample_comes_once_whatever_the_size(size: int) -> None:
    order = jax.jit(shuffled, static_argnums=1)(jax.random.key(size), size)
    assert jnp.array_equal(jnp.sort(order), jnp.arange(size))


def test_all_orders_of_a_few_samples_are_equally_likely() -> None:
    keys = jax.random.split(jax.random.key(3), 24_000)
    orders = np.asarray(jax.jit(jax.vmap(lambda key: shuffled(key, 4)))(keys))
    _, counts = np.unique(orders @ np.array([64, 16, 4, 1]), return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-3


def test_a_sample_is_as_likely_in_any_minibatch(orders: np.ndarray) -> None:
    for position in (0, 1, SIZE // 2, SIZE - 1):
        where = np.argmax(orders == position, axis=1) // (SIZE // MINIBATCHES)
        assert stats.chisquare(np.bincount(where, minlength=MINIBATCHES)).pvalue > 1e-3


def test_neighbours_in_time_meet_in_a_minibatch_as_often_as_strangers(orders: np.ndarray) -> None:
    """Samples of one moment and of one trade are alike: an order that keeps them together would show."""
    minibatch = np.argsort(orders, axis=1) // (SIZE // MINIBATCHES)
    chance = (SIZE // MINIBATCHES - 1) / (SIZE - 1)
    for distance in (1, 2, 8, 64, SIZE // 2):
        together = (minibatch[:, distance:] == minibatch[:, :-distance]).mean(axis=1)
        error = together.std(ddof=1) / np.sqrt(len(KEYS))
        assert abs(together.mean() - chance) < 4.0 * error


def test_the_minibatches_of_two_epochs_have_nothing_in_common(orders: np.ndarray) -> None:
    """A sample's positions in one epoch and in the next are uncorrelated, and so are order and index."""
    ranks = np.arange(SIZE)
    of_index = [np.corrcoef(order, ranks)[0, 1] for order in orders]
    of_next = [np.corrcoef(a, b)[0, 1] for a, b in zip(orders[:-1:2], orders[1::2], strict=True)]
    for correlations in (of_index, of_next):
        spread = 1.0 / np.sqrt(SIZE - 1)
        assert abs(np.mean(correlations)) < 4.0 * spread / np.sqrt(len(correlations))
        assert np.std(correlations) == pytest.approx(spread, rel=0.2)
