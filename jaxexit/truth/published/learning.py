"""The package's learners on a published problem: trained on fresh paths, judged on others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.arrays import key_of
from jaxexit.config import Experiment, with_overrides
from jaxexit.config.learning import PPO, Exact, LearnerName, Network
from jaxexit.config.trading import Env
from jaxexit.errors import ConfigError
from jaxexit.learners import hyper_of, learner_of, num_updates
from jaxexit.learning import batching, stack, take, update_agents
from jaxexit.learning.precision import decided
from jaxexit.learning.types import Learner
from jaxexit.truth.published.problem import Continuation, Problem
from jaxexit.truth.published.task import STOP, Pool, observe, pool_of, stopping_task

Array = jax.Array

POOL = 8192  # paths simulated, and valued, at once
LEARNERS: tuple[LearnerName, ...] = ("exact", "ppo")
SECTIONS = ("exact", "ppo", "network")  # of the experiment, that may be overridden
"""Sections of the experiment that may be overridden."""
EXACT = Exact(
    updates=30,
    trades=POOL,
    rounds=4,
    minibatches=30,
    minibatch_size=1024,
    anchor=(0.0,),
    luck_removed=0.0,
    trace_decay=1.0,
)
PROXIMAL = PPO(
    num_envs=256,
    num_steps=64,
    total_timesteps=2_000_000,
    num_epochs=6,
    gamma=1.0,
    value_clip=100.0,  # out of play
    target_kl=0.03,
    learning_rate=1.5e-3,
    entropy_coef_start=0.005,
    entropy_coef_end=0.0005,
    entropy_anneal_steps=2_000_000,
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
    experiment = Experiment(
        version=f"exam_{problem.name}",
        learner=learner,
        seed=seed,
        env=Env(max_bars=problem.dates - problem.first),
        exact=EXACT,
        ppo=PROXIMAL,
        network=Network(hidden_sizes=(64, 64), initial_hold_probability=0.92),
    )
    return with_overrides(experiment, overrides)


@partial(jax.jit, static_argnames=("problem", "n"))
def simulated(problem: Problem, key: Array, n: int) -> Pool:
    """Fresh paths, as learners see them."""
    return pool_of(problem, problem.simulate(key, n))


class Learned(NamedTuple):
    """What was learned of a problem."""

    problem: Problem
    learner: Learner
    params: Any

    @property
    def continuation(self) -> Continuation:
        """What going on is worth, for the dual bound; its parameters can be traced."""
        function = partial(_continuation, self.learner, self.problem)
        return jax.tree_util.Partial(function, self.params)


def _continuation(
    learner: Learner, problem: Problem, params: Any, observed: Array, payoff: Array, date: Array
) -> Array:
    earned = problem.sign * payoff
    seen = observe(observed, earned, date, problem.dates)
    return problem.sign * (earned + learner.evaluate(params, seen)[1])


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
    task, key = stopping_task(problem.dates, problem.first), key_of(experiment.seed)
    of_paths, of_learner = jax.random.split(key)
    pool = simulated(problem, jax.random.fold_in(of_paths, 0), POOL)
    states = stack([learner.init(task, hyper, pool, of_learner)])
    hypers, total = stack([hyper]), num_updates(experiment)
    for done in range(total):
        states, _ = update_agents(learner, task, (), batching(), hypers, pool, states)
        pool = simulated(problem, jax.random.fold_in(of_paths, done + 1), POOL)
        on_update(done + 1, total)
    return Learned(problem, learner, take(learner.policy_params(states), 0))


@partial(jax.jit, static_argnames=("learner", "dates", "first"))
def earned_by(learner: Learner, dates: int, first: int, params: Any, pool: Pool) -> Array:
    """[N] what the greedy policy earns on each path."""

    def stops(date: Array) -> Array:
        earned = pool.earned[:, date]
        seen = observe(pool.observed[:, date], earned, date, dates)
        return jnp.argmax(learner.evaluate(params, seen)[0], axis=-1) == STOP

    stopped = jax.lax.map(stops, jnp.arange(first, dates))  # [D - first, N]
    when = jnp.where(stopped.any(axis=0), first + jnp.argmax(stopped, axis=0), dates)
    return jnp.take_along_axis(pool.earned, when[:, None], axis=1)[:, 0]


class Valued(NamedTuple):
    """The mean over fresh paths of what a policy gets, in the payoff's sign."""

    value: float
    error: float  # standard error
    paths: int


def valued(learned: Learned, seed: int, paths: int) -> Valued:
    """Play the greedy policy on fresh paths: a lower bound (of a cost: an upper one) but for the error.

    Args:
        learned: what.
        seed: of the paths; none was trained on.
        paths: how many, rounded up to whole pools.
    """
    problem, key = learned.problem, jax.random.fold_in(key_of(seed), 2**31)
    results = [
        np.asarray(
            earned_by(
                learned.learner,
                problem.dates,
                problem.first,
                learned.params,
                simulated(problem, jax.random.fold_in(key, number), POOL),
            ),
            np.float64,
        )
        for number in range(-(-paths // POOL))
    ]
    earned = problem.sign * np.concatenate(results)
    return Valued(
        float(earned.mean()), float(earned.std(ddof=1) / np.sqrt(len(earned))), len(earned)
    )
