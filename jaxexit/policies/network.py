"""The learned policy: one shared trunk, a policy head and a value head."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxexit.env.environment import order_from_action
from jaxexit.env.types import ACTIONS, HOLD, Order
from jaxexit.policies.normalised_relu import normalised_relu
from jaxexit.policies.types import Policy, View, stateless

Array = jax.Array

MASKED_LOGIT = -1e9  # finite, so that entropy and KL stay finite; its probability is exactly 0


class NetworkSpec(NamedTuple):
    """Structure of the network: static, hashable."""

    hidden_sizes: tuple[int, ...]
    layer_norm: bool
    initial_hold_probability: float | None = None  # None: all actions alike


class LayerNormRelu(nn.Module):
    """LayerNorm (Ba et al. 2016), then ReLU: `normalised_relu` with its scale and bias."""

    @nn.compact
    def __call__(self, hidden: Array) -> Array:
        """[..., features] -> [..., features]."""
        features = hidden.shape[-1:]
        scale = self.param("scale", nn.initializers.ones, features)
        bias = self.param("bias", nn.initializers.zeros, features)
        return normalised_relu(hidden, scale, bias)


class Head(nn.Module):
    """A dense layer of few outputs, its kernel [outputs, features].

    Stored that way round only for speed: on a CPU the gradient of [features, outputs] is a product of five
    columns, seven times slower. The epochs gain 1.05 to 1.12 (benchmarks/RESULTS.md).
    """

    outputs: int
    gain: float
    bias_init: Callable[..., Array] = nn.initializers.zeros

    @nn.compact
    def __call__(self, hidden: Array) -> Array:
        """[..., features] -> [..., outputs]."""
        shape = (self.outputs, hidden.shape[-1])
        kernel = self.param("kernel", nn.initializers.orthogonal(self.gain), shape)
        bias = self.param("bias", self.bias_init, (self.outputs,))
        return jnp.einsum("...f,of->...o", hidden, kernel) + bias


class ActorCritic(nn.Module):
    """Dense, LayerNorm, ReLU layers; orthogonal initialisation (sqrt 2, heads 0.01 and 1).

    The policy head's bias begins at 0, or where HOLD has `initial_hold_probability` and the other actions
    share the rest: an agent that begins by leaving early never sees what waiting brings.
    """

    hidden_sizes: tuple[int, ...]
    layer_norm: bool
    initial_hold_probability: float | None = None

    @nn.compact
    def __call__(self, observation: Array) -> tuple[Array, Array]:
        """[..., observation_size] -> logits [..., 5] and value [...]."""
        hidden = observation
        for size in self.hidden_sizes:
            hidden = nn.Dense(size, kernel_init=nn.initializers.orthogonal(2.0**0.5))(hidden)
            hidden = LayerNormRelu()(hidden) if self.layer_norm else nn.relu(hidden)
        policy = Head(len(ACTIONS), gain=0.01, bias_init=self._policy_bias, name="policy")
        value = Head(1, gain=1.0, name="value")(hidden)
        return policy(hidden), value[..., 0]

    def _policy_bias(self, key: Array, shape: tuple[int, ...]) -> Array:
        del key
        bias = jnp.zeros(shape)
        hold = self.initial_hold_probability
        if hold is not None:
            bias = bias.at[HOLD].set(math.log(hold * (len(ACTIONS) - 1) / (1.0 - hold)))
        return bias


def make_network(spec: NetworkSpec) -> ActorCritic:
    """The Flax module of a structure."""
    return ActorCritic(*spec)


def forward(spec: NetworkSpec, params: Any, observation: Array) -> tuple[Array, Array]:
    """[..., observation_size] -> logits [..., 5] and value [...]."""
    logits, value = make_network(spec).apply(params, observation)  # type: ignore[misc]
    return jnp.asarray(logits), jnp.asarray(value)


def mask_logits(logits: Array, valid: Array) -> Array:
    """Logits with every invalid action made impossible. [..., 5], [..., 5] bool -> [..., 5]."""
    return jnp.where(valid, logits, MASKED_LOGIT)


@lru_cache(maxsize=32)
def network_policy(spec: NetworkSpec, *, masked: bool, sample: bool = False) -> Policy:
    """The network as a policy of the common type; its params are the network's.

    Args:
        spec: structure of the network.
        masked: guard mode `mask`: forbidden actions are never taken.
        sample: draw from the distribution instead of taking the likeliest action.
    """

    def act(params: Any, state: Any, view: View) -> tuple[Order, Any]:
        logits, _ = forward(spec, params, view.observation)
        if masked:
            logits = mask_logits(logits, view.valid)
        action = jax.random.categorical(view.key, logits) if sample else jnp.argmax(logits)
        return order_from_action(action), state

    return Policy("learned_sampled" if sample else "learned", stateless, act, guarded=True)
