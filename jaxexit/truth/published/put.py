"""The Bermudan put of Longstaff and Schwartz (2001), table 1."""

from __future__ import annotations

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.truth.published.geometric import Geometric, onward, simulate
from jaxexit.truth.published.problem import Problem

Array = jax.Array

STRIKE, RATE, A_YEAR = 40.0, 0.06, 50  # exercise dates a year
VALUES = {
    (0.2, 1): (4.478, 3.250, 2.314, 1.617, 1.110),
    (0.2, 2): (4.840, 3.745, 2.885, 2.212, 1.690),
    (0.4, 1): (7.101, 6.148, 5.312, 4.582, 3.948),
    (0.4, 2): (8.508, 7.670, 6.920, 6.248, 5.647),
}
"""By volatility and years: at each of `STARTS`, by finite differences."""
STARTS = (36, 38, 40, 42, 44)


def _seen(market: Geometric, logarithms: Array, date: Array) -> tuple[Array, Array]:
    """[..., 1] -> the logarithm of price over strike [..., 1], and the discounted payoff [...]."""
    moneyness = logarithms + np.log(market.start / STRIKE)
    payoff = jnp.maximum(STRIKE * (1.0 - jnp.exp(moneyness[..., 0])), 0.0)
    return moneyness, market.discount(date) * payoff


@lru_cache(maxsize=64)
def put(start: float, volatility: float, years: int) -> Problem:
    """An option to sell at 40, exercised at one of 50 dates a year, 1 / 50 of a year the first.

    Args:
        start: price of the stock.
        volatility: a year.
        years: to the last date.
    """
    market = Geometric(1, start, RATE, 0.0, volatility, years, A_YEAR * years)
    known = VALUES.get((volatility, years))
    return Problem(
        name=f"put-{start:g}-{volatility:g}-{years}",
        family="put",
        published=known[STARTS.index(int(start))] if known and start in STARTS else None,
        lower=None,
        upper=None,
        source="Longstaff and Schwartz 2001, table 1, finite differences",
        dates=market.dates,
        first=1,
        forced=False,
        minimised=False,
        simulate=partial(simulate, market, _seen),
        onward=partial(onward, market, _seen),
    )


def puts() -> tuple[Problem, ...]:
    """The twenty rows of the table."""
    return tuple(put(start, *key) for key in VALUES for start in STARTS)
