"""The exams with a known optimum: how much of it does an agent learn, and is it never more than that?

The whole product sits them: an experiment, the compiled update, the network as a policy, the environment's
own `step`. Trained on simulated trades, examined on others.

The mean result of a trade is known to be at most the optimum; a raw mean of 200,000 trades has a standard
error of 0.2 to 0.4% of it. The share is measured more finely, against the best rule **on the same trades**:
share = 1 + mean(own result - best rule's result) / optimum. The raw mean stands beside it: it is what cannot
be above the ceiling if there is no leak.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.config import Experiment
from jaxexit.config.schema import PPO, Costs, Env, Network, Reward, UserFeature
from jaxexit.data.features import Feature, resolve_features
from jaxexit.data.simulated import PIP, Simulated, device, disorder, ornstein_uhlenbeck
from jaxexit.data.simulated.types import LEVEL
from jaxexit.env import (
    EnvSpec,
    Hindsight,
    Order,
    World,
    env_params,
    env_spec,
    order_from_action,
    without_guards,
)
from jaxexit.env.types import EXIT, HOLD
from jaxexit.evaluate import run_policy
from jaxexit.policies import Policy, View, network_policy
from jaxexit.policies.types import stateless
from jaxexit.ppo import exit_task, init_state, num_updates, ppo_params, ppo_spec, update
from jaxexit.truth.known_answers import (
    Disorder,
    Reversion,
    Solution,
    exit_now,
    next_posterior,
    reversion_state,
    solve_disorder,
    solve_reversion,
)
from jaxexit.truth.stops import value_with_stops

HORIZON = 200  # bars
SPREAD_PIPS = 1.0
TRAINING_TRADES = 20_000
BATCH = 25_000  # trades examined at once
REVERSION_STOP, DISORDER_STOP = 150.0, 100.0  # pips: out of play for whoever exits in time
SPANS = (5, 15, 40)  # bars: of the moving averages that the disorder exam observes
CEILING_ERRORS = 3.0  # standard errors that a raw mean may lie above the ceiling


class KnownMarket(NamedTuple):
    """A market whose optimum is known, and how an agent is examined on it.

    Attributes:
        name: of the exam.
        simulate: (generator, trades) -> a fresh market.
        features: what the agent observes besides its position.
        solution: its best rule, numpy float64.
        best: the best rule as a policy.
        ceiling: pips; no policy of five actions is worth more.
        targets: share of the optimum that is asked for, by environment steps of training.
        trades: examined.
    """

    name: str
    simulate: Callable[[np.random.Generator, int], Simulated]
    features: tuple[Feature, ...]
    solution: Solution
    best: Policy
    ceiling: float
    targets: dict[int, float]
    trades: int


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


def reversion_market() -> KnownMarket:
    """The Ornstein-Uhlenbeck exam. The price level is observed, as any chart shows it."""
    solution = solve_reversion(Reversion())
    return KnownMarket(
        name="ou",
        simulate=lambda rng, trades: ornstein_uhlenbeck(
            rng, trades, horizon=HORIZON, spread_pips=SPREAD_PIPS, stop_pips=(REVERSION_STOP,)
        ),
        features=resolve_features([_from_bars("deviation_pips", 20.0)]),
        solution=solution,
        best=BEST_REVERSION,
        ceiling=float(solution.value),
        targets={2_000_000: 0.985, 10_000_000: 0.99},
        trades=200_000,
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
        features=resolve_features([_from_bars("deviation_pips", 20.0), *averages]),
        solution=solution,
        best=BEST_DISORDER,
        ceiling=value_with_stops(Disorder()),
        targets={2_000_000: 0.98, 10_000_000: 0.985},
        trades=1_000_000,
    )


def exam_experiment(name: str, steps: int, seed: int) -> Experiment:
    """The learner that sits an exam: money only, undiscounted, marked to market; begins by holding.

    What mattered, and what v2's own settings would cost, is in docs/exams.md.
    """
    return Experiment(
        version=f"exam_{name}",
        seed=seed,
        costs=Costs(spread_pips=SPREAD_PIPS),
        env=Env(max_bars=HORIZON),
        reward=Reward(
            w_mtm=1.0,
            regret_coef=0.0,
            time_coef=0.0,
            tighten_sl_cost=0.0,
            trail_sl_cost=0.0,
            invalid_action_penalty=0.0,
        ),
        ppo=PPO(
            num_steps=256,
            total_timesteps=steps,
            gamma=1.0,
            entropy_coef_start=0.005,
            entropy_coef_end=0.0005,
            entropy_anneal_steps=steps,
        ),
        network=Network(hidden_sizes=(64, 64), initial_hold_probability=0.92),
    )


def make_world(
    experiment: Experiment, known: KnownMarket, rng: np.random.Generator, trades: int
) -> tuple[EnvSpec, World]:
    """A fresh market and its trades; no guards, and blank hindsight: the reward does not read it."""
    market, entered = device(known.simulate(rng, trades), known.features)
    world = World(
        params=without_guards(env_params(experiment, PIP)),
        market=market,
        trades=entered,
        hindsight=Hindsight(jnp.zeros(trades), jnp.zeros(trades, jnp.int32)),
        pip=jnp.float32(PIP),
    )
    return env_spec(experiment, known.features), world


def train(
    experiment: Experiment,
    spec: EnvSpec,
    world: World,
    on_update: Callable[[int, int], None] = lambda done, total: None,
) -> Any:
    """The parameters that an experiment's learner ends with on a world; `on_update(done, total)`."""
    learner, hyper, task = ppo_spec(experiment), ppo_params(experiment), exit_task(spec)
    state = init_state(learner, task, hyper, world, jax.random.key(experiment.seed))
    total = num_updates(experiment)
    for done in range(total):
        state, _ = update(learner, task, hyper, world, state)
        on_update(done + 1, total)
    return state.params


