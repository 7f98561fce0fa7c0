"""The Bermudan call on the dearest of several stocks (Broadie and Glasserman 2004)."""

from __future__ import annotations

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.truth.published.geometric import Geometric, onward, simulate
from jaxexit.truth.published.problem import Problem

Array = jax.Array

STRIKE, RATE, DIVIDEND, VOLATILITY, YEARS, DATES = 100.0, 0.05, 0.10, 0.2, 3.0, 9
STARTS = (90, 100, 110)
VALUES = {2: (8.075, 13.902, 21.345), 5: (16.64, 26.15, 36.78), 10: (26.28, 38.37, 50.90)}
"""By number of stocks: at each of `STARTS`."""
SOURCES = {2: "Andersen and Broadie 2004, table 2, lattice"}
SIMULATED = "Broadie and Cao 2008; Becker, Cheridito and Jentzen 2019, table 1, point estimates"


def _seen(market: Geometric, logarithms: Array, date: Array) -> tuple[Array, Array]:
    """[..., assets] -> their logarithms over the strike, dearest first, and the discounted payoff [...]."""
    moneyness = -jnp.sort(-logarithms, axis=-1) + np.log(market.start / STRIKE)
    payoff = jnp.maximum(STRIKE * (jnp.exp(moneyness[..., 0]) - 1.0), 0.0)
    return moneyness, market.discount(date) * payoff


@lru_cache(maxsize=64)
def max_call(assets: int, start: float) -> Problem:
    """An option on the dearest of several independent stocks, strike 100, at nine dates in three years.

    Args:
        assets: number of stocks.
        start: price of each.
    """
    market = Geometric(assets, start, RATE, DIVIDEND, VOLATILITY, YEARS, DATES)
    known = VALUES.get(assets)
    return Problem(
        name=f"max-call-{assets}-{start:g}",
        family="max_call",
        published=known[STARTS.index(int(start))] if known and start in STARTS else None,
        lower=None,
        upper=None,
        source=SOURCES.get(assets, SIMULATED),
        dates=DATES,
        first=0,
        forced=False,
        minimised=False,
        simulate=partial(simulate, market, _seen),
        onward=partial(onward, market, _seen),
    )
