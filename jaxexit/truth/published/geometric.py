"""Geometric Brownian motion at the dates of an option, path by path and one step onward."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

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

    def changes(self, key: Array, shape: tuple[int, ...]) -> Array:
        """[*shape, assets] changes of the logarithm from one date to the next: they are exact."""
        mean = (self.rate - self.dividend - 0.5 * self.volatility**2) * self.step
        deviation = self.volatility * np.sqrt(self.step)
        return mean + deviation * jax.random.normal(key, (*shape, self.assets))

    def paths(self, key: Array, n: int) -> Array:
        """[n, dates + 1, assets] logarithms over their start."""
        moved = jnp.cumsum(self.changes(key, (n, self.dates)), axis=1)
        return jnp.concatenate([jnp.zeros((n, 1, self.assets)), moved], axis=1)

    def onward(self, key: Array, logarithms: Array, n: int) -> Array:
        """[M, assets] -> [M, n, assets] at the next date."""
        return logarithms[:, None] + self.changes(key, (logarithms.shape[0], n))
