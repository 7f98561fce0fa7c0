"""Geometric Brownian motion at the dates of an option, path by path and one step onward."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.truth.published.problem import PathsOfProblem
from jaxexit.truth.published.strata import normals

Array = jax.Array


class Geometric(NamedTuple):
    """Independent assets of the same start, drift and volatility, under the pricing measure. Hashable."""

    assets: int
    start: float
    rate: float  # a year, continuously compounded
    dividend: float
    volatility: float
    years: float
    dates: int

    @property
    def step(self) -> float:
        """Years between two dates."""
        return self.years / self.dates

    def discount(self, date: Array) -> Array:
        """What one unit at a date is worth at date 0."""
        return jnp.exp(-self.rate * self.step * date)

    def changes(self, shocks: Array) -> Array:
        """Changes of the logarithm from one date to the next, of standard normal shocks: they are exact."""
        mean = (self.rate - self.dividend - 0.5 * self.volatility**2) * self.step
        deviation = self.volatility * np.sqrt(self.step)
        return mean + deviation * shocks

    def paths(self, key: Array, n: int) -> Array:
        """[n, dates + 1, assets] logarithms over their start."""
        shocks = jax.random.normal(key, (n, self.dates, self.assets))
        moved = jnp.cumsum(self.changes(shocks), axis=1)
        return jnp.concatenate([jnp.zeros((n, 1, self.assets)), moved], axis=1)

    def onward(self, key: Array, logarithms: Array, n: int) -> Array:
        """[M, assets] -> [M, n, assets] at the next date."""
        shocks = normals(key, logarithms.shape[0], n, self.assets)
        return logarithms[:, None] + self.changes(shocks)


Seen: TypeAlias = Callable[[Geometric, Array, Array], tuple[Array, Array]]
"""(market, logarithms [..., assets], date) -> observed [..., F] and discounted payoff [...]."""


def simulate(market: Geometric, seen: Seen, key: Array, n: int) -> PathsOfProblem:
    """As `Problem.simulate`."""
    state = market.paths(key, n)
    return PathsOfProblem(*seen(market, state, jnp.arange(market.dates + 1)), state)


def onward(market: Geometric, seen: Seen, key: Array, state: Array, date: Array, n: int):
    """As `Problem.onward`."""
    after = market.onward(key, state, n)
    return *seen(market, after, date + 1), after
