"""The exams with a known optimum: how much of it does an agent learn, and is it never more than that?

The whole product sits them: an experiment, the compiled update, the network as a policy, the environment's
own `step`. Trained on simulated trades, examined on others.

The mean result of a trade is known to be at most the optimum; a raw mean of 200,000 trades has a standard
error of 0.2 to 0.4% of it. So the luck of the market is taken off each trade first: what the best rule's
value gained or lost unforeseeably while the trade was open, a martingale, whose mean is 0 at any exit that
does not know the future (optional stopping), of any policy. For a policy that only holds and leaves, what
remains is the optimum less what its decisions gave up (the performance-difference lemma, Kakade and Langford
2002). It starts from the money really earned, so a wrong fill shows. Knowledge of the future does not: it is
luck, and is taken off. That is why the raw mean stands beside it and is held against the ceiling.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.config import Experiment
from jaxexit.config.schema import Costs, Env, UserFeature
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
from jaxexit.env.types import BY_BREAKEVEN_STOP, BY_STOP, EXIT, HOLD
from jaxexit.evaluate import run_policy
from jaxexit.policies import Policy, View, network_policy
from jaxexit.policies.types import stateless
from jaxexit.ppo import ppo_spec
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
from jaxexit.truth.money import money_experiment, train
from jaxexit.truth.simple_rules import Paths, best_simple_rules, fixed_hold_values
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
        paths: of its trades: gains, and the state that its best rule looks at.
        features: what the agent observes besides its position.
        solution: its best rule, numpy float64.
        best: the best rule as a policy.
        ceiling: pips; no policy of five actions is worth more.
        targets: share of the optimum that is asked for, by environment steps of training.
        quick: the same for a look of seconds.
        trades: examined.
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


def _reversion_paths(simulated: Simulated) -> Paths:
    level = _middle(simulated)
    return Paths(level - level[0], level)


def _disorder_paths(simulated: Simulated) -> Paths:
    gain = _middle(simulated)
    gain -= gain[0]
    posterior = np.full_like(gain, Disorder().prior)
    for k in range(simulated.horizon):
        posterior[k + 1] = next_posterior(Disorder(), posterior[k], gain[k + 1] - gain[k])
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
        paths=_reversion_paths,
        features=resolve_features([_from_bars("deviation_pips", 20.0)]),
        solution=solution,
        best=BEST_REVERSION,
        ceiling=float(solution.value),
        targets={2_000_000: 0.985, 10_000_000: 0.99},
        quick={300_000: 0.9},
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
        paths=_disorder_paths,
        features=resolve_features([_from_bars("deviation_pips", 20.0), *averages]),
        solution=solution,
        best=BEST_DISORDER,
        ceiling=value_with_stops(Disorder()),
        targets={2_000_000: 0.98, 10_000_000: 0.985},
        quick={300_000: 0.7},
        trades=1_000_000,
    )


def exam_experiment(name: str, steps: int, seed: int) -> Experiment:
    """The learner that sits this exam: the more a market hides, the larger the steps that pay."""
    rate, kl = {"ou": (3e-4, 0.015), "disorder": (2e-3, 0.03)}[name]
    return money_experiment(
        name,
        env=Env(max_bars=HORIZON),
        costs=Costs(spread_pips=SPREAD_PIPS),
        steps=steps,
        seed=seed,
        learning_rate=rate,
        target_kl=kl,
    )


def make_world(
    experiment: Experiment, known: KnownMarket, simulated: Simulated
) -> tuple[EnvSpec, World]:
    """The world of a simulated market; no guards, and blank hindsight: the reward does not read it."""
    market, entered = device(simulated, known.features)
    trades = len(simulated.trades)
    world = World(
        params=without_guards(env_params(experiment, PIP)),
        market=market,
        trades=entered,
        hindsight=Hindsight(jnp.zeros(trades), jnp.zeros(trades, jnp.int32)),
        pip=jnp.float32(PIP),
    )
    return env_spec(experiment, known.features), world


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
    share: float  # of the optimum, the market's luck taken off
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

    def as_json(self) -> dict[str, Any]:
        """The attributes, None for what is not a number, and `passed`."""
        numbers = {k: None if v != v else v for k, v in asdict(self).items()}
        return numbers | {"passed": self.passed}


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
    sums = np.zeros((len(everyone), 5))  # of net, net^2, skill, skill^2, bars held
    sizes = [BATCH] * (trades // BATCH) + [trades % BATCH] * (trades % BATCH > 0)
    for number, size in enumerate(sizes):
        simulated = known.simulate(np.random.default_rng([seed, number]), size)
        spec, world = make_world(experiment, known, simulated)
        given = luck(known.solution, known.paths(simulated))
        key = jax.random.fold_in(jax.random.key(seed), number)
        for row, entrant in zip(sums, everyone, strict=True):
            played = run_policy(
                spec, entrant.policy, world, entrant.params, key, horizon=HORIZON
            ).results
            net = np.asarray(played.net, np.float64) * np.asarray(played.entry) / PIP
            bars = np.asarray(played.bars_held)
            # A stop ends a trade inside its last bar: what that bar's close brought is not its luck.
            inside = np.isin(np.asarray(played.reason), (BY_STOP, BY_BREAKEVEN_STOP))
            skill = net - given[bars - inside, np.arange(size)]
            row += [x.sum() for x in (net, net**2, skill, skill**2, bars)]
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
            share=skill / optimum,
            share_error=_error(skill, skill_square, trades) / optimum,
            bars_held=bars,
            ceiling=known.ceiling,
            asked=entrant.asked,
        )
        for entrant, (mean, square, skill, skill_square, bars) in zip(
            everyone, (sums / trades).tolist(), strict=True
        )
    ]


def _error(mean: float, square: float, count: int) -> float:
    return float(np.sqrt(max(0.0, square - mean**2) / max(1, count - 1)))


MARKETS = {"ou": reversion_market, "disorder": disorder_market}
SEEDS = (0, 1, 2)
QUICK_TRADES = 10_000


def sit(
    name: str, *, quick: bool, seed: int, on_step: Callable[[str], None] = lambda what: None
) -> list[Share]:
    """The whole exam: train for each number of steps and seed, examine all on the same fresh trades.

    Args:
        name: "ou" or "disorder".
        quick: one seed, few steps, few trades, a lower bar.
        seed: of the examination's market; training's are their own.
        on_step: called with what is being done.

    Returns:
        The simple rules, the best rule, and every trained network greedy and sampled. What is asked of a
        greedy one: the target, and to close at least half of the best simple rule's gap to the optimum.
    """
    known = MARKETS[name]()
    rules = simple_rules(known)
    halfway = 0.5 * (1.0 + max(rule.share for rule in rules))
    entrants = []
    for steps, target in (known.quick if quick else known.targets).items():
        asked = target if quick else max(target, halfway)
        for own in SEEDS[: 1 if quick else None]:
            experiment = exam_experiment(name, steps, own)
            on_step(f"{steps:,} steps, seed {own}: make the market")
            rng = np.random.default_rng([2**31, own])  # not a market of the examination
            spec, world = make_world(experiment, known, known.simulate(rng, TRAINING_TRADES))
            params = train(
                experiment,
                spec,
                world,
                lambda done, total, steps=steps, own=own: on_step(
                    f"{steps:,} steps, seed {own}: {done} of {total} updates"
                ),
            )
            entrants += learned(experiment, params, asked)
    trades = QUICK_TRADES if quick else known.trades
    found = examine(
        known,
        entrants,
        trades=trades,
        seed=seed,
        on_batch=lambda done, total: on_step(f"examine: {done} of {total} batches"),
    )
    return rules + found


def simple_rules(known: KnownMarket) -> list[Share]:
    """The best fixed hold and the best rule of each simple family, for comparison."""
    market = Reversion() if known.name == "ou" else Disorder()
    optimum = float(known.solution.value)
    holds = fixed_hold_values(market)
    found = {f"hold {int(holds.argmax())} bars": (float(holds.max()), 0.0)}
    for rule in best_simple_rules(market, known.solution).values():
        found[rule.name] = rule.value, rule.standard_error
    return [
        Share(
            examinee=name,
            market=known.name,
            steps=0,
            seed=0,
            trades=0,
            mean=value,
            standard_error=error,
            share=value / optimum,
            share_error=error / optimum,
            bars_held=float("nan"),
            ceiling=known.ceiling,
            asked=None,
        )
        for name, (value, error) in found.items()
    ]
