"""The package's learners on a published problem: trained on fresh paths, judged on others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxexit.arrays import key_of
from jaxexit.config import Experiment, with_overrides
from jaxexit.config.learning import PPO, Exact, LearnerName, Network
from jaxexit.config.trading import Env
from jaxexit.errors import ConfigError
from jaxexit.learners import hyper_of, learner_of, num_updates
from jaxexit.learning import batching, stack, take, update_agents
from jaxexit.learning.precision import decided
from jaxexit.learning.types import Learner
from jaxexit.truth.published.problem import Continuation, Problem, Stops
from jaxexit.truth.published.task import (
    STOP,
    Pool,
    Units,
    may_stop,
    observe,
    pool_of,
    scaled,
    stopping_task,
    units_of,
)

Array = jax.Array

POOL = 8192  # paths simulated at an update, at most
PLAYED = 4096  # of them by PPO
LONG = 64  # decisions of a path from which on learning is longer
WIDE = 32  # numbers observed from which on the exact learner's is longer still
DECISIONS = 102_400  # that the exact learner lays out at an update, about
STEPS = 5_000_000  # of PPO
LEARNERS: tuple[LearnerName, ...] = ("exact", "ppo")
SECTIONS = ("exact", "ppo", "network")  # of the experiment, that may be overridden
"""Sections of the experiment that may be overridden."""
EXACT = Exact(
    rounds=4,
    minibatches=30,
    minibatch_size=1024,
    anchor=(0.0,),
    luck_removed=0.0,
    trace_decay=1.0,
)
PROXIMAL = PPO(
    num_envs=512,
    num_steps=64,
    num_epochs=2,
    minibatch_size=4096,
    gamma=1.0,
    value_clip=100.0,  # out of play
    value_coef=0.05,  # a return varies ten times as much as a date's change
    target_kl=0.03,
    learning_rate=3e-3,
    entropy_coef_start=0.005,
    entropy_coef_end=0.0001,
    polyak_window=0.2,
)


def experiment_of(
    problem: Problem, learner: LearnerName, seed: int, overrides: Sequence[str] = ()
) -> Experiment:
    """The learner that is examined.

    Args:
        problem: which.
        learner: exact or ppo.
        seed: of the training.
        overrides: `section.key=value` of `SECTIONS`, to see what another setting is worth.

    Raises:
        ConfigError: another section, an unknown key, an impossible value.
    """
    for text in overrides:
        if text.partition("=")[0].partition(".")[0].strip() not in SECTIONS:
            raise ConfigError(
                f"--set: got {text}, expected a key of {', '.join(SECTIONS)}; a published problem is fixed"
            )
    decisions = problem.dates - problem.first
    long, wide = decisions > LONG, problem.observed > WIDE
    updates, more = (60, 4) if wide else (40, 2) if long else (30, 1)
    steps = STEPS * (2 if long else 1)
    experiment = Experiment(
        version=f"exam_{problem.name}",
        learner=learner,
        seed=seed,
        env=Env(max_bars=decisions),
        exact=EXACT.model_copy(
            update={
                "trades": min(POOL, max(256, more * DECISIONS // decisions // 256 * 256)),
                "updates": updates,
                "minibatch_size": EXACT.minibatch_size * more,
            }
        ),
        ppo=PROXIMAL.model_copy(update={"total_timesteps": steps, "entropy_anneal_steps": steps}),
        network=Network(hidden_sizes=(64, 64), initial_hold_probability=0.92),
    )
    return with_overrides(experiment, overrides)


@partial(jax.jit, static_argnames=("problem", "n"))
def _first_units(problem: Problem, key: Array, n: int) -> Units:
    return units_of(problem, problem.simulate(key, n))


@partial(jax.jit, static_argnames=("problem", "n"))
def _fresh(problem: Problem, units: Units, key: Array, n: int) -> Pool:
    return pool_of(problem, units, problem.simulate(key, n))


class Learned(NamedTuple):
    """What was learned of a problem."""

    problem: Problem
    learner: Learner
    params: Any
    units: Units

    @property
    def continuation(self) -> Continuation:
        """What going on is worth, for the dual bound; its parameters can be traced."""
        function = partial(_continuation, self.learner, self.problem)
        return jax.tree_util.Partial(function, self.params, self.units)

    @property
    def stops(self) -> Stops:
        """Where the greedy policy stops; its parameters can be traced."""
        function = partial(_stops, self.learner, self.problem)
        return jax.tree_util.Partial(function, self.params, self.units)


def _seen(
    problem: Problem, units: Units, observed: Array, payoff: Array, date: Array
) -> tuple[Array, Array]:
    """As the learner sees it; and what stopping earns, scaled."""
    earned = problem.sign * payoff / units.earned
    return observe(scaled(units, observed), earned, date, problem.dates), earned


def _stops(
    learner: Learner,
    problem: Problem,
    params: Any,
    units: Units,
    observed: Array,
    payoff: Array,
    date: Array,
) -> Array:
    seen, earned = _seen(problem, units, observed, payoff, date)
    wants = jnp.argmax(learner.evaluate(params, seen)[0], axis=-1) == STOP
    return wants & may_stop(problem.forced, earned)


def _continuation(
    learner: Learner,
    problem: Problem,
    params: Any,
    units: Units,
    observed: Array,
    payoff: Array,
    date: Array,
) -> Array:
    seen, _ = _seen(problem, units, observed, payoff, date)
    return payoff + problem.sign * units.earned * learner.evaluate(params, seen)[1]


def learn(
    problem: Problem,
    experiment: Experiment,
    on_update: Callable[[int, int], None] = lambda done, total: None,
) -> Learned:
    """Train a learner on fresh paths, others at every update.

    Args:
        problem: which.
        experiment: as `experiment_of` makes it.
        on_update: called with (updates done, updates in all).
    """
    learner, hyper = learner_of(decided(experiment)), hyper_of(experiment)
    task, key = stopping_task(problem.dates, problem.first, problem.forced), key_of(experiment.seed)
    of_paths, of_learner = jax.random.split(key)
    paths = experiment.exact.trades if experiment.learner == "exact" else PLAYED
    units = _first_units(problem, of_paths, paths)
    pool = _fresh(problem, units, jax.random.fold_in(of_paths, 0), paths)
    states = stack([learner.init(task, hyper, pool, of_learner)])
    hypers, total = stack([hyper]), num_updates(experiment)
    for done in range(total):
        states, _ = update_agents(learner, task, (), batching(), hypers, pool, states)
        pool = _fresh(problem, units, jax.random.fold_in(of_paths, done + 1), paths)
        on_update(done + 1, total)
    return Learned(problem, learner, take(learner.policy_params(states), 0), units)
