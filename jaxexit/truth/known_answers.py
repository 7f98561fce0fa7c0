"""Markets whose best exit is known: its value, its rule, and what every other choice gives up.

Two markets, both in pips and in long form (a short is a long on the negated price):

- **Reversion**, an Ornstein-Uhlenbeck price; its state is the middle price less the mean.
- **Disorder** (Shiryaev 1963), a drift that turns against the trade at an unseen time; its state is the
  posterior probability that the coming bar's drift is still favourable.

Timeline and costs are the environment's. The trade is opened at the middle plus half a spread, at decision 0;
EXIT at decision k = 0..H-1 closes at the middle of the close of bar e+k less half a spread; what is still
open is closed at decision time H at the same kind of price. That is exact when the spread is constant and no
bar opens away from the last close, since then the next open is the close and either `order_fill` and either
of `next_open` and `bar_close` entries give the same fills; swap, commission and slippage are 0.

Two choices are considered, hold and leave. Parts are worth no more than the whole (the result is linear in
the size), and no stop may be in play: see `Reversion`, `Disorder` and `stops.value_with_stops`.

Solved by backward induction (Bellman 1957; Peskir and Shiryaev 2006, chapter I.1) on a grid, the expectation
over one bar by the trapezoidal rule on linear interpolation, which errs upwards (the value is convex) by
less than 0.003 pip at the default resolution.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Array = Any  # numpy or jax array: every function below that takes one returns the same kind

REACH = 6.0  # stationary deviations on either side of the mean that the price grid covers
TAIL = 8.0  # standard deviations of one bar's noise that the expectation covers


class Reversion(NamedTuple):
    """A price that returns to its mean. Pips and bars.

    x' = phi x + noise, phi = 2^(-1/half_life), noise of deviation sqrt(1 - phi^2) times `deviation`: the
    Ornstein-Uhlenbeck process seen at each close. `entries` says how entry prices lie between `entry_low`
    and `entry_high`: as the price itself does (bars of the stationary market that lie in this range, a
    truncated normal) or uniformly.

    A stop is out of play from 150 pips below the entry on: then it lies 7 stationary deviations or more
    below the mean, which by the rate of crossings 200 bars reach less than once in 10^9 trades.
    """

    half_life: float = 20.0
    deviation: float = 20.0
    entry_low: float = -30.0
    entry_high: float = 10.0
    entries: Literal["stationary", "uniform"] = "stationary"
    spread: float = 1.0
    horizon: int = 200

    @property
    def persistence(self) -> float:
        """Phi: what is left after one bar of a distance to the mean."""
        return 0.5 ** (1.0 / self.half_life)

    @property
    def noise(self) -> float:
        """Standard deviation of one bar's innovation, pips."""
        return self.deviation * (1.0 - self.persistence**2) ** 0.5


class Disorder(NamedTuple):
    """A drift that turns. Pips and bars.

    Each bar moves by +drift or -drift plus normal noise. The drift turns for good at a time T, geometric on
    1, 2, ... with mean `mean_bars`, independent of the noise. Bar T of the trade is the first that goes
    against it, so that even the first bar may; with `first_bar_favourable`, bar T is the last that goes for
    it, which is worth almost exactly one bar's drift more.

    A stop is out of play 700 pips below the entry: an adverse drift through 200 bars and 7 deviations of
    their noise together lose 695. A stop near the price is worth something here, see `value_with_stops`.
    """

    drift: float = 1.0
    mean_bars: float = 40.0
    noise: float = 5.0
    first_bar_favourable: bool = False
    spread: float = 1.0
    horizon: int = 200

    @property
    def hazard(self) -> float:
        """Chance that a still favourable drift turns at the beginning of a bar."""
        return 1.0 / self.mean_bars

    @property
    def prior(self) -> float:
        """Probability at decision 0 that the first bar's drift is favourable."""
        return 1.0 if self.first_bar_favourable else 1.0 - self.hazard


