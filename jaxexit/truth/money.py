"""The learner of the exams: rewarded in money and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jaxexit.arrays import key_of
from jaxexit.config import Experiment
from jaxexit.config.learning import PPO, Network
from jaxexit.config.market import Costs
from jaxexit.config.trading import Env, Reward
from jaxexit.env import EnvSpec, World
from jaxexit.learners import hyper_of, learner_of, num_updates
from jaxexit.learning import batching, exit_task, stack, take, update_agents
from jaxexit.learning.precision import decided

MONEY = Reward(
    w_mtm=1.0,
    reward_scale=1000.0,  # so that the value's error weighs in the loss: 10 pips are 1
    regret_coef=0.0,
    time_coef=0.0,
    tighten_sl_cost=0.0,
    trail_sl_cost=0.0,
    invalid_action_penalty=0.0,
)
"""The change of what the trade is worth, bar by bar, costs included."""


def money_experiment(name: str, *, env: Env, costs: Costs, steps: int, seed: int) -> Experiment:
    """An experiment of money only, undiscounted, that begins by holding.

    What each of these settings is worth, and what v2's own would cost, is in docs/exams.md.

    Args:
        name: of the exam.
        env: its fills and horizon.
        costs: as the market charges them.
        steps: environment steps of training; schedules end there.
        seed: of the training.
    """
    return Experiment(
        version=f"exam_{name}",
        seed=seed,
        costs=costs,
        env=env,
        reward=MONEY,
        ppo=PPO(
            num_steps=256,
            total_timesteps=steps,
            num_epochs=6,
            gamma=1.0,
            value_clip=100.0,  # out of play
            target_kl=0.03,
            learning_rate=1.5e-3,
            entropy_coef_start=0.005,
            entropy_coef_end=0.0005,
            entropy_anneal_steps=steps,
        ),
        network=Network(hidden_sizes=(64, 64), initial_hold_probability=0.92),
    )


def train(
    experiment: Experiment,
    spec: EnvSpec,
    world: World,
    on_update: Callable[[int, int], None] = lambda done, total: None,
) -> Any:
    """The parameters that are judged at the end of an experiment's learning on a world.

    Args:
        experiment: what to train.
        spec: structure of the world.
        world: market, trades, numbers.
        on_update: called with (updates done, updates in all).
    """
    learner, hyper, task = learner_of(decided(experiment)), hyper_of(experiment), exit_task(spec)
    states = stack([learner.init(task, hyper, world, key_of(experiment.seed))])
    hypers, total = stack([hyper]), num_updates(experiment)
    for done in range(total):
        states, _ = update_agents(learner, task, (), batching(), hypers, world, states)
        on_update(done + 1, total)
    return take(learner.policy_params(states), 0)
