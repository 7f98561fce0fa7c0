"""From an `Experiment` to the learner's static structure and traced numbers."""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxexit.config import Experiment
from jaxexit.policies.network import NetworkSpec
from jaxexit.ppo.types import PPOParams, PPOSpec


def ppo_spec(experiment: Experiment) -> PPOSpec:
    """The static structure of an experiment's learner."""
    ppo = experiment.ppo
    return PPOSpec(
        num_envs=ppo.num_envs,
        num_steps=ppo.num_steps,
        num_epochs=ppo.num_epochs,
        minibatch_size=ppo.minibatch_size,
        network=NetworkSpec(
            hidden_sizes=tuple(experiment.network.hidden_sizes),
            layer_norm=experiment.network.layer_norm,
            initial_hold_probability=experiment.network.initial_hold_probability,
        ),
    )


def ppo_params(experiment: Experiment) -> PPOParams:
    """The traced numbers of an experiment's learner."""
    ppo = experiment.ppo
    names = set(PPOParams._fields) - {"target_kl"}
    numbers = {name: jnp.asarray(getattr(ppo, name), jnp.float32) for name in names}
    target_kl = math.inf if ppo.target_kl is None else ppo.target_kl
    return PPOParams(**numbers, target_kl=jnp.asarray(target_kl, jnp.float32))


def num_updates(experiment: Experiment) -> int:
    """Updates of a run: enough for `total_timesteps`, the last one whole."""
    ppo = experiment.ppo
    return math.ceil(ppo.total_timesteps / (ppo.num_envs * ppo.num_steps))
