"""Leave a Brownian path nearest to its final maximum: smallest E (B_tau - S_1)^2, S_1 its maximum.

S. Graversen, G. Peskir and A. Shiryaev (2000), Stopping Brownian motion without anticipation as close as
possible to its ultimate maximum, Theory of Probability and its Applications 45: in continuous time it is
best to leave when the distance below the running maximum first reaches z* sqrt(1 - t), 4 Phi(z*) - 2 z*
phi(z*) = 3, z* = 1.12281, and the smallest expected square (not its root) is 2 Phi(z*) - 1 = 0.73848.

Here one leaves at equally spaced dates; the maximum is of the whole path, also between them. The distance y
= S_t - B_t is then Markov and moves as |y + e|, e normal of the interval's variance (Levy: it is a
reflected Brownian motion), so that nothing is approximated but by the fewer dates. The payoff is the
conditional expectation of the square given (t, y): M, the maximum of what follows, has the law of |N(0, 1 -
t)|, and S_1 - B_t = max(y, M).
"""

from __future__ import annotations

import math
from functools import lru_cache, partial
from statistics import NormalDist
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm
from scipy.optimize import brentq  # pyright: ignore[reportMissingTypeStubs]
from scipy.special import ndtr  # pyright: ignore[reportMissingTypeStubs]

from jaxexit.truth.published.lattice import normal_weights
from jaxexit.truth.published.problem import PathsOfProblem, Problem
from jaxexit.truth.published.strata import normals

Array = jax.Array

DATES = 100
SOURCE = "Graversen, Peskir and Shiryaev 2000; at these dates by dynamic programming"
CELLS = 8  # of the grid of distances to one standard deviation of a step
REACH = 6.0  # the largest distance of the grid


@lru_cache
def threshold() -> tuple[float, float]:
    """z* and the value 2 Phi(z*) - 1 of continuous time."""
    law = NormalDist()
    z: Any = brentq(lambda z: 4 * law.cdf(z) - 2 * z * law.pdf(z) - 3, 0.5, 2.0)
    return z, 2 * law.cdf(z) - 1


def expected_square(distance: Array, left: Array) -> Array:
    """E[(S_1 - B_t)^2 | y] = y^2 (2 Phi(u) - 1) + 2 (1 - t) (u phi(u) + 1 - Phi(u)), u = y / sqrt(1 - t).

    Args:
        distance: y, below the running maximum.
        left: 1 - t, broadcasts with `distance`.
    """
    root = jnp.sqrt(jnp.maximum(left, 1e-12))
    u = distance / root
    far = 2 * norm.cdf(u) - 1
    return distance**2 * far + 2 * left * (u * norm.pdf(u) + norm.sf(u))


@lru_cache
def maximum(dates: int = DATES) -> Problem:
    """The problem with so many dates after the first; its published value is that of its own dates.

    Args:
        dates: at 1 / dates, ..., 1; one may also leave at 0.
    """
    return Problem(
        name=f"maximum-{dates}",
        family="maximum",
        published=optimum(dates),
        lower=threshold()[1],
        upper=None,
        source=SOURCE,
        dates=dates,
        first=0,
        forced=True,
        minimised=True,
        simulate=partial(_simulate, dates),
        onward=partial(_onward, dates),
    )


def _simulate(dates: int, key: Array, paths: int) -> PathsOfProblem:
    def step(distance: Array, shock: Array) -> tuple[Array, Array]:
        after = jnp.abs(distance + shock)
        return after, after

    shocks = jax.random.normal(key, (dates, paths)) / math.sqrt(dates)
    _, after = jax.lax.scan(step, jnp.zeros(paths), shocks)
    distance = jnp.concatenate([jnp.zeros((1, paths)), after]).T
    payoff = expected_square(distance, 1.0 - jnp.arange(dates + 1) / dates)
    return PathsOfProblem(distance[..., None], payoff, distance[..., None])


def _onward(
    dates: int, key: Array, state: Array, date: Array, successors: int
) -> tuple[Array, Array, Array]:
    shocks = normals(key, state.shape[0], successors)[..., 0] / math.sqrt(dates)
    after = jnp.abs(state + shocks)
    payoff = expected_square(after, 1.0 - (date + 1) / dates)
    return after[..., None], payoff, after[..., None]


@lru_cache
def optimum(dates: int = DATES, *, cells: int = CELLS) -> float:
    """Smallest expected square at these dates, by dynamic programming on a grid of distances.

    Args:
        dates: as of `maximum`.
        cells: of the grid to one standard deviation of a step; the error is of order 1 / cells^2.
    """
    return _backward(dates, cells, None)


@lru_cache
def of_rule(dates: int = DATES, *, cells: int = CELLS) -> float:
    """Expected square of the rule of continuous time, distance z* sqrt(1 - t), at these dates only."""
    return _backward(dates, cells, threshold()[0])


def _backward(dates: int, cells: int, z: float | None) -> float:
    """By dynamic programming; with a z, of the rule that leaves at z sqrt(1 - t)."""
    deviation = 1.0 / math.sqrt(dates)
    grid = np.arange(round(REACH / deviation * cells) + 1) * (deviation / cells)
    both = np.concatenate([-grid[:0:-1], grid])  # |y + e|: its law on the whole line, folded
    whole = normal_weights(both, grid, deviation)
    weights = whole[:, len(grid) - 1 :].copy()
    weights[:, 1:] += whole[:, len(grid) - 2 :: -1]
    weights /= weights.sum(1, keepdims=True)
    value = grid**2
    for date in range(dates - 1, -1, -1):
        left = 1.0 - date / dates
        u = grid / math.sqrt(left)
        density = np.exp(-(u**2) / 2) / math.sqrt(2 * math.pi)
        now = grid**2 * (2 * ndtr(u) - 1) + 2 * left * (u * density + ndtr(-u))
        later = weights @ value
        value = np.minimum(now, later) if z is None else np.where(u >= z, now, later)
    return float(value[0])
