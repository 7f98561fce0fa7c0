"""The best rule of one number, found by trying all: where learning begins, and what it must pay to leave."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxexit.exact.types import Paths, Rule

Array = jax.Array

LEVELS = 48  # tried of each number and direction


class _Tried(NamedTuple):
    """The best level of one number and direction. Scalars."""

    mean: Array
    spread: Array
    level: Array


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


def fit_rule(
    paths: Paths, inputs: Array, inverse: Array, contrasts: tuple[tuple[int, int], ...]
) -> Rule:
    """The threshold on one number, in either direction, that earned most on these paths.

    Args:
        paths: [H, N], rewards scaled.
        inputs: [H, N, observation_size] scaled observations.
        inverse: [observation_size] of the scaling.
        contrasts: see `learning.Task`.
    """
    earned = earnings(paths)

    def try_one(direction: Array) -> _Tried:
        values = inputs @ direction
        values = jnp.where(paths.can_leave, values, -jnp.inf)
        highest = jax.lax.cummax(values, axis=0)
        center = (inputs.mean(axis=(0, 1)) * direction).sum()
        levels = center + jnp.linspace(-2.5, 2.5, LEVELS)

        def at(level: Array) -> tuple[Array, Array]:
            decision = (highest < level).sum(axis=0)
            result = jnp.take_along_axis(earned, decision[None], axis=0)[0]
            return result.mean(), result.std()

        means, spreads = jax.lax.map(at, levels)
        best = jnp.argmax(means)
        return _Tried(means[best], spreads[best], levels[best])

    tried_directions = directions(inputs, inverse, contrasts)
    tried = jax.lax.map(try_one, tried_directions)
    best = jnp.argmax(tried.mean)
    return Rule(tried_directions[best], tried.level[best], jnp.maximum(tried.spread[best], 1e-3))
