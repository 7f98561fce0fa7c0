"""The best rule of one number, found by trying all: where learning begins, and what it must pay to leave."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.exact.types import Paths, Rule

Array = jax.Array

LEVELS = np.linspace(-2.5, 2.5, 48, dtype=np.float32)
"""Tried of each number, in deviations from its mean."""


def directions(inputs: Array, inverse: Array, contrasts: tuple[tuple[int, int], ...]) -> Array:
    """Every observed number and contrast, either way up, as weights of scaled observations, [2 C, size]."""
    size = inputs.shape[-1]
    rows = [jnp.eye(size)]
    for best, now in contrasts:
        scale = jnp.where(inverse > 0.0, 1.0 / jnp.where(inverse > 0.0, inverse, 1.0), 0.0)
        rows.append((jnp.zeros(size).at[best].add(scale[best]).at[now].add(-scale[now]))[None])
    all_rows = jnp.concatenate(rows)
    deviation = jax.lax.map(lambda row: (inputs @ row).std(), all_rows)
    all_rows = all_rows / jnp.maximum(deviation, 1e-6)[:, None]
    return jnp.concatenate([all_rows, -all_rows])


def earnings(paths: Paths) -> Array:
    """What leaving at each decision earned, or never leaving, [H+1, N]."""
    held = jnp.cumsum(paths.hold, axis=0)
    before = jnp.concatenate([jnp.zeros_like(held[:1]), held[:-1]])
    return jnp.concatenate([before + paths.leave, held[-1:]])


def results(paths: Paths, inputs: Array, tried: Array, weight: Array) -> tuple[Array, Array]:
    """Sum, and sum of squares, of what every rule earned on these paths, [directions, LEVELS] each.

    Args:
        paths: [H, N], rewards scaled.
        inputs: [H, N, observation_size] scaled observations.
        tried: [directions, observation_size].
        weight: [N] of each episode.
    """
    earned = earnings(paths)

    def along(direction: Array) -> tuple[Array, Array]:
        values = jnp.where(paths.can_leave, inputs @ direction, -jnp.inf)
        highest = jax.lax.cummax(values, axis=0)

        def at(level: Array) -> tuple[Array, Array]:
            decision = (highest < level).sum(axis=0)
            result = jnp.take_along_axis(earned, decision[None], axis=0)[0]
            return weight @ result, weight @ jnp.square(result)

        return jax.lax.map(at, LEVELS)

    return jax.lax.map(along, tried)


def best_rule(mean: Array, square: Array, tried: Array) -> Rule:
    """The rule that earned most, by mean and mean square [directions, LEVELS] of what each one earned."""
    direction, level = jnp.unravel_index(jnp.argmax(mean), mean.shape)
    best = mean[direction, level]
    variance = jnp.maximum(square[direction, level] - best**2, 1e-6)
    return Rule(tried[direction], jnp.asarray(LEVELS)[level], jnp.sqrt(variance))
