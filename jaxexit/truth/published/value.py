"""What a learned policy gets on fresh paths: the lower bound of a published problem's value."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.truth.published.dual import in_batches, martingale
from jaxexit.truth.published.problem import Continuation, Problem, Stops

Array = jax.Array


class Valued(NamedTuple):
    """The mean over fresh paths of what a policy gets, in the payoff's sign."""

    value: float
    error: float  # standard error
    paths: int


@partial(jax.jit, static_argnums=(0, 4, 5))
def _played(
    problem: Problem, stops: Stops, continuation: Continuation, key: Array, paths: int, inner: int
) -> Array:
    """[paths] what the policy earns on fresh paths, less what these brought unforeseen."""
    of_paths, of_successors = jax.random.split(key)
    simulated = problem.simulate(of_paths, paths)

    def at(date: Array) -> Array:
        return stops(simulated.observed[:, date], simulated.payoff[:, date], date)

    stopped = jax.lax.map(at, jnp.arange(problem.first, problem.dates))  # [D - first, N]
    when = problem.first + jnp.argmax(stopped, axis=0)
    when = jnp.where(stopped.any(axis=0), when, problem.dates)
    luck = martingale(problem, continuation, of_successors, simulated, inner)
    left = problem.earned(simulated) - luck
    return jnp.take_along_axis(left, when[:, None], axis=1)[:, 0]


def valued(
    problem: Problem,
    stops: Stops,
    continuation: Continuation,
    key: Array,
    paths: int,
    inner: int,
    on_batch: Callable[[int, int], None] = lambda done, total: None,
) -> Valued:
    """Play a policy on fresh paths: a lower bound (of a cost: an upper one) but for its error.

    The martingale of the dual bound is taken off each result. Its mean is 0 wherever a policy stops that does
    not know the future, so the value is the same, and what is left varies little where the continuation is
    nearly right (Andersen and Broadie 2004).

    Args:
        problem: which.
        stops: the policy.
        continuation: of the martingale; any will do.
        key: of paths that neither was fitted on.
        paths: how many, rounded up to whole batches.
        inner: successors of each date.
        on_batch: called with (batches done, batches in all).
    """
    by_path = partial(_played, problem, stops, continuation)
    seen = in_batches(problem, by_path, key, paths, inner, on_batch)
    error = float(seen.std(ddof=1) / np.sqrt(len(seen)))
    return Valued(problem.sign * float(seen.mean()), error, len(seen))
