"""The hand-written gradient of LayerNorm with ReLU is the one that Flax and autodiff give."""

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
from jax.test_util import check_grads

from jaxexit.policies.normalised_relu import normalised_relu

FEATURES = 48
KEYS = jax.random.split(jax.random.key(5), 5)
SCALE = 1.0 + 0.3 * jax.random.normal(KEYS[1], (FEATURES,))
BIAS = 0.5 * jax.random.normal(KEYS[2], (FEATURES,))


def plain(hidden, scale, bias) -> jax.Array:
    layer = nn.LayerNorm(use_fast_variance=False)
    normal = layer.apply({"params": {"scale": scale, "bias": bias}}, hidden)
    return nn.relu(jnp.asarray(normal))


@pytest.mark.parametrize("shape", [(FEATURES,), (64, FEATURES), (3, 7, FEATURES)])
def test_values_and_gradients_are_those_of_flax(shape: tuple[int, ...]) -> None:
    hidden = 2.0 + 3.0 * jax.random.normal(KEYS[0], shape)
    weights = jax.random.normal(KEYS[3], shape)  # a different gradient for every output

    def loss_of(function):
        return lambda *arguments: (weights * function(*arguments)).sum()

    def found(function):
        return jax.jit(jax.value_and_grad(loss_of(function), (0, 1, 2)))(hidden, SCALE, BIAS)

    chex.assert_trees_all_close(found(normalised_relu), found(plain), rtol=1e-5, atol=1e-5)


def test_a_batch_of_agents_has_each_agents_own_gradient() -> None:
    hidden = jax.random.normal(KEYS[0], (3, 16, FEATURES))
    scales = SCALE * jnp.array([[1.0], [2.0], [0.5]])

    def gradient(hidden, scale):
        return jax.grad(lambda h, s: jnp.square(normalised_relu(h, s, BIAS)).sum(), (0, 1))(
            hidden, scale
        )

    together, alone = jax.jit(jax.vmap(gradient))(hidden, scales), jax.jit(gradient)
    for agent in range(3):
        mine = jax.tree.map(lambda leaf, agent=agent: leaf[agent], together)
        chex.assert_trees_all_close(mine, alone(hidden[agent], scales[agent]), rtol=1e-5)


def test_a_constant_layer_has_no_infinite_gradient() -> None:
    def loss(hidden):
        return normalised_relu(hidden, SCALE, BIAS).sum()

    assert jnp.isfinite(jax.jit(jax.grad(loss))(jnp.full((4, FEATURES), 3.0))).all()


def test_the_gradient_is_the_slope_of_the_function() -> None:
    hidden = jax.random.normal(KEYS[4], (5, FEATURES))
    check_grads(
        jax.jit(normalised_relu),
        (hidden, SCALE, BIAS),
        order=1,
        modes=["rev"],
        rtol=0.02,
        atol=0.02,
    )
