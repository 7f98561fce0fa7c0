"""Leaving a trade whose price reverts: 25 problems of Carr and Lopez de Prado, with the optimum.

P. Carr and M. Lopez de Prado (2014), Determining optimal trading rules without backtesting
(arXiv:1408.1159): the result P of a trade begins at 0 and follows P' = (1 - phi) F + phi P + sigma e, phi =
2^(-1 / half-life), e standard normal; F is the forecast. They leave at a profit target or a stop from a
mesh, and after 100 bars in any case (their printed program after 101). Here nothing is simulated: the
mesh's moments and the optimum are computed.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtr  # pyright: ignore[reportMissingTypeStubs]

from jaxexit.truth.published.lattice import normal_weights
from jaxexit.truth.published.problem import PathsOfProblem, Problem
from jaxexit.truth.published.strata import normals

Array = jax.Array

FORECASTS = (10.0, 5.0, 0.0, -5.0, -10.0)
HALF_LIVES = (5.0, 10.0, 25.0, 50.0, 100.0)
SIGMA, BARS = 1.0, 100
MESH = np.arange(0.5, 10.01, 0.5)  # their targets, and their stops
SOURCE = "Carr and Lopez de Prado 2014; optimum by dynamic programming"
NODES = 48  # of Gauss and Legendre between a stop and a target: their distance is at most 20 sigma
EDGE, WIDTH = 45.0, 0.1  # of the grid of results: six standard deviations of the longest memory


class Mesh(NamedTuple):
    """What their rules come to: [20 targets, 20 stops], of one problem."""

    mean: np.ndarray
    deviation: np.ndarray

    @property
    def sharpe(self) -> np.ndarray:
        """Mean over standard deviation, what they choose by."""
        return self.mean / self.deviation


def ou(forecast: float, half_life: float) -> Problem:
    """The problem of one forecast and half-life; its published value is the optimum of the mean result.

    Args:
        forecast: F, the level to which the result reverts.
        half_life: in bars.
    """
    return _ou(float(forecast), float(half_life))


@lru_cache
def _ou(forecast: float, half_life: float) -> Problem:
    phi, pull = _recursion(forecast, half_life)

    def simulate(key: Array, paths: int) -> PathsOfProblem:
        noise = SIGMA * jax.random.normal(key, (BARS, paths))

        def step(result: Array, shock: Array) -> tuple[Array, Array]:
            after = pull + phi * result + shock
            return after, after

        _, after = jax.lax.scan(step, jnp.zeros(paths), noise)
        results = jnp.concatenate([jnp.zeros((1, paths)), after]).T
        return PathsOfProblem(results[..., None], results, results[..., None])

    def onward(
        key: Array, state: Array, date: Array, successors: int
    ) -> tuple[Array, Array, Array]:
        del date
        shock = SIGMA * normals(key, state.shape[0], successors)[..., 0]
        after = pull + phi * state + shock
        return after[..., None], after, after[..., None]

    return Problem(
        name=f"ou-{forecast:g}-{half_life:g}",
        family="ou",
        published=optimum(forecast, half_life),
        lower=None,
        upper=None,
        source=SOURCE,
        dates=BARS,
        first=1,
        forced=True,
        minimised=False,
        simulate=simulate,
        onward=onward,
    )


def problems() -> tuple[Problem, ...]:
    """The 25 of their table, by forecast, then half-life."""
    return tuple(ou(forecast, life) for forecast in FORECASTS for life in HALF_LIVES)


@lru_cache
def optimum(forecast: float, half_life: float, *, width: float = WIDTH) -> float:
    """Largest expected result of any rule that leaves at bars 1 to 100, by dynamic programming on a grid.

    Args:
        forecast: F.
        half_life: in bars.
        width: of the grid from -45 to 45; the error is of order width^2.
    """
    phi, pull = _recursion(forecast, half_life)
    grid = np.arange(-round(EDGE / width), round(EDGE / width) + 1) * width
    weights = normal_weights(grid, pull + phi * grid, SIGMA)
    weights /= weights.sum(1, keepdims=True)
    value = grid
    for _ in range(BARS - 1):
        value = np.maximum(grid, weights @ value)
    return float(normal_weights(grid, np.array([pull]), SIGMA)[0] @ value)


@lru_cache
def mesh(forecast: float, half_life: float) -> Mesh:
    """Mean and standard deviation of every rule of their mesh, by quadrature of the surviving density.

    Between stop and target the density of the trades still open is carried on Gauss and Legendre nodes;
    what leaves in a bar has the closed moments of a normal law's two tails. A stop is left at the price
    that passed it, as in their program.

    Args:
        forecast: F.
        half_life: in bars.
    """
    phi, pull = _recursion(forecast, half_life)
    points, quadrature = np.polynomial.legendre.leggauss(NODES)
    target, stop = (side.ravel()[:, None] for side in np.meshgrid(MESH, MESH, indexing="ij"))
    nodes = (target - stop) / 2 + (target + stop) / 2 * points  # [400, NODES]
    quadrature = (target + stop) / 2 * quadrature
    means = pull + phi * nodes
    onward = normal_density(nodes[:, None, :] - means[:, :, None]) * quadrature[:, :, None]
    first, second = _outside(means, target, stop)
    start = np.full((len(nodes), 1), pull)
    at_once, squared = _outside(start, target, stop)
    mean, square = at_once[:, 0], squared[:, 0]
    density = normal_density(nodes - start)
    for _ in range(BARS - 1):
        open_still = density * quadrature
        mean = mean + (open_still * first).sum(1)
        square = square + (open_still * second).sum(1)
        density = np.matmul(density[:, None, :], onward)[:, 0]
    mean = mean + (density * quadrature * nodes).sum(1)
    square = square + (density * quadrature * nodes**2).sum(1)
    shape = (len(MESH), len(MESH))
    return Mesh(mean.reshape(shape), np.sqrt(square - mean**2).reshape(shape))


def normal_density(distance: np.ndarray) -> np.ndarray:
    """Of a bar's shock."""
    return np.exp(-((distance / SIGMA) ** 2) / 2) / (SIGMA * math.sqrt(2 * math.pi))


def _recursion(forecast: float, half_life: float) -> tuple[float, float]:
    """phi, and (1 - phi) F."""
    phi = 2.0 ** (-1.0 / half_life)
    return phi, (1.0 - phi) * forecast


def _outside(
    means: np.ndarray, target: np.ndarray, stop: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """E[P; left] and E[P^2; left] of a normal P around `means`, left being P >= target or P <= -stop."""
    high, low = (target - means) / SIGMA, (-stop - means) / SIGMA
    dense_high, dense_low = (normal_density(edge * SIGMA) * SIGMA for edge in (high, low))
    chance = ndtr(-high) + ndtr(low)
    tilt = dense_high - dense_low
    first = means * chance + SIGMA * tilt
    second = (
        (means**2 + SIGMA**2) * chance
        + 2 * means * SIGMA * tilt
        + SIGMA**2 * (high * dense_high - low * dense_low)
    )
    return first, second
