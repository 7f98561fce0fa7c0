"""Which episodes are learned from and which are held out, scaled; and the rule fitted on them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxexit.exact.drift import FOLDS, moments, solve, smoothed
from jaxexit.exact.paths import lay_out
from jaxexit.exact.rule import best_rule, directions, results
from jaxexit.exact.types import ExactSpec, Paths, Rule, Scaling
from jaxexit.learning.types import Task

Array = jax.Array

import os
from jaxexit.exact.paths import reached
WEIGHTED = os.environ.get('WEIGHTED', '0') == '1'
WMIX = float(os.environ.get('WMIX', '.3'))
HELD_OUT = 0.2  # share of the episodes, the last ones, on which the price is chosen
RULE_PARTS = 4  # times `trades` that the rule is fitted on, at most


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


def laid_out(spec: ExactSpec, task: Task, data: Any, update: Array) -> tuple[Paths, Paths, Array]:
    """Paths of `trades` episodes to learn from, of as many / 4 held out; and how many can be learned from.

    The last `HELD_OUT` of the episodes, in order of time, are held out. Those to learn from go round: each
    is seen as often as any other.
    """
    episodes = task.episodes
    assert episodes is not None
    count = episodes(data, jnp.zeros(1, jnp.int32))[1]
    learned = jnp.maximum((count * (1.0 - HELD_OUT)).astype(jnp.int32), 1)
    turns = -(
        -learned // spec.trades
    )  # updates until all have been seen, where they are more than fit
    number = jnp.where(
        learned > spec.trades,
        _spread(jnp.arange(spec.trades) + (update % turns) / turns, spec.trades, learned),
        (update * spec.trades + jnp.arange(spec.trades)) % learned,
    )
    rest = jnp.maximum(count - learned, 1)
    held_out = max(spec.trades // 4, 1)
    later = jnp.minimum(learned + _spread(jnp.arange(held_out), held_out, rest), count - 1)
    draws, _ = episodes(data, jnp.concatenate([number, later]))
    paths = lay_out(task, data, draws, spec.horizon)
    learning = jax.tree.map(lambda leaf: leaf[:, : spec.trades], paths)
    fold = jnp.concatenate([number, later]) * FOLDS // count
    return learning, jax.tree.map(lambda leaf: leaf[:, spec.trades :], paths), learned, fold


def _spread(index: Array, size: int, count: Array) -> Array:
    """`size` places spread evenly over `count` episodes; where these are fewer, round and round."""
    place = (index * jnp.maximum(count / size, 1.0)).astype(jnp.int32)
    return place % count


def fitted_rule(spec: ExactSpec, task: Task, data: Any, scaling: Scaling, inputs: Array):
    """The best rule of one number over `RULE_PARTS` times `trades` episodes, or all where they are fewer."""
    import os
    share = float(os.environ.get("LUCK", "1"))
    episodes = task.episodes
    assert episodes is not None
    count = episodes(data, jnp.zeros(1, jnp.int32))[1]
    tried = directions(inputs, scaling.inverse, task.contrasts)

    def laid(number):
        rows = number * spec.trades + jnp.arange(spec.trades)
        rows = _spread(rows, RULE_PARTS * spec.trades, count)
        draws, _ = episodes(data, rows)
        return *scaled(lay_out(task, data, draws, spec.horizon), scaling), rows * FOLDS // count

    def mom(number):
        p, i, f = laid(number)
        every = p.can_leave.astype(jnp.float32)
        if WEIGHTED:
            meets = reached(p, 0.7 * jax.nn.sigmoid(6.0 * (i @ rule0.direction - rule0.level)))
            every = (1 - WMIX) * meets + WMIX * every * meets.sum() / every.sum()
        return moments(p, i + scaling.mean * scaling.inverse, f, every)

    def first(number):
        p, i, f = laid(number)
        return results(p, i, tried)
    rule0 = best_rule(*(x.mean(axis=0) for x in jax.lax.map(first, jnp.arange(RULE_PARTS))), tried)
    m = jax.tree.map(lambda leaf: leaf.sum(axis=0), jax.lax.map(mom, jnp.arange(RULE_PARTS)))
    weights, r2 = solve(m)
    if os.environ.get("SHOW"):
        jax.debug.print("R2 x1e4 {}", 1e4 * r2)

    def part(number: Array) -> tuple[Array, Array]:
        paths, inputs, fold = laid(number)
        return results(smoothed(paths, inputs + scaling.mean * scaling.inverse, fold, weights, share), inputs, tried)

    mean, square = jax.lax.map(part, jnp.arange(RULE_PARTS))
    return best_rule(mean.mean(axis=0), square.mean(axis=0), tried), weights
