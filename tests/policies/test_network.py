"""The learned policy: how it starts, and what it may choose."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax

from jaxexit.policies import (
    NetworkSpec,
    View,
    forward,
    initial_params,
    make_network,
    mask_logits,
    network_policy,
)

SPEC = NetworkSpec(hidden_sizes=(64, 64), layer_norm=True)


@pytest.fixture(scope="module")
def params():
    return jax.jit(make_network(SPEC).init)(jax.random.key(0), np.zeros((1, 32), np.float32))


def test_a_fresh_policy_is_almost_uniform_and_its_values_are_not(params) -> None:
    observations = jax.random.normal(jax.random.key(1), (500, 32))
    logits, value = jax.device_get(jax.jit(partial(forward, SPEC))(params, observations))
    assert logits.shape == (500, 5)
    assert value.shape == (500,)
    assert np.abs(softmax(logits, axis=1) - 0.2).max() < 0.03
    assert float(value.std()) > 0.3


def test_weights_begin_orthogonal(params) -> None:
    kernel = np.asarray(params["params"]["Dense_1"]["kernel"])
    np.testing.assert_allclose(kernel.T @ kernel, 2.0 * np.eye(64), atol=1e-4)
    policy = np.asarray(params["params"]["policy"]["kernel"])
    np.testing.assert_allclose(policy @ policy.T, 1e-4 * np.eye(5), atol=1e-7)


def test_a_forbidden_action_has_no_probability_and_leaves_entropy_finite() -> None:
    logits = jnp.array([1.0, 5.0, 0.0, 0.0, 0.0])
    valid = jnp.array([True, False, True, False, False])
    probabilities = jax.nn.softmax(mask_logits(logits, valid))
    assert probabilities[1] == probabilities[3] == probabilities[4] == 0.0
    assert float(probabilities.sum()) == pytest.approx(1.0)
    log_probs = jax.nn.log_softmax(mask_logits(logits, valid))
    entropy = -(jnp.exp(log_probs) * log_probs).sum()
    assert 0.0 < float(entropy) < np.log(2) + 1e-6


@pytest.mark.parametrize("sample", [False, True])
def test_a_masked_policy_only_takes_valid_actions(params, sample: bool) -> None:
    policy = network_policy(SPEC, masked=True, sample=sample)

    def act(key: jax.Array) -> jax.Array:
        one, two = jax.random.split(key)
        view = View(
            now=None,  # type: ignore[arg-type]  # the network looks at its observation alone
            observation=lambda: 10.0 * jax.random.normal(one, (32,)),
            valid=lambda: jnp.array([True, False, False, True, False]),
            atr=lambda: jnp.float32(1.0),
            bar=lambda: None,
            key=lambda: two,
        )
        order, _ = policy.act(params, (), view)
        return order.action

    actions = np.asarray(jax.jit(jax.vmap(act))(jax.random.split(jax.random.key(2), 300)))
    assert set(actions) == {0, 3}


def test_greedy_takes_the_likeliest_and_sampling_follows_the_probabilities(params) -> None:
    observation = 3.0 * jnp.ones(32)
    biased = jax.tree.map(lambda leaf: leaf, params)
    biased["params"]["policy"]["bias"] = np.log(np.array([0.1, 0.5, 0.1, 0.2, 0.1], np.float32))
    biased["params"]["policy"]["kernel"] = np.zeros((5, 64), np.float32)

    def act(policy, key: jax.Array) -> jax.Array:
        view = View(
            now=None,  # type: ignore[arg-type]
            observation=lambda: observation,
            valid=lambda: jnp.ones(5, bool),
            atr=lambda: jnp.float32(1.0),
            bar=lambda: None,
            key=lambda: key,
        )
        return policy.act(biased, (), view)[0].action

    keys = jax.random.split(jax.random.key(3), 4000)
    greedy = jax.jit(jax.vmap(lambda key: act(network_policy(SPEC, masked=False), key)))(keys)
    assert set(np.asarray(greedy)) == {1}
    sampled = network_policy(SPEC, masked=False, sample=True)
    drawn = jax.jit(jax.vmap(lambda key: act(sampled, key)))(keys)
    shares = np.bincount(np.asarray(drawn), minlength=5) / len(keys)
    np.testing.assert_allclose(shares, [0.1, 0.5, 0.1, 0.2, 0.1], atol=0.03)


def test_initial_kernels_are_orthogonal_and_shaped_as_the_modules_own() -> None:
    """Made on the host: gains sqrt 2, 0.01 and 1 of the hidden layers, the policy and the value head."""
    own = initial_params(SPEC, 32, [7])
    drawn = jax.jit(make_network(SPEC).init)(jax.random.key(0), np.zeros(32, np.float32))
    chex.assert_trees_all_equal_shapes_and_dtypes(own, drawn)
    gains = {"Dense_0": 2**0.5, "Dense_1": 2**0.5, "policy": 0.01, "value": 1.0}
    for tree in (own, drawn):
        for layer, gain in gains.items():
            values = np.linalg.svd(np.asarray(tree["params"][layer]["kernel"]), compute_uv=False)
            np.testing.assert_allclose(values, gain, rtol=1e-5)
    same, other = initial_params(SPEC, 32, [7]), initial_params(SPEC, 32, [8])
    chex.assert_trees_all_equal(own, same)
    assert not np.allclose(own["params"]["Dense_0"]["kernel"], other["params"]["Dense_0"]["kernel"])


def test_an_agent_may_begin_by_holding() -> None:
    """The policy's bias alone gives HOLD its share, whatever is seen: the kernel is all but zero."""
    patient = SPEC._replace(initial_hold_probability=0.92)
    params = initial_params(patient, 32, [1])
    params["params"]["policy"]["kernel"] = np.zeros((5, 64), np.float32)
    logits, _ = jax.jit(partial(forward, patient))(params, np.ones(32, np.float32))
    np.testing.assert_allclose(softmax(np.asarray(logits)), [0.92, *[0.02] * 4], rtol=1e-5)
