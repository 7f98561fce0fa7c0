"""Several small networks side by side; their mean is one network of plain layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxexit.exact.types import ExactSpec, Scaling
from jaxexit.policies import MASKED_LOGIT, network_params

Array = jax.Array

OUTPUT_GAIN = 0.01


def initial_members(
    spec: ExactSpec, observation_size: int, key: Array
) -> list[tuple[Array, Array]]:
    """Kernel [members, inputs, outputs] and bias [members, 1, outputs] of each layer (He et al. 2015)."""
    layers, inputs = [], observation_size
    sizes = (*spec.hidden_sizes, 1)
    for size, of_layer in zip(sizes, jax.random.split(key, len(sizes)), strict=True):
        gain = OUTPUT_GAIN if len(layers) == len(spec.hidden_sizes) else math.sqrt(2.0 / inputs)
        kernel = gain * jax.random.normal(of_layer, (spec.members, inputs, size))
        layers.append((kernel, jnp.zeros((spec.members, 1, size))))
        inputs = size
    return layers


def advantage_of_each(members: Sequence[tuple[Array, Array]], inputs: Array) -> Array:
    """[members, M, observation_size], or [M, observation_size] for all, -> [members, M]."""
    hidden = inputs
    for i, (kernel, bias) in enumerate(members):
        hidden = (jax.nn.relu(hidden) if i else hidden) @ kernel + bias
    return hidden[..., 0]


def as_network(
    members: Sequence[tuple[Array, Array]],
    scaling: Scaling,
    temperature: Array,
    actions: tuple[int, ...],
) -> Any:
    """The members' mean as the parameters of one `policies.network` of `members` times the units.

    Its value is the expected reward of holding over leaving; the logit of stopping is that over the
    temperature, negated; of continuing 0; every other action is impossible.

    Args:
        members: their parameters.
        scaling: of observations and rewards; it becomes part of the first and last layer.
        temperature: of the decision, in units of `scaling.reward`.
        actions: number of actions, the one that continues, the one that stops.
    """
    num_actions, go_on, stop = actions
    kernel, bias = members[0]
    first = scaling.inverse[:, None] * kernel
    bias = bias - (scaling.mean[None, None] @ first)
    hidden = [(jnp.concatenate(list(first), axis=-1), bias.ravel())]
    for kernel, bias in members[1:-1]:
        blocks = jax.scipy.linalg.block_diag(*kernel)
        hidden.append((blocks, bias.ravel()))
    kernel, bias = members[-1]
    mean, shift = kernel[..., 0].ravel() / len(kernel), bias.mean()
    logits = jnp.zeros((num_actions, mean.shape[0])).at[stop].set(-mean / temperature)
    impossible = jnp.full(num_actions, MASKED_LOGIT).at[go_on].set(0.0)
    return network_params(
        hidden,
        policy=(logits, impossible.at[stop].set(-shift / temperature)),
        value=(scaling.reward * mean[None], scaling.reward * shift[None]),
    )
