"""The two markets of the exams with a known optimum: their best rule as a policy, and the market's luck.

The mean result of a trade is known to be at most the optimum; a raw mean of 200,000 trades has a standard
error of 0.2 to 0.4% of it. So the luck of the market is taken off each trade first (`luck`): what the best
rule's value gained or lost unforeseeably while the trade was open, a martingale, whose mean is 0 at any exit
that does not know the future (optional stopping), of any policy. For a policy that only holds and leaves,
what remains is the optimum less what its decisions gave up (the performance-difference lemma, Kakade and
Langford 2002). It starts from the money really earned, so a wrong fill shows. Knowledge of the future does
not: it is luck, and is taken off. That is why the raw mean stands beside it and is held against the ceiling.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.config.trading import UserFeature
from jaxexit.data.features import Feature, resolve_features
from jaxexit.data.simulated import PIP, Simulated, disorder, ornstein_uhlenbeck
from jaxexit.data.simulated.types import LEVEL
from jaxexit.env import Order, order_from_action
from jaxexit.env.types import EXIT, HOLD
from jaxexit.policies import Policy, View
from jaxexit.policies.types import stateless
from jaxexit.truth.known_answers import (
    Disorder,
    Reversion,
    Solution,
    exit_advantage,
    exit_now,
    next_posterior,
    reversion_state,
    solve_disorder,
    solve_reversion,
)
from jaxexit.truth.simple_rules import Paths
from jaxexit.truth.stops import value_with_stops

HORIZON = 200  # bars
SPREAD_PIPS = 1.0
REVERSION_STOP, DISORDER_STOP = 150.0, 100.0  # pips: out of play for whoever exits in time
SPANS = (5, 15, 40)  # bars: of the moving averages that the disorder exam observes


FEWEST = 20_000  # trades of a training


class KnownMarket(NamedTuple):
    """A market whose optimum is known, and how an agent is examined on it.

    Attributes:
        name: of the exam.
        simulate: (generator, trades) -> a fresh market.
        paths: of its trades: gains, and the state that its best rule looks at.
        features: what the agent observes besides its position.
        solution: its best rule, numpy float64.
        best: the best rule as a policy.
        ceiling: pips; no policy of five actions is worth more.
        targets: share of the optimum that is asked for, by environment steps of training.
        quick: the same for a look of seconds.
        trades: examined.
        sampled_less: how much less is asked of the sampled policy than of the greedy one; None: nothing is.
        learner: overrides of the learner that sits all exams, `section.key=value`.
        steps_per_trade: it is trained on one trade for every so many steps, `FEWEST` at least; None: on
            `FEWEST`.
    """

    name: str
    simulate: Callable[[np.random.Generator, int], Simulated]
    paths: Callable[[Simulated], Paths]
    features: tuple[Feature, ...]
    solution: Solution
    best: Policy
    ceiling: float
    targets: dict[int, float]
    quick: dict[int, float]
    trades: int
    sampled_less: float | None = None
    learner: tuple[str, ...] = ()
    steps_per_trade: int | None = None

    def training_trades(self, steps: int) -> int:
        """How many trades a learner is trained on in so many steps."""
        return (
            FEWEST if self.steps_per_trade is None else max(FEWEST, steps // self.steps_per_trade)
        )


def _leave(leaves: jax.Array) -> Order:
    return order_from_action(jnp.where(leaves, EXIT, HOLD))


def _best_reversion(solution: Solution, state: Any, view: View) -> tuple[Order, Any]:
    now = view.now
    place = reversion_state(now.close, now.direction, LEVEL, jnp.float32(SPREAD_PIPS * PIP)) / PIP
    return _leave(exit_now(solution, place, now.k)), state


def _posterior_at_entry(solution: Solution) -> tuple[jax.Array, jax.Array]:
    del solution
    return jnp.float32(Disorder().prior), jnp.float32(0.0)


def _best_disorder(solution: Solution, state: Any, view: View) -> tuple[Order, Any]:
    now = view.now
    before, last = state
    moved = next_posterior(Disorder(), before, (now.close - last) / PIP)
    posterior = jnp.where(now.k == 0, before, moved)
    return _leave(exit_now(solution, posterior, now.k)), (posterior, now.close)


BEST_REVERSION = Policy("best_rule", stateless, _best_reversion)
BEST_DISORDER = Policy("best_rule", _posterior_at_entry, _best_disorder)


def _from_bars(column: str, scale: float) -> UserFeature:
    return UserFeature(column=column, scale=scale, directional=True)


def _middle(simulated: Simulated) -> np.ndarray:
    """Long-form middle price less `LEVEL` at each trade's decisions 0..H, pips, [H+1, N]."""
    bar = simulated.trades["entry_bar"].to_numpy(np.int64)
    close = simulated.bars.mid[bar + np.arange(simulated.horizon + 1)[:, None], 3]
    return simulated.trades["direction"].to_numpy(float) * (close - LEVEL) / PIP


