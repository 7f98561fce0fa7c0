"""The published options' values without simulation: a lattice of the put, a quadrature of the max-call.

Both exercise at the contract's dates and at no other time: with exercise at every step of the lattice a put
is another contract, and dearer.
"""

from __future__ import annotations

import math

import numpy as np

Array = np.ndarray

PUT_STRIKE, PUT_RATE, PUT_DATES_A_YEAR = 40.0, 0.06, 50
STEPS_A_YEAR = 2_000  # of the binomial lattice: values to about 0.001
CALL_STRIKE, CALL_RATE, CALL_DIVIDEND, CALL_VOLATILITY = 100.0, 0.05, 0.10, 0.20
CALL_YEARS, CALL_DATES = 3.0, 9
POINTS = 281  # of the quadrature's grid on each side of the spot and at it
REACH = 7.0  # standard deviations of the final log price that the grid holds on either side


def bermudan_put(
    spot: float,
    volatility: float,
    years: float,
    *,
    strike: float = PUT_STRIKE,
    rate: float = PUT_RATE,
    dates_a_year: int = PUT_DATES_A_YEAR,
    steps_a_year: int = STEPS_A_YEAR,
) -> float:
    """Value of a put that may be exercised at equally spaced dates, by the binomial lattice.

    Cox, Ross and Rubinstein (1979): u = exp(volatility sqrt(dt)), d = 1 / u. The contract of Longstaff and
    Schwartz (2001), table 1, has 50 dates a year.

    Args:
        spot: price of the share today.
        volatility: a year.
        years: to the last date.
        strike: what is paid for the share.
        rate: continuously compounded, a year.
        dates_a_year: exercise dates a year; `steps_a_year` for exercise at every step.
        steps_a_year: steps of the lattice a year.

    Raises:
        ValueError: the lattice's steps do not fall on the dates.
    """
    every, left = divmod(steps_a_year, dates_a_year)
    if left:
        raise ValueError(f"{steps_a_year} steps a year do not fall on {dates_a_year} dates a year")
    steps = round(years * steps_a_year)
    dt = 1.0 / steps_a_year
    up = math.exp(volatility * math.sqrt(dt))
    chance = (math.exp(rate * dt) - 1.0 / up) / (up - 1.0 / up)
    higher, lower = chance * math.exp(-rate * dt), (1.0 - chance) * math.exp(-rate * dt)
    prices = spot * up ** np.arange(-steps, steps + 1.0)  # by the number of ups less downs
    value = np.maximum(strike - prices[::2], 0.0)
    for step in range(steps - 1, -1, -1):
        value = higher * value[1:] + lower * value[:-1]
        if step and step % every == 0:
            value = np.maximum(value, strike - prices[steps - step : steps + step + 1 : 2])
    return max(float(value[0]), strike - spot)


def max_call_of_two(spot: float, *, points: int = POINTS) -> float:
    """Value of the Bermudan call on the dearer of two shares, by quadrature between the dates.

    Independent geometric Brownian motions with the numbers of Broadie and Glasserman as in Andersen and
    Broadie (2004) and Becker, Cheridito and Jentzen (2019): nine dates in three years, and today. Between
    two dates the law of each log price is normal, so the conditional expectation is the grid's values
    between two matrices of normal weights; the trapezoidal rule's error comes from the exercise boundary's
    kink only, of order h^2.

    Args:
        spot: price today of either share.
        points: of the grid on each side of the spot and at it, for each share.
    """
    dt = CALL_YEARS / CALL_DATES
    drift = (CALL_RATE - CALL_DIVIDEND - CALL_VOLATILITY**2 / 2) * dt
    deviation = CALL_VOLATILITY * math.sqrt(dt)
    grid = np.linspace(-1.0, 1.0, 2 * points - 1) * REACH * CALL_VOLATILITY * math.sqrt(CALL_YEARS)
    weights = normal_weights(grid, grid + drift, deviation)
    prices = spot * np.exp(grid)
    paid = np.maximum(np.maximum(prices[:, None], prices[None, :]) - CALL_STRIKE, 0.0)
    value = paid
    for _ in range(CALL_DATES):
        value = np.maximum(paid, math.exp(-CALL_RATE * dt) * (weights @ value @ weights.T))
    return float(value[points - 1, points - 1])


def normal_weights(grid: Array, means: Array, deviation: float) -> Array:
    """Weights [M, G] of the trapezoidal rule on an equidistant grid [G], normal laws around means [M]."""
    width = float(grid[1] - grid[0])
    standard = (grid[None, :] - means[:, None]) / deviation
    return np.exp(-(standard**2) / 2) * width / (deviation * math.sqrt(2 * math.pi))
