"""The exams with a known optimum: how much of it does an agent learn, and is it never more than that?

The whole product is examined: an experiment, the compiled update, the network as a policy, the environment's
`step`. Trained on simulated trades, examined on others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.config import Experiment, with_overrides
from jaxexit.config.market import Costs
from jaxexit.config.trading import Env
from jaxexit.data.charges import charges_of
from jaxexit.data.simulated import PIP, Simulated, device
from jaxexit.env import EnvSpec, Hindsight, World, env_params, env_spec, without_guards
from jaxexit.env.types import BY_BREAKEVEN_STOP, BY_STOP
from jaxexit.errors import ConfigError
from jaxexit.evaluate import run_policy
from jaxexit.learners import learner_of
from jaxexit.policies import Policy, together
from jaxexit.truth.known_answers import Disorder, Reversion
from jaxexit.truth.known_markets import HORIZON, MARKETS, SPREAD_PIPS, KnownMarket, luck
from jaxexit.truth.money import money_experiment, train
from jaxexit.truth.simple_rules import best_simple_rules, fixed_hold_values
from jaxexit.truth.verdict import Share

BATCH = 25_000  # trades examined at once
FOR_COMPARISON = 200_000  # trades at most of a learned policy of which nothing is asked
LEARNER = (
    "learner",
    "ppo",
    "exact",
    "network",
    "reward",
)  # what of the experiment may be overridden


def exam_experiment(name: str, steps: int, seed: int, overrides: Sequence[str] = ()) -> Experiment:
    """The learner that is examined.

    Args:
        name: of the exam.
        steps: environment steps of training.
        seed: of the training.
        overrides: `section.key=value` of `LEARNER`'s sections, to see what another setting is worth.

    Raises:
        ConfigError: another section, an unknown key, an impossible value.
    """
    for text in overrides:
        if text.partition("=")[0].partition(".")[0].strip() not in LEARNER:
            raise ConfigError(
                f"--set: got {text}, expected a key of {', '.join(LEARNER)}; the market of an exam is fixed"
            )
    env, costs = Env(max_bars=HORIZON), Costs(spread_pips=SPREAD_PIPS)
    experiment = money_experiment(name, env=env, costs=costs, steps=2_000_000, seed=seed)
    schedule = (f"ppo.total_timesteps={steps}", f"ppo.entropy_anneal_steps={steps}")
    experiment = with_overrides(experiment, (*schedule, *overrides))
    if experiment.learner == "exact" and not any("exact.updates" in text for text in overrides):
        updates = -(-steps // learner_of(experiment).batch_size)
        return with_overrides(experiment, (f"exact.updates={updates}",))
    return experiment


def make_world(
    experiment: Experiment, known: KnownMarket, simulated: Simulated
) -> tuple[EnvSpec, World]:
    """The world of a simulated market; no guards, and blank hindsight: the reward does not read it."""
    market, entered = device(simulated, known.features)
    trades = len(simulated.trades)
    world = World(
        params=without_guards(env_params(experiment, charges_of(experiment.costs, simulated.bars))),
        market=market,
        trades=entered,
        hindsight=Hindsight(jnp.zeros(trades), jnp.zeros(trades, jnp.int32)),
        unit=jnp.float32(PIP),
    )
    return env_spec(experiment, known.features), world


class Entrant(NamedTuple):
    """A policy that is examined, with its numbers, and what is asked of it."""

    name: str
    policy: Policy
    params: Any
    steps: int = 0
    seed: int = 0
    asked: float | None = None


def learned(
    experiment: Experiment, params: Any, asked: float | None, sampled_less: float | None = None
) -> list[Entrant]:
    """The trained network, greedy and sampled; of the sampled one so much less is asked, None: nothing."""
    learner = learner_of(experiment)
    of_sampled = None if asked is None or sampled_less is None else asked - sampled_less
    return [
        Entrant(
            "learned, sampled" if sample else "learned, greedy",
            learner.policy(masked=False, sample=sample),
            params,
            experiment.ppo.total_timesteps,
            experiment.seed,
            of_sampled if sample else asked,
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
    """All entrants play the same fresh trades. Memory does not grow with their number.

    Args:
        known: the market.
        entrants: who.
        trades: how many each plays; a learned policy of which nothing is asked `FOR_COMPARISON` at most.
        seed: of market and sampled policies; no policy was trained on it.
        on_batch: called with (batches done, batches in all).
    """
    experiment = exam_experiment(known.name, 2_000_000, 0)
    best = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), known.solution)
    everyone = [Entrant("best rule", known.best, best), *entrants]
    ready = together([(entrant.policy, entrant.params) for entrant in everyone])
    wanted = [
        min(trades, FOR_COMPARISON) if entrant.steps and entrant.asked is None else trades
        for entrant in everyone
    ]
    played_by = np.zeros(len(everyone), int)
    sums = np.zeros((len(everyone), 5))  # of net, net^2, skill, skill^2, bars held
    sizes = [BATCH] * (trades // BATCH) + [trades % BATCH] * (trades % BATCH > 0)
    for number, size in enumerate(sizes):
        simulated = known.simulate(np.random.default_rng([seed, number]), size)
        spec, world = make_world(experiment, known, simulated)
        given = luck(known.solution, known.paths(simulated))
        key = jax.random.fold_in(jax.random.key(seed), number)
        for i, (policy, params) in enumerate(ready):
            if played_by[i] >= wanted[i]:
                continue
            played = run_policy(spec, policy, world, params, key, horizon=HORIZON).results
            net = np.asarray(played.net, np.float64) * np.asarray(played.entry) / PIP
            bars = np.asarray(played.bars_held)
            # A stop ends a trade inside its last bar: what that bar's close brought is not its luck.
            inside = np.isin(np.asarray(played.reason), (BY_STOP, BY_BREAKEVEN_STOP))
            skill = net - given[bars - inside, np.arange(size)]
            sums[i] += [x.sum() for x in (net, net**2, skill, skill**2, bars)]
            played_by[i] += size
        on_batch(number + 1, len(sizes))
    optimum = float(known.solution.value)
    return [
        Share(
            examinee=entrant.name,
            market=known.name,
            steps=entrant.steps,
            seed=entrant.seed,
            trades=count,
            mean=mean,
            standard_error=_error(mean, square, count),
            share=skill / optimum,
            share_error=_error(skill, skill_square, count) / optimum,
            bars_held=bars,
            ceiling=known.ceiling,
            asked=entrant.asked,
        )
        for entrant, count, (mean, square, skill, skill_square, bars) in zip(
            everyone, played_by.tolist(), (sums / played_by[:, None]).tolist(), strict=True
        )
    ]


def _error(mean: float, square: float, count: int) -> float:
    return float(np.sqrt(max(0.0, square - mean**2) / max(1, count - 1)))


SEEDS = (0, 1, 2)
QUICK_TRADES = 10_000


def run_exam(
    name: str,
    *,
    quick: bool,
    seed: int,
    overrides: Sequence[str] = (),
    steps: Sequence[int] = (),
    trades: int | None = None,
    seeds: Sequence[int] = (),
    on_step: Callable[[str], None] = lambda what: None,
) -> list[Share]:
    """The whole exam: train for each number of steps and seed, examine all on the same fresh trades.

    Args:
        name: "ou" or "disorder".
        quick: one seed, few steps, few trades, a lower bar.
        seed: of the examination's market; training's are their own.
        overrides: what another learner's settings are, `section.key=value`.
        steps: trained for these numbers of steps instead of the exam's own; of a number that is not the
            exam's nothing is asked.
        trades: examined; None: as many as the exam asks for.
        seeds: of the trainings, instead of the exam's own.
        on_step: called with what is being done.

    Returns:
        The simple rules, the best rule, and every trained network greedy and sampled. What is asked of a
        greedy one: the target, and to close at least half of the best simple rule's gap to the optimum.
    """
    known = MARKETS[name]()
    rules = simple_rules(known)
    halfway = 0.5 * (1.0 + max(rule.share for rule in rules))
    entrants = []
    targets = known.quick if quick else {n: max(x, halfway) for n, x in known.targets.items()}
    for length in steps or targets:
        asked = targets.get(length)
        for training_seed in seeds or SEEDS[: 1 if quick else None]:
            experiment = exam_experiment(name, length, training_seed, (*known.learner, *overrides))
            on_step(f"{length:,} steps, seed {training_seed}: make the market")
            rng = np.random.default_rng([2**31, training_seed])  # not a market of the examination
            fresh = known.simulate(rng, known.training_trades(length))
            spec, world = make_world(experiment, known, fresh)
            params = train(
                experiment,
                spec,
                world,
                lambda done, total, length=length, training_seed=training_seed: on_step(
                    f"{length:,} steps, seed {training_seed}: {done} of {total} updates"
                ),
            )
            entrants += learned(experiment, params, asked, known.sampled_less)
    trades = trades or (QUICK_TRADES if quick else known.trades)
    examined = examine(
        known,
        entrants,
        trades=trades,
        seed=seed,
        on_batch=lambda done, total: on_step(f"examine: {done} of {total} batches"),
    )
    return rules + examined


def simple_rules(known: KnownMarket) -> list[Share]:
    """The best fixed hold and the best rule of each simple family, for comparison."""
    market = Reversion() if known.name == "ou" else Disorder()
    optimum = float(known.solution.value)
    holds = fixed_hold_values(market)
    values = {f"hold {int(holds.argmax())} bars": (float(holds.max()), 0.0)}
    for rule in best_simple_rules(market, known.solution).values():
        values[rule.name] = rule.value, rule.standard_error
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
        for name, (value, error) in values.items()
    ]
