"""What a stop could add to the best rule on the disorder market: a bound for policies of five actions.

A stop acts inside a bar, between two decisions, where the best rule of hold and leave cannot. On the
reversion market a fall is a reason to wait, so little can be gained (argued, not computed here); on the
disorder market a fall is the news itself, and leaving on it before the bar is over saves some of the
adverse drift.
"""

from __future__ import annotations

import numpy as np

from jaxexit.truth.known_answers import Disorder, expectation_matrix, next_posterior, normal_rule

DISTANCES = (2.0, 4.0, 6.0, 8.0, 10.0, 14.0)  # pips below the close


def value_with_stops(
    market: Disorder,
    distances: tuple[float, ...] = DISTANCES,
    *,
    grid_points: int = 401,
    noise_points: int = 401,
) -> float:
    """Net value (pips) when each decision may also set a stop for the coming bar only, at no cost.

    More than the environment allows, where a stop never loosens. Prices inside a bar are Brownian with the
    bar's drift and there are no gaps, so a stop fills at its level. Of the paths that end a bar at r above
    -d, the share 1 - exp(-2 d (d + r) / noise^2) never fell to -d (Brownian bridge; Karatzas and Shreve
    1991, section 4.3), whatever the drift; so the extremes tell nothing beyond the close.
    """
    grid = np.linspace(0.0, 1.0, grid_points)
    nodes, weights = normal_rule(noise_points)
    bars: list[tuple[np.ndarray, np.ndarray]] = []  # gain within the bar [M], expectation [M, M]
    for distance in (*distances, np.inf):
        gain = np.zeros(grid_points)
        expect = np.zeros((grid_points, grid_points))
        for drift, chance in ((market.drift, grid), (-market.drift, 1.0 - grid)):
            change = drift + market.noise * nodes
            alive = np.ones(noise_points)
            stopped = 0.0
            if np.isfinite(distance):
                room = np.maximum(distance + change, 0.0)
                alive = -np.expm1(-2.0 * distance * room / market.noise**2)
                stopped = distance * float(weights @ (1.0 - alive))
            gain += chance * (float(weights @ (alive * change)) - stopped)
            reached = next_posterior(market, grid[:, None], change)
            expect += expectation_matrix(grid, reached, chance[:, None] * (weights * alive))
        bars.append((gain, expect))
    value = np.zeros(grid_points)
    for _ in range(market.horizon):
        value = np.maximum(0.0, np.max([gain + expect @ value for gain, expect in bars], axis=0))
    return float(np.interp(market.prior, grid, value)) - market.spread
