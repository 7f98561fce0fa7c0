"""Episodes in order of time, laid out and scaled; and what is fitted on them before learning begins."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxexit.exact.drift import FOLDS, fitted_drift, moments, without_luck
from jaxexit.exact.paths import lay_out
from jaxexit.exact.rule import best_rule, directions, results
from jaxexit.exact.types import Drift, ExactSpec, Paths, Rule, Scaling
from jaxexit.learning.types import Task

Array = jax.Array

FITTED_PARTS = 4  # times `trades` that drift and rule are fitted on, at most
CHUNK = 128  # of them are laid out at a time


def scaling_of(paths: Paths) -> Scaling:
    """Mean and deviation of what was observed, and the deviation of a bar's reward."""
    weight = paths.alive / paths.alive.sum()
    mean = jnp.einsum("kn,knd->d", weight, paths.observation)
    square = jnp.einsum("kn,knd->d", weight, jnp.square(paths.observation - mean))
    moved = (weight * jnp.square(paths.hold - (weight * paths.hold).sum())).sum()
    return Scaling(
        mean=mean,
        inverse=jnp.where(square > 1e-8, jax.lax.rsqrt(jnp.maximum(square, 1e-8)), 0.0),
        reward=jnp.sqrt(jnp.maximum(moved, 1e-12)),
    )


def scaled(paths: Paths, scaling: Scaling) -> tuple[Paths, Array]:
    """Paths with scaled rewards, and scaled observations."""
    inputs = (paths.observation - scaling.mean) * scaling.inverse
    reward = scaling.reward
    return paths._replace(hold=paths.hold / reward, leave=paths.leave / reward), inputs


def laid_out(spec: ExactSpec, task: Task, data: Any, update: Array) -> tuple[Paths, Array, Array]:
    """Paths of the `trades` episodes of an update, their folds [trades], and how many episodes there are.

    Episodes go round: each is seen as often as any other.
    """
    count = _count(task, data)
    # Updates until all have been seen, where they are more than fit.
    turns = -(-count // spec.trades)
    number = jnp.where(
        count > spec.trades,
        _spread(jnp.arange(spec.trades) + (update % turns) / turns, spec.trades, count),
        (update * spec.trades + jnp.arange(spec.trades)) % count,
    )
    return _paths(spec, task, data, number), number * FOLDS // count, count


def fitted(
    spec: ExactSpec, task: Task, data: Any, scaling: Scaling, inputs: Array, share: Array
) -> tuple[Drift, Rule]:
    """The drift, and the best rule of one number on paths without their luck.

    Of `FITTED_PARTS` times `trades` episodes, or of all where they are fewer.

    Args:
        spec: structure.
        task: with `episodes`.
        data: what the task works on.
        scaling: of observations and rewards.
        inputs: [..., observation_size] scaled observations of some paths, for the rules' scales.
        share: of the luck that is taken off.
    """
    count = _count(task, data)
    first = jnp.arange(FOLDS + 1) * count // FOLDS
    # Of each fold equally many, whole chunks of them; where it has fewer, round and round.
    most = -(-FITTED_PARTS * spec.trades // (FOLDS * CHUNK))
    chunks = jnp.clip(-(-count // (FOLDS * CHUNK)), 1, most)
    tried = directions(inputs, scaling.inverse, task.contrasts)

    def sums(of: Callable[[Paths, Array, Array, Array], Any], fold: Array) -> Any:
        """The mean over a fold's chunks."""

        def chunk(index: Array) -> Any:
            place = _spread(
                index * CHUNK + jnp.arange(CHUNK), chunks * CHUNK, first[fold + 1] - first[fold]
            )
            number = jnp.minimum(first[fold] + place, count - 1)
            paths, inputs = scaled(_paths(spec, task, data, number), scaling)
            return of(paths, inputs, paths.observation * scaling.inverse, jnp.full(CHUNK, fold))

        def add(index: Array, total: Any) -> Any:
            return jax.tree.map(lambda t, leaf: t + leaf / chunks, total, chunk(index))

        zero = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), jax.eval_shape(chunk, jnp.int32(0)))
        return jax.lax.fori_loop(0, chunks, add, zero)

    def by_fold(of: Callable[[Paths, Array, Array, Array], Any]) -> Any:
        return jax.lax.map(partial(sums, of), jnp.arange(FOLDS))

    drift = fitted_drift(*by_fold(lambda paths, _, numbers, fold: moments(paths, numbers)))
    mean, square = by_fold(
        lambda paths, inputs, numbers, fold: results(
            without_luck(paths, numbers, drift, fold, share), inputs, tried
        )
    )
    return drift, best_rule(mean.mean(axis=0), square.mean(axis=0), tried)


def _count(task: Task, data: Any) -> Array:
    assert task.episodes is not None
    return task.episodes(data, jnp.zeros(1, jnp.int32))[1]


def _paths(spec: ExactSpec, task: Task, data: Any, number: Array) -> Paths:
    assert task.episodes is not None
    return lay_out(task, data, task.episodes(data, number)[0], spec.horizon)


def _spread(index: Array, size: int | Array, count: Array) -> Array:
    """`size` places spread evenly over `count` episodes; where these are fewer, round and round."""
    place = (index * jnp.maximum(count / size, 1.0)).astype(jnp.int32)
    return place % jnp.maximum(count, 1)