def reversion_paths(simulated: Simulated) -> Paths:
    """Gains of the trades, and their distance to the level."""
    level = _middle(simulated)
    return Paths(level - level[0], level)


def disorder_paths(simulated: Simulated, market: Disorder = Disorder()) -> Paths:  # noqa: B008
    """Gains of the trades, and the posterior of each."""
    gain = _middle(simulated)
    gain -= gain[0]
    posterior = np.full_like(gain, market.prior)
    for k in range(simulated.horizon):
        posterior[k + 1] = next_posterior(market, posterior[k], gain[k + 1] - gain[k])
    return Paths(gain, posterior)


def luck(solution: Solution, paths: Paths) -> np.ndarray:
    """What the market gave a trade beyond what was to be expected, up to each decision: [H+1, N] pips.

    First how good an entry it drew: what the best rule is worth from there, less the mean over entries.
    While a trade is then held from k to k+1, gain_{k+1} - gain_k + W_{k+1} - (W_k if holding is best, else
    what holding is worth), with W what the best rule still expects over leaving. A martingale of mean 0.
    """
    horizon = len(paths.gain) - 1
    total = np.zeros_like(paths.gain)
    total[0] = np.interp(paths.state[0], solution.grid, solution.start) - solution.value
    advantage = exit_advantage(solution, paths.state[0], np.int64(0))
    for k in range(horizon):
        change = paths.gain[k + 1] - paths.gain[k] + advantage
        if k + 1 < horizon:
            advantage = exit_advantage(solution, paths.state[k + 1], np.int64(k + 1))
            change += np.maximum(-advantage, 0.0)
        total[k + 1] = total[k] + change
    return total


def reversion_market() -> KnownMarket:
    """The Ornstein-Uhlenbeck exam. The price level is observed, as any chart shows it."""
    solution = solve_reversion(Reversion())
    return KnownMarket(
        name="ou",
        simulate=lambda rng, trades: ornstein_uhlenbeck(
            rng, trades, horizon=HORIZON, spread_pips=SPREAD_PIPS, stop_pips=(REVERSION_STOP,)
        ),
        paths=reversion_paths,
        features=resolve_features([_from_bars("deviation_pips", 20.0)]),
        solution=solution,
        best=BEST_REVERSION,
        ceiling=float(solution.value),
        targets={2_000_000: 0.985, 10_000_000: 0.99},
        quick={300_000: 0.9},
        trades=200_000,
        sampled_less=0.01,
    )


def _disorder(rng: np.random.Generator, trades: int) -> Simulated:
    """The market, its bar table with distances to moving averages of the close: past prices only."""
    made = disorder(
        rng, trades, horizon=HORIZON, spread_pips=SPREAD_PIPS, stop_pips=(DISORDER_STOP,)
    )
    close = made.bars.table["deviation_pips"]
    averages = {f"above_ema_{n}": close - close.ewm(span=n, adjust=False).mean() for n in SPANS}
    return replace(made, bars=replace(made.bars, table=made.bars.table.assign(**averages)))


def disorder_market() -> KnownMarket:
    """The disorder exam, from prices alone: where the price is, and how it came there."""
    solution = solve_disorder(Disorder())
    averages = [_from_bars(f"above_ema_{n}", 10.0) for n in SPANS]
    return KnownMarket(
        name="disorder",
        simulate=_disorder,
        paths=disorder_paths,
        features=resolve_features([_from_bars("deviation_pips", 20.0), *averages]),
        solution=solution,
        best=BEST_DISORDER,
        ceiling=value_with_stops(Disorder()),
        targets={2_000_000: 0.98, 10_000_000: 0.985},
        quick={300_000: 0.7},
        trades=1_000_000,
        learner=("ppo.polyak_window=0.1",),  # of 5 pips of noise a bar it takes off a part
        steps_per_trade=125,  # played more often the same trades are learned by heart
    )


MARKETS = {"ou": reversion_market, "disorder": disorder_market}