@dataclass(frozen=True)
class Share:
    """How much of the optimum a policy earned. Money in pips a trade, net."""

    examinee: str
    market: str
    steps: int
    seed: int
    trades: int
    mean: float
    standard_error: float
    share: float  # of the optimum, against the best rule on the same trades
    share_error: float
    bars_held: float
    ceiling: float
    asked: float | None  # share that must be reached; None: shown for comparison

    @property
    def leaks(self) -> bool:
        """Whether it earned more than anybody can."""
        return self.mean > self.ceiling + CEILING_ERRORS * self.standard_error

    @property
    def passed(self) -> bool:
        """Whether it earned enough, and not too much."""
        return not self.leaks and (self.asked is None or self.share >= self.asked)

    @property
    def words(self) -> str:
        """The verdict in words."""
        if self.leaks:
            return "FAIL: more than anybody can earn"
        if self.asked is None:
            return ""
        return f"reaches {self.asked:.1%}" if self.passed else f"FAIL: {self.asked:.1%} is asked"


class Entrant(NamedTuple):
    """A policy that is examined, with its numbers, and what is asked of it."""

    name: str
    policy: Policy
    params: Any
    steps: int = 0
    seed: int = 0
    asked: float | None = None


def learned(experiment: Experiment, params: Any, asked: float | None) -> list[Entrant]:
    """The trained network, greedy and sampled; of the sampled one 1% less is asked."""
    network, ppo = ppo_spec(experiment).network, experiment.ppo
    return [
        Entrant(
            "learned, sampled" if sample else "learned, greedy",
            network_policy(network, masked=False, sample=sample),
            params,
            ppo.total_timesteps,
            experiment.seed,
            None if asked is None else asked - 0.01 * sample,
        )
        for sample in (False, True)
    ]


def examine(
    known: KnownMarket,
    entrants: list[Entrant],
    *,
    trades: int,
    seed: int,
    on_batch: Callable[[int, int], None] = lambda done, total: None,
) -> list[Share]:
    """Let everyone play the same fresh trades. Memory does not grow with their number.

    Args:
        known: the market.
        entrants: who.
        trades: how many each plays.
        seed: of market and sampled policies; not one that anybody was trained on.
        on_batch: called with (batches done, batches in all).
    """
    experiment = exam_experiment(known.name, 2_000_000, 0)
    best = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), known.solution)
    everyone = [Entrant("best rule", known.best, best), *entrants]
    sums = np.zeros((len(everyone), 5))  # of net, net^2, difference, difference^2, bars held
    sizes = [BATCH] * (trades // BATCH) + [trades % BATCH] * (trades % BATCH > 0)
    for number, size in enumerate(sizes):
        spec, world = make_world(experiment, known, np.random.default_rng([seed, number]), size)
        key = jax.random.fold_in(jax.random.key(seed), number)
        reference = None
        for row, entrant in zip(sums, everyone, strict=True):
            played = run_policy(
                spec, entrant.policy, world, entrant.params, key, horizon=HORIZON
            ).results
            net = np.asarray(played.net, np.float64) * np.asarray(played.entry) / PIP
            reference = net if reference is None else reference
            difference = net - reference
            bars = np.asarray(played.bars_held, np.float64)
            row += [x.sum() for x in (net, net**2, difference, difference**2, bars)]
        on_batch(number + 1, len(sizes))
    optimum = float(known.solution.value)
    return [
        Share(
            examinee=entrant.name,
            market=known.name,
            steps=entrant.steps,
            seed=entrant.seed,
            trades=trades,
            mean=mean,
            standard_error=_error(mean, square, trades),
            share=1.0 + difference / optimum,
            share_error=_error(difference, difference_square, trades) / optimum,
            bars_held=bars,
            ceiling=known.ceiling,
            asked=entrant.asked,
        )
        for entrant, (mean, square, difference, difference_square, bars) in zip(
            everyone, (sums / trades).tolist(), strict=True
        )
    ]


def _error(mean: float, square: float, count: int) -> float:
    return float(np.sqrt(max(0.0, square - mean**2) / max(1, count - 1)))
