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


def fit_rule(paths: Paths, inputs: Array) -> Rule:
    """The threshold on one observed number, in either direction, that earned most on these paths.

    Args:
        paths: [H, N], rewards scaled.
        inputs: [H, N, observation_size] scaled observations.
    """
    held = jnp.cumsum(paths.hold, axis=0)
    before = jnp.concatenate([jnp.zeros_like(held[:1]), held[:-1]])
    earned = jnp.concatenate(
        [before + paths.leave, held[-1:]]
    )  # by leaving at each decision, or never

    def try_one(column_and_sign: tuple[Array, Array]) -> _Tried:
        column, sign = column_and_sign
        values = jnp.where(paths.can_leave, sign * inputs[..., column], -jnp.inf)
        highest = jax.lax.cummax(values, axis=0)
        levels = jnp.linspace(-2.5, 2.5, LEVELS)

        def at(level: Array) -> tuple[Array, Array]:
            decision = (highest < level).sum(axis=0)
            result = jnp.take_along_axis(earned, decision[None], axis=0)[0]
            return result.mean(), result.std()

        means, spreads = jax.lax.map(at, levels)
        best = jnp.argmax(means)
        return _Tried(means[best], spreads[best], levels[best])

    size = inputs.shape[-1]
    columns = jnp.tile(jnp.arange(size, dtype=jnp.int32), 2)
    signs = jnp.repeat(jnp.array([1.0, -1.0]), size)
    tried = jax.lax.map(try_one, (columns, signs))
    best = jnp.argmax(tried.mean)
    return Rule(
        columns[best], signs[best], tried.level[best], jnp.maximum(tried.spread[best], 1e-3)
    )
