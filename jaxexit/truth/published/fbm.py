"""Stop a fractional Brownian motion where it is highest: sup E X_tau, a costless trade that needs memory.

S. Becker, P. Cheridito and A. Jentzen (2019), Deep optimal stopping, Journal of Machine Learning Research
20(74), section 4.3: X is Gaussian with mean 0 and covariance (s^2H + t^2H - |t - s|^2H) / 2, stopped at 0,
1/100, ..., 1. H = 1/2 is Brownian motion, worth nothing; at H = 1 the path is a straight line whose sign
shows at the first date, worth 0.99 / sqrt(2 pi). Elsewhere all of the past counts. Simulation is exact:
independent normals times the Cholesky factor of the increments' covariance, and one step onward by the
regression of the next increment on all earlier ones.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.truth.published.problem import PathsOfProblem, Problem
from jaxexit.truth.published.strata import normals

Array = jax.Array

DATES = 100
EXPONENTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
ESTIMATES = {
    0.1: (1.048, 1.049),
    0.2: (0.658, 0.658),
    0.3: (0.369, 0.370),
    0.4: (0.155, 0.156),
    0.6: (0.115, 0.117),
    0.7: (0.206, 0.207),
    0.8: (0.276, 0.277),
    0.9: (0.336, 0.337),
}
"""By H: their lower bound and their point estimate, which is half-way to their upper bound.

At 1/2 and at 1 the value is known. The point estimates are those that C. Herrera, F. Krach, P. Ruyssen and J.
Teichmann (2024), Optimal stopping via randomized neural networks, compare their own method with."""
SOURCE = "Becker, Cheridito and Jentzen 2019, section 4.3"


class Increments(NamedTuple):
    """The law of the increments, each of variance 1 (the path's are DATES^-H of these)."""

    cholesky: np.ndarray
    """[D, D] of their covariance."""
    regression: np.ndarray
    """[D, D] row n: the mean of increment n + 1 of the n before it, the latest first; zeros after them."""
    deviation: np.ndarray
    """[D] of increment n + 1 given the n before it."""


@lru_cache
def increments(exponent: float, dates: int) -> Increments:
    """Of a fractional Brownian motion at equally spaced dates: Durbin and Levinson's recursion.

    Args:
        exponent: H, above 0, at most 1.
        dates: D.
    """
    lag = np.arange(dates + 1.0)
    power = 2 * exponent
    covariance = (np.abs(lag + 1) ** power - 2 * lag**power + np.abs(lag - 1) ** power) / 2
    regression, variance = np.zeros((dates, dates)), np.ones(dates)
    for n in range(1, dates):
        before = regression[n - 1, : n - 1]
        left = covariance[n] - before @ covariance[n - 1 : 0 : -1]
        if variance[n - 1] > 1e-12:  # at H = 1 the first increment decides all
            partial = left / variance[n - 1]
            regression[n, : n - 1] = before - partial * before[::-1]
            regression[n, n - 1] = partial
            variance[n] = variance[n - 1] * (1 - partial**2)
        else:
            regression[n, : n - 1], variance[n] = before, 0.0
    deviation = np.sqrt(np.maximum(variance, 0.0))
    cholesky = np.zeros((dates, dates))
    for n in range(dates):
        cholesky[n] = regression[n, :n] @ cholesky[:n][::-1] if n else 0.0
        cholesky[n, n] = deviation[n]
    return Increments(cholesky, regression, deviation)


def fbm(exponent: float) -> Problem:
    """The problem of one H.

    Args:
        exponent: H, above 0, at most 1.
    """
    return _fbm(round(float(exponent), 6), DATES)


@lru_cache
def _fbm(exponent: float, dates: int) -> Problem:
    law = increments(exponent, dates)
    unit = dates**-exponent  # standard deviation of the path's increments
    ago = np.arange(dates + 1)[:, None] - 1 - np.arange(dates - 1)  # which increment is so long ago
    held = ago >= 1  # the very first one is the path's level less all others

    def simulate(key: Array, paths: int) -> PathsOfProblem:
        normals = jax.random.normal(key, (paths, dates))
        steps = jnp.dot(
            normals, jnp.asarray(law.cholesky.T, jnp.float32), precision=jax.lax.Precision.HIGHEST
        )
        level = unit * jnp.cumsum(steps, axis=1)
        level = jnp.concatenate([jnp.zeros((paths, 1)), level], axis=1)
        latest = jnp.where(held, steps[:, np.maximum(ago, 0)], 0.0)
        state = jnp.concatenate([level[..., None], latest], axis=-1)
        return PathsOfProblem(state, level, state)

    def onward(
        key: Array, state: Array, date: Array, successors: int
    ) -> tuple[Array, Array, Array]:
        level, latest = state[:, 0], state[:, 1:]
        oldest = level / unit - latest.sum(axis=1)
        weights = jnp.asarray(law.regression, jnp.float32)[date]
        mean = latest @ weights[:-1] + oldest * jnp.where(date > 0, weights[date - 1], 0.0)
        shocks = normals(key, state.shape[0], successors)[..., 0]
        step = mean[:, None] + jnp.asarray(law.deviation, jnp.float32)[date] * shocks
        after = level[:, None] + unit * step
        kept = jnp.broadcast_to(latest[:, None, :-1], (*step.shape, dates - 2))
        first = jnp.where(date > 0, step, 0.0)
        later = jnp.concatenate([after[..., None], first[..., None], kept], axis=-1)
        return later, after, later

    value = _exact(exponent, dates)
    lower, estimate = ESTIMATES.get(exponent, (value, value))
    return Problem(
        name=f"fbm-{exponent:g}",
        family="fbm",
        published=estimate,
        lower=lower,
        upper=estimate,
        source=SOURCE if value is None else f"{SOURCE}; exact",
        dates=dates,
        first=0,
        forced=True,
        minimised=False,
        simulate=simulate,
        onward=onward,
    )


def _exact(exponent: float, dates: int) -> float | None:
    """The two values that are known."""
    if exponent == 0.5:
        return 0.0
    return (1 - 1 / dates) / math.sqrt(2 * math.pi) if exponent == 1.0 else None


def problems() -> tuple[Problem, ...]:
    """Ten of their rows: H = 0.1, 0.2, ..., 1."""
    return tuple(fbm(exponent) for exponent in EXPONENTS)