class Solution(NamedTuple):
    """The answer: what leaving is worth more than holding on, everywhere. A pytree of arrays.

    Tables may be moved to a device (`jax.tree.map(jnp.float32, solution)`) and passed into compiled code.
    """

    grid: Array  # [M] even: prices in pips from the mean, or posteriors in [0, 1]
    exit_advantage: Array  # [H, M] pips: value of leaving at decision k minus value of holding on
    threshold: Array  # [H]: leave at a price at or above, or at a posterior at or below
    start: Array  # [M] pips: net value of a trade opened at decision 0 in this state, spread paid
    value: Array  # pips: `start` over the market's distribution of entries


def entry_quantiles(market: Reversion, uniform: Array) -> np.ndarray:
    """Entry prices (pips from the mean) at these quantiles, the shape of `uniform`, each in [0, 1]."""
    prices = np.linspace(market.entry_low, market.entry_high, 20_001)
    middle = 0.5 * (prices[1:] + prices[:-1])
    density = np.ones_like(middle)
    if market.entries == "stationary":
        density = np.exp(-0.5 * (middle / market.deviation) ** 2)
    below = np.concatenate([[0.0], np.cumsum(density)])
    return np.interp(uniform, below / below[-1], prices)


def normal_rule(points: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights [points] of the trapezoidal rule for a standard normal."""
    nodes = np.linspace(-TAIL, TAIL, points)
    weights = np.exp(-0.5 * nodes**2)
    return nodes, weights / weights.sum()


def expectation_matrix(grid: np.ndarray, reached: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The matrix [M, M] that turns values on the grid into their expectation one bar later.

    Args:
        grid: [M], even.
        reached: [M, J] states reached from each state; beyond the grid, values go on in a straight line.
        weights: [M, J] their weights, which need not sum to 1.
    """
    count = len(grid)
    place = (reached - grid[0]) * ((count - 1) / (grid[-1] - grid[0]))
    left = np.clip(place.astype(np.int64), 0, count - 2)
    share = place - left
    cell = np.arange(count)[:, None] * count + left
    flat = np.bincount(cell.ravel(), (weights * (1.0 - share)).ravel(), count**2)
    flat += np.bincount(cell.ravel() + 1, (weights * share).ravel(), count**2)
    return flat.reshape(count, count)


def solve_reversion(
    market: Reversion, *, grid_points: int = 1601, noise_points: int = 401
) -> Solution:
    """Backward induction over (price, decision).

    With G the middle price, V_H(x) = x, V_k(x) = max(x, E V_{k+1}(x')): the spread is the same whenever
    the trade is left and is taken off at the end.
    """
    reach = REACH * market.deviation
    grid = np.linspace(-reach, reach, grid_points)
    nodes, weights = normal_rule(noise_points)
    reached = market.persistence * grid[:, None] + market.noise * nodes
    expect = expectation_matrix(grid, reached, np.broadcast_to(weights, reached.shape))
    advantage = np.empty((market.horizon, grid_points))
    value = grid
    for k in reversed(range(market.horizon)):
        holding = expect @ value
        advantage[k] = grid - holding
        value = np.maximum(grid, holding)
    start = value - grid - market.spread
    entries = entry_quantiles(market, (np.arange(100_000) + 0.5) / 100_000)
    return Solution(
        grid,
        advantage,
        _crossings(grid, advantage),
        start,
        np.float64(np.interp(entries, grid, start).mean()),
    )


def solve_disorder(
    market: Disorder, *, grid_points: int = 1001, noise_points: int = 401
) -> Solution:
    """Backward induction over (posterior, decision).

    With W what is still to be gained, W_H = 0, W_k(q) = max(0, (2q - 1) drift + E W_{k+1}(q')).
    """
    grid = np.linspace(0.0, 1.0, grid_points)
    nodes, weights = normal_rule(noise_points)
    expect = np.zeros((grid_points, grid_points))
    for drift, chance in ((market.drift, grid), (-market.drift, 1.0 - grid)):
        reached = next_posterior(market, grid[:, None], drift + market.noise * nodes)
        expect += expectation_matrix(grid, reached, chance[:, None] * weights)
    advantage = np.empty((market.horizon, grid_points))
    value = np.zeros(grid_points)
    for k in reversed(range(market.horizon)):
        holding = market.drift * (2.0 * grid - 1.0) + expect @ value
        advantage[k] = -holding
        value = np.maximum(0.0, holding)
    start = value - market.spread
    return Solution(
        grid,
        advantage,
        _crossings(grid, advantage),
        start,
        np.float64(np.interp(market.prior, grid, start)),
    )


def next_posterior(market: Disorder, posterior: Array, change: Array) -> Array:
    """The posterior after a bar (Bayes, then the hazard of the bar to come).

    Args:
        market: the market.
        posterior: probability, before the bar, that its drift was favourable; any shape. It begins at
            `market.prior`, at decision 0.
        change: change of the middle price over the bar, times the direction, pips; same shape.

    Returns:
        Probability that the next bar's drift is favourable, the same shape.
    """
    xp = _namespace(posterior, change)
    ratio = xp.exp((2.0 * market.drift / market.noise**2) * change)
    weight = posterior * ratio
    return (1.0 - market.hazard) * weight / (weight + 1.0 - posterior)


def reversion_state(close: Array, direction: Array, mean: float, spread: Array) -> Array:
    """State of a `Reversion` trade, in the units of its arguments (divide by the pip), any shape.

    Args:
        close: long-form exit-side close (`Situation.close`).
        direction: +1 long, -1 short.
        mean: middle price to which the market returns.
        spread: the constant spread.
    """
    return close + 0.5 * spread - direction * mean


def exit_advantage(solution: Solution, state: Array, k: Array) -> Array:
    """Value of leaving at decision k minus value of holding on and choosing best thereafter, pips.

    Args:
        solution: from `solve_reversion` or `solve_disorder`.
        state: price in pips from the mean, long form, or posterior; any shape.
        k: decision 0..H-1, broadcast against `state`.
    """
    xp = _namespace(state, k)
    grid, table = xp.asarray(solution.grid), xp.asarray(solution.exit_advantage)
    count = grid.shape[0]
    place = (state - grid[0]) * ((count - 1) / (grid[-1] - grid[0]))
    left = xp.clip(xp.floor(place), 0, count - 2)
    share = place - left
    column = left.astype(xp.int32)
    return (1.0 - share) * table[k, column] + share * table[k, column + 1]


def exit_now(solution: Solution, state: Array, k: Array) -> Array:
    """Whether the best rule leaves, bool, the shape of `state` and `k` together."""
    return exit_advantage(solution, state, k) >= 0.0


def choice_loss(solution: Solution, state: Array, k: Array, exit_chance: Array) -> Array:
    """What the choice at decision k gives up against the best choice, pips, never negative.

    The performance-difference lemma (Kakade and Langford 2002): a policy's mean result is the market's
    `value` minus the mean over trades of the sum of these losses over the decisions it met (k = 0 up to and
    including the one at which it left; none at H). The result's own noise drops out, so the standard error is
    a small fraction of the raw mean's; the price is that it believes the fills and cannot see a leak.

    Args:
        solution: the market's solution.
        state: price or posterior, any shape.
        k: decision.
        exit_chance: 1 or True where the policy left, else 0; or its probability of leaving.
    """
    advantage = exit_advantage(solution, state, k)
    return _namespace(advantage).maximum(advantage, 0.0) - exit_chance * advantage


def _namespace(*arrays: Array) -> Any:
    return jnp if any(isinstance(array, jax.Array) for array in arrays) else np


def _crossings(grid: np.ndarray, advantage: np.ndarray) -> np.ndarray:
    """Where each row of `advantage` [H, M], rising or falling once, crosses 0; [H]."""
    rising = advantage[0, -1] > advantage[0, 0]
    order = slice(None) if rising else slice(None, None, -1)
    states, rows = grid[order], advantage[:, order]
    right = np.clip(np.argmax(rows >= 0.0, axis=1), 1, len(grid) - 1)
    at = np.arange(len(rows))
    low, high = rows[at, right - 1], rows[at, right]
    return states[right - 1] + (states[right] - states[right - 1]) * low / (low - high)
