"""Episodes in order of time, laid out and scaled; and what is fitted on them before learning begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxexit.exact.drift import (
    FOLDS,
    Moments,
    fitted_drift,
    moments,
    numbers_of,
    without_luck,
)
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

    Episodes go round: in a round of updates each is laid out once or, where they do not divide, twice.
    """
    count = _count(task, data)
    # Updates until all have been seen, where they are more than fit.
    turns = -(-count // spec.trades)
    number = jnp.where(
        count > spec.trades,
        _spread(jnp.arange(spec.trades) + (update % turns + 0.5) / turns, spec.trades, count),
        (update * spec.trades + jnp.arange(spec.trades)) % count,
    )
    return _paths(spec, task, data, number), fold_of(number, count), count


def fitted(
    spec: ExactSpec, task: Task, data: Any, scaling: Scaling, inputs: Array, share: Array
) -> tuple[Drift, Rule]:
    """The drift, and the best rule of one number on paths without their luck.

    Of `FITTED_PARTS` times `trades` episodes (of each fold whole chunks), or of all where they are fewer.

    Args:
        spec: structure.
        task: with `episodes`.
        data: what the task works on.
        scaling: of observations and rewards.
        inputs: [..., observation_size] scaled observations of some paths, for the rules' scales.
        share: of the luck to be removed, at most.
    """
    count = _count(task, data)
    most = -(-FITTED_PARTS * spec.trades // (FOLDS * CHUNK))
    chunks = jnp.clip(-(-count // (FOLDS * CHUNK)), 1, most)
    tried = directions(inputs, scaling.inverse, task.contrasts)

    def part(fold: Array, chunk: Array) -> tuple[Paths, Array, Array]:
        number, weight = members_of_fold(fold, chunk, chunks, count)
        return *scaled(_paths(spec, task, data, number), scaling), weight

    def by_fold(of: Callable[[Array, Array], Any]) -> Any:
        """[FOLDS, ...] sums over a fold's chunks."""

        def sums(fold: Array) -> Any:
            shapes = jax.eval_shape(of, fold, jnp.int32(0))
            zero = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
            return jax.lax.fori_loop(
                0, chunks, lambda chunk, total: jax.tree.map(jnp.add, total, of(fold, chunk)), zero
            )

        return jax.lax.map(sums, jnp.arange(FOLDS))

    def moments_of(fold: Array, chunk: Array) -> Moments:
        paths, inputs, weight = part(fold, chunk)
        return moments(paths, numbers_of(inputs, scaling), weight)

    drift = fitted_drift(by_fold(moments_of), share)

    def results_of(fold: Array, chunk: Array) -> tuple[Array, Array, Array]:
        paths, inputs, weight = part(fold, chunk)
        calm = without_luck(paths, numbers_of(inputs, scaling), drift, jnp.full(CHUNK, fold))
        return *results(calm, inputs, tried, weight), weight.sum()

    earned, square, episodes = (leaf.sum(axis=0) for leaf in by_fold(results_of))
    return drift, best_rule(earned / episodes, square / episodes, tried)


def fold_of(number: Array, count: Array) -> Array:
    """The fold of an episode, by its number, of `count` in order of time."""
    return number * FOLDS // count


def members_of_fold(fold: Array, chunk: Array, chunks: Array, count: Array) -> tuple[Array, Array]:
    """The episodes of one of a fold's chunks, numbers and weights [CHUNK] each.

    They are spread evenly over the fold where it has more than fit; where it has fewer, what is left of a
    chunk has weight 0.
    """
    first, after = (-(-edge * count // FOLDS) for edge in (fold, fold + 1))
    size = after - first
    index = chunk * CHUNK + jnp.arange(CHUNK)
    place = index * jnp.maximum(size / (chunks * CHUNK), 1.0)
    weight = (index < size).astype(jnp.float32)
    return jnp.minimum(first + place.astype(jnp.int32), count - 1), weight


def _count(task: Task, data: Any) -> Array:
    assert task.episodes is not None
    return task.episodes(data, jnp.zeros(1, jnp.int32))[1]


def _paths(spec: ExactSpec, task: Task, data: Any, number: Array) -> Paths:
    assert task.episodes is not None
    return lay_out(task, data, task.episodes(data, number)[0], spec.horizon)


def _spread(index: Array, size: int, count: Array) -> Array:
    """`size` places spread evenly over `count` episodes, which are more."""
    return (index * (count / size)).astype(jnp.int32) % count
