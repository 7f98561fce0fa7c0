"""What a learned policy gets on fresh paths: the lower bound of a published problem's value."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.arrays import key_of
from jaxexit.truth.published.learning import Learned
from jaxexit.truth.published.problem import Problem, Stops
from jaxexit.truth.published.task import earned_of

Array = jax.Array

CHUNK = 8192  # paths at once
OTHERS = 4  # times as many paths tell the controls' means
CONTROLS = 8  # dates whose payoffs are among the controls


class Valued(NamedTuple):
    """The mean over fresh paths of what a policy gets, in the payoff's sign."""

    value: float
    error: float  # standard error
    paths: int


def _controls(problem: Problem, earned: Array) -> Array:
    """[N, D + 1] -> [N, C] of each path: payoffs at some dates, and the best in hindsight by some dates."""
    first, last = problem.first, problem.dates
    dates = np.unique(np.linspace(max(first, 1), last, CONTROLS).astype(int))
    best = jax.lax.cummax(earned[:, first:], axis=1)
    best = best[:, np.unique(np.linspace(1, last - first, CONTROLS // 2).astype(int))]
    return jnp.concatenate([earned[:, dates], best], axis=1)


@partial(jax.jit, static_argnames="problem")
def _played(problem: Problem, stops: Stops, key: Array) -> tuple[Array, Array]:
    """[CHUNK] what the greedy policy earns on fresh paths, and their controls [CHUNK, C]."""
    paths = problem.simulate(key, CHUNK)
    earned, dates = earned_of(problem, paths), problem.dates

    def at(date: Array) -> Array:
        return stops(paths.observed[:, date], paths.payoff[:, date], date)

    stopped = jax.lax.map(at, jnp.arange(problem.first, dates))  # [D - first, N]
    when = jnp.where(stopped.any(axis=0), problem.first + jnp.argmax(stopped, axis=0), dates)
    return jnp.take_along_axis(earned, when[:, None], axis=1)[:, 0], _controls(problem, earned)


@partial(jax.jit, static_argnames="problem")
def _others(problem: Problem, key: Array) -> Array:
    """[CHUNK, C] the controls of more paths."""
    return _controls(problem, earned_of(problem, problem.simulate(key, CHUNK)))


def valued(
    learned: Learned,
    seed: int,
    paths: int,
    on_chunk: Callable[[int, int], None] = lambda done, total: None,
) -> Valued:
    """Play the greedy policy on fresh paths: a lower bound (of a cost: an upper one) but for its error.

    The payoffs at some dates and the best one in hindsight are control variates: their means come from
    `OTHERS` times as many paths, on which nothing is decided; the error counts what both leave open.

    Args:
        learned: what.
        seed: of the paths; none was trained on.
        paths: how many, rounded up to whole chunks.
        on_chunk: called with (chunks done, chunks in all).
    """
    problem = learned.problem
    own, other = jax.random.split(jax.random.fold_in(key_of(seed), 2**31))
    chunks, stops = -(-paths // CHUNK), learned.stops
    earned, controls = [], []
    for number in range(chunks):
        played = _played(problem, stops, jax.random.fold_in(own, number))
        earned.append(np.asarray(played[0], np.float64))
        controls.append(np.asarray(played[1], np.float64))
        on_chunk(number + 1, chunks * 2)
    got, seen = np.concatenate(earned), np.concatenate(controls)
    scale = np.maximum(seen.std(axis=0), 1e-9)
    centred = (seen - seen.mean(axis=0)) / scale
    weights = np.linalg.lstsq(centred, got - got.mean(), rcond=1e-8)[0] / scale
    more = chunks * OTHERS
    predicted = []
    for number in range(more):
        table = np.asarray(_others(problem, jax.random.fold_in(other, number)), np.float64)
        predicted.append(table @ weights)
        on_chunk(chunks + (number + 1) // OTHERS, chunks * 2)
    elsewhere, rest = np.concatenate(predicted), got - seen @ weights
    value = rest.mean() + elsewhere.mean()
    variance = rest.var(ddof=1) / len(rest) + elsewhere.var(ddof=1) / len(elsewhere)
    return Valued(problem.sign * float(value), float(np.sqrt(variance)), len(got))
