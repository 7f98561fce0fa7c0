"""The members' mean is one network: the same decisions, and a value in the task's own reward."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit.env.types import ACTIONS, EXIT, HOLD
from jaxexit.exact.ensemble import advantage_of_each, as_network
from jaxexit.exact.learner import ExactLearner
from jaxexit.exact.types import Scaling

SIZE, MEMBERS, TEMPERATURE, REWARD = 5, 3, 0.2, 3.0
LEARNER = ExactLearner(
    horizon=12,
    trades=64,
    rounds=1,
    minibatches=1,
    minibatch_size=64,
    members=MEMBERS,
    hidden_sizes=(8, 4),
)


@pytest.fixture(scope="module")
def expected() -> tuple[dict, np.ndarray, np.ndarray]:
    """The network, observations [40, SIZE], and the members' mean of each."""
    rng = np.random.default_rng(0)
    sizes = [(SIZE, 8), (8, 4), (4, 1)]
    members = [
        (rng.standard_normal((MEMBERS, *size)), rng.standard_normal((MEMBERS, 1, size[1])))
        for size in sizes
    ]
    members = jax.tree.map(jnp.float32, members)
    scaling = Scaling(
        mean=jnp.linspace(-1.0, 2.0, SIZE),
        inverse=jnp.array([0.5, 1.0, 4.0, 0.0, 2.0]),
        reward=jnp.float32(REWARD),
    )
    actions = (len(ACTIONS), HOLD, EXIT)
    network = as_network(members, scaling, jnp.float32(TEMPERATURE), actions)
    observation = 2.0 * rng.standard_normal((40, SIZE)).astype(np.float32)
    scaled = (observation - scaling.mean) * scaling.inverse
    mean = np.asarray(advantage_of_each(members, jnp.asarray(scaled)).mean(axis=0))
    assert np.ptp(mean) > 1.0
    return network, observation, mean


def test_it_leaves_where_the_members_mean_says_so(expected: tuple[dict, np.ndarray, np.ndarray]):
    network, observation, mean = expected
    logits, value = LEARNER.evaluate(network, jnp.asarray(observation))
    np.testing.assert_allclose(
        logits[:, EXIT] - logits[:, HOLD], -mean / TEMPERATURE, rtol=1e-5, atol=1e-4
    )
    np.testing.assert_allclose(value, REWARD * mean, rtol=1e-5, atol=1e-4)
    others = [i for i in range(len(ACTIONS)) if i not in (HOLD, EXIT)]
    assert not jax.nn.softmax(logits)[:, others].any()


def test_it_has_the_shapes_that_the_learner_says(expected: tuple[dict, np.ndarray, np.ndarray]):
    shapes = jax.tree.map(lambda leaf: leaf.shape, LEARNER.params_shapes(SIZE))
    assert jax.tree.map(jnp.shape, expected[0]) == shapes


def test_exported_layers_are_that_network(expected: tuple[dict, np.ndarray, np.ndarray]):
    network, observation, _ = expected
    layers = LEARNER.layers(network)
    hidden = observation
    for layer in layers.hidden:
        assert layer.scale is None
        hidden = np.maximum(hidden @ layer.kernel + layer.bias, 0.0)
    logits, value = LEARNER.evaluate(network, jnp.asarray(observation))
    for found, head in ((logits, layers.policy), (value[:, None], layers.value)):
        np.testing.assert_allclose(hidden @ head.kernel + head.bias, found, rtol=1e-5, atol=1e-4)
