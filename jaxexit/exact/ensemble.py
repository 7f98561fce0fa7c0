"""Several small networks side by side; their mean, on top of a rule, is one network of plain layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxexit.exact.types import ExactParams, ExactSpec, Rule, Scaling
from jaxexit.policies import MASKED_LOGIT, network_params

Array = jax.Array

OUTPUT_GAIN = 0.01
OUTPUTS = 2  # what holding is worth over leaving; the logit by which leaving departs from the rule
RULE_UNITS = 2  # of each hidden layer: they carry the rule's logits past it
MOST = 8.0  # logits by which the rule leaves or holds, at most

Members = Sequence[tuple[Array, Array]]


def initial_members(spec: ExactSpec, observation_size: int, key: Array) -> Members:
    """Kernel [members, inputs, outputs] and bias [members, 1, outputs] of each layer (He et al. 2015)."""
    layers, inputs, count = [], observation_size, spec.prices * spec.members
    sizes = (*spec.hidden_sizes, OUTPUTS)
    for size, of_layer in zip(sizes, jax.random.split(key, len(sizes)), strict=True):
        gain = OUTPUT_GAIN if len(layers) == len(spec.hidden_sizes) else math.sqrt(2.0 / inputs)
        kernel = gain * jax.random.normal(of_layer, (count, inputs, size))
        layers.append((kernel, jnp.zeros((count, 1, size))))
        inputs = size
    return layers


def outputs_of_each(members: Members, inputs: Array) -> tuple[Array, Array]:
    """[members, M, observation_size], or [M, observation_size] for all -> two times [members, M].

    Returns:
        (advantage of holding over leaving, in scaled reward; departure from the rule, logits).
    """
    hidden = inputs
    for i, (kernel, bias) in enumerate(members):
        hidden = (jax.nn.relu(hidden) if i else hidden) @ kernel + bias
    return hidden[..., 0], hidden[..., 1]


def rule_logit(hyper: ExactParams, rule: Rule, inputs: Array) -> Array:
    """The logit by which the rule leaves, held between -MOST and MOST: [..., size] -> [...]."""
    return jnp.clip(hyper.sharpness * rule.margin(inputs), -MOST, MOST)


def leaving_logit(
    hyper: ExactParams, anchor: Array, margin: Array, expected: Array, departure: Array
) -> Array:
    """The logit of leaving: the rule's, or where the price is 0 that of what is expected; and the departure.

    Args:
        hyper: its temperature.
        anchor: the price; broadcasts like the others.
        margin: the rule's logit, held between -MOST and MOST.
        expected: advantage of holding.
        departure: of the members.
    """
    return jnp.where(anchor == 0.0, -expected / hyper.temperature, margin) + departure


def as_network(
    members: Members,
    scaling: Scaling,
    rule: Rule,
    hyper: ExactParams,
    actions: tuple[int, ...],
) -> Any:
    """Rule and members as the parameters of one `policies.network` of all their units.

    Its value is the expected reward of holding over leaving; the logit of stopping is the mean of the
    members' (`leaving_logit`), of continuing 0; every other action is impossible.

    Args:
        members: their parameters, as many of each price.
        scaling: of observations and rewards; it becomes part of the first and last layer.
        rule: its logits are carried past the hidden layers by `RULE_UNITS` units: relu(m + MOST) -
            relu(m - MOST) - MOST is m held between -MOST and MOST.
        hyper: prices, sharpness and temperature.
        actions: number of actions, the one that continues, the one that stops.
    """
    num_actions, go_on, stop = actions
    kernel, bias = members[0]
    first = jnp.concatenate(list(kernel), axis=-1)
    carried = hyper.sharpness * rule.direction[:, None] * jnp.ones(RULE_UNITS)
    first = scaling.inverse[:, None] * jnp.concatenate([first, carried], axis=-1)
    ramp = jnp.array([MOST, -MOST]) - hyper.sharpness * rule.level
    hidden = [(first, jnp.concatenate([bias.ravel(), ramp]) - scaling.mean @ first)]
    for kernel, bias in members[1:-1]:
        blocks = jax.scipy.linalg.block_diag(*kernel, jnp.eye(RULE_UNITS))
        hidden.append((blocks, jnp.concatenate([bias.ravel(), jnp.zeros(RULE_UNITS)])))

    kernel, bias = members[-1]  # [members, units, OUTPUTS], [members, 1, OUTPUTS]
    count, bias = len(kernel), bias[:, 0]
    free = jnp.repeat(hyper.anchor == 0.0, count // len(hyper.anchor)).astype(jnp.float32)
    by_expectation = free / hyper.temperature
    of_rule = (1.0 - free).mean()
    departure = (kernel[..., 1] - by_expectation[:, None] * kernel[..., 0]).ravel() / count
    departure = jnp.concatenate([departure, of_rule * jnp.array([1.0, -1.0])])
    start = (bias[:, 1] - by_expectation * bias[:, 0]).mean() - of_rule * MOST
    logits = jnp.zeros((num_actions, departure.shape[0])).at[stop].set(departure)
    impossible = jnp.full(num_actions, MASKED_LOGIT, jnp.float32).at[go_on].set(0.0)
    worth = jnp.concatenate([kernel[..., 0].ravel() / count, jnp.zeros(RULE_UNITS)])
    return network_params(
        hidden,
        policy=(logits, impossible.at[stop].set(start)),
        value=(scaling.reward * worth[None], scaling.reward * bias[:, 0].mean()[None]),
    )
