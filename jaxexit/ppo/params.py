"""From an `Experiment` to the learner's static structure and traced numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from jaxexit.arrays import on_device
from jaxexit.config import Experiment
from jaxexit.policies import network_spec
from jaxexit.ppo.types import PPOParams, PPOSpec


def ppo_spec(experiment: Experiment) -> PPOSpec:
    """The static structure of an experiment's learner."""
    ppo = experiment.ppo
    return PPOSpec(
        num_envs=ppo.num_envs,
        num_steps=ppo.num_steps,
        num_epochs=ppo.num_epochs,
        minibatch_size=ppo.minibatch_size,
        network=network_spec(experiment.network),
    )


def ppo_params(experiment: Experiment) -> PPOParams:
    """The traced numbers of an experiment's learner."""
    ppo = experiment.ppo
    names = set(PPOParams._fields) - {"target_kl"}
    numbers: dict[str, Any] = {name: np.float32(getattr(ppo, name)) for name in names}
    target_kl = math.inf if ppo.target_kl is None else ppo.target_kl
    numbers["target_kl"] = np.float32(target_kl)
    return on_device(PPOParams(**numbers))


def num_updates(experiment: Experiment) -> int:
    """Updates of a run: enough for `total_timesteps`, the last one whole."""
    ppo = experiment.ppo
    return math.ceil(ppo.total_timesteps / (ppo.num_envs * ppo.num_steps))
