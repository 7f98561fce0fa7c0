"""Rule and members are one network: the same decisions, and a value in the task's own reward."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit.env.types import ACTIONS, EXIT, HOLD
from jaxexit.exact.ensemble import MOST, as_network, leaving_logit, outputs_of_each
from jaxexit.exact.learner import ExactLearner
from jaxexit.exact.types import ExactParams, Rule, Scaling

SIZE, MEMBERS, SHARPNESS, TEMPERATURE, REWARD = 5, 4, 6.0, 0.5, 3.0
LEARNER = ExactLearner(
    horizon=12,
    trades=64,
    rounds=1,
    minibatches=1,
    minibatch_size=64,
    members=MEMBERS // 2,
    prices=2,
    hidden_sizes=(8, 4),
)


class Expected(NamedTuple):
    """What a network should say of its observations."""

    network: dict
    observation: np.ndarray  # [40, SIZE]
    logit: np.ndarray  # [40] by which it leaves
    value: np.ndarray  # [40]


@pytest.fixture(
    scope="module",
    params=[(3.0, 1.0), (3.0, 0.0), (0.0, 0.0)],
    ids=["rule", "both", "expectation"],
)
def expected(request: pytest.FixtureRequest) -> Expected:
    """A network of members that begin at the rule, at what is expected, or either; and what it should say."""
    rng = np.random.default_rng(0)
    sizes = [(SIZE, 8), (8, 4), (4, 2)]
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
    direction = jnp.array([0.0, 0.4, -1.0, 0.0, 0.5])
    rule = Rule(direction, jnp.float32(0.3), jnp.float32(1.0))
    anchor = jnp.array(request.param)
    hyper = ExactParams(*[jnp.float32(0.0)] * len(ExactParams._fields))._replace(
        anchor=anchor, sharpness=jnp.float32(SHARPNESS), temperature=jnp.float32(TEMPERATURE)
    )
    network = jax.jit(as_network, static_argnums=4)(members, scaling, rule, hyper, actions)
    observation = 2.0 * rng.standard_normal((40, SIZE)).astype(np.float32)
    scaled = (observation - scaling.mean) * scaling.inverse
    of_each = jax.jit(outputs_of_each)(members, jnp.asarray(scaled))
    worth, departure = (np.asarray(output) for output in of_each)  # [MEMBERS, 40]
    margin = SHARPNESS * (np.asarray(scaled) @ np.asarray(direction) - 0.3)
    assert np.abs(margin).min() < MOST < np.abs(margin).max()
    assert min(np.ptp(departure), np.ptp(worth)) > 1.0
    held = np.clip(margin, -MOST, MOST)
    free = np.repeat(np.array(request.param) == 0.0, MEMBERS // 2)[:, None]
    logit = np.where(free, -worth / TEMPERATURE, held) + departure
    prices = jnp.repeat(anchor, MEMBERS // 2)[:, None]
    in_learning = jax.jit(leaving_logit)(
        hyper, prices, jnp.asarray(held), *map(jnp.asarray, of_each)
    )
    np.testing.assert_allclose(in_learning, logit, rtol=1e-5, atol=1e-5)
    logit, worth = logit.mean(axis=0), worth.mean(axis=0)
    return Expected(network, observation, logit, REWARD * worth)


def test_it_leaves_where_rule_and_members_say_so(expected: Expected):
    logits, value = LEARNER.evaluate(expected.network, jnp.asarray(expected.observation))
    exits = logits[:, EXIT] - logits[:, HOLD]
    np.testing.assert_allclose(exits, expected.logit, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(value, expected.value, rtol=1e-5, atol=1e-4)
    others = [i for i in range(len(ACTIONS)) if i not in (HOLD, EXIT)]
    assert not jax.nn.softmax(logits)[:, others].any()


def test_it_has_the_shapes_that_the_learner_says(expected: Expected):
    shapes = jax.tree.map(lambda leaf: leaf.shape, LEARNER.params_shapes(SIZE))
    assert jax.tree.map(jnp.shape, expected.network) == shapes


def test_no_parameter_is_weakly_typed(expected: Expected):
    """Or the second update, which begins with parameters from the first, is compiled once more."""
    assert not any(leaf.weak_type for leaf in jax.tree.leaves(expected.network))


def test_exported_layers_are_that_network(expected: Expected):
    network, observation, *_ = expected
    layers = LEARNER.layers(network)
    hidden = observation
    for layer in layers.hidden:
        assert layer.scale is None
        hidden = np.maximum(hidden @ layer.kernel + layer.bias, 0.0)
    logits, value = LEARNER.evaluate(network, jnp.asarray(observation))
    for found, head in ((logits, layers.policy), (value[:, None], layers.value)):
        np.testing.assert_allclose(hidden @ head.kernel + head.bias, found, rtol=1e-5, atol=1e-4)
