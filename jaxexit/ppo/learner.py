"""PPO as a `Learner`, and how an experiment's sections `ppo` and `network` become one."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np
from jax.sharding import PartitionSpec as P

from jaxexit.arrays import on_device
from jaxexit.config import Experiment
from jaxexit.learning.by_network import ByNetwork
from jaxexit.learning.devices import ENVS
from jaxexit.learning.types import LearnerKind, Task
from jaxexit.policies import network_spec
from jaxexit.ppo.types import PPOParams, PPOSpec, TrainState
from jaxexit.ppo.update import init_state, state_shapes, update

Array = jax.Array


class PPOLearner(PPOSpec, ByNetwork):
    """PPO with an actor-critic network (see `learning.Learner` for what each method is)."""

    @property
    def divisible(self) -> dict[str, int]:
        """See `Learner`."""
        return {"ppo.num_envs": self.num_envs, "ppo.minibatch_size": self.minibatch_size}

    @property
    def divergence_hint(self) -> str:
        """See `Learner`."""
        return "lower ppo.learning_rate or ppo.max_grad_norm"

    @property
    def collapse_hint(self) -> str:
        """See `Learner`."""
        return "raise ppo.entropy_coef_end or lengthen ppo.entropy_anneal_steps"

    @property
    def value_words(self) -> str:
        """See `Learner`."""
        return "The network's estimate of the discounted reward still to come"

    def init(self, task: Task, hyper: PPOParams, data: Any, key: Array) -> TrainState:
        """Fresh parameters, environments at their first decision."""
        return init_state(self, task, hyper, data, key)

    def state_shapes(self, task: Task, hyper: PPOParams, data: Any) -> TrainState:
        """See `Learner`."""
        return state_shapes(self, task, hyper, data)

    def state_specs(self, *leading: str) -> TrainState:
        """Environments shared out, all else on every device of the agent."""
        whole: Any = P(*leading)
        shared_out: Any = P(*leading, ENVS)
        return TrainState(
            params=whole,
            averaged=whole,
            optimiser=whole,
            env_state=shared_out,
            observation=shared_out,
            key=whole,
            update=whole,
        )

    def update(
        self, task: Task, hyper: PPOParams, data: Any, state: TrainState, axis: str | None = None
    ) -> tuple[TrainState, dict[str, Array]]:
        """One rollout of `num_envs` x `num_steps` samples, then the epochs.

        Losses are means over the minibatches that were applied.
        """
        return update(self, task, hyper, data, state, axis)

    def policy_params(self, state: TrainState) -> Any:
        """The averaged parameters (see `ppo.polyak_window`)."""
        return state.averaged


def ppo_learner(experiment: Experiment) -> PPOLearner:
    """The static structure of an experiment's learner.

    With `network.precision: auto` it can do everything but learn, until the precision is decided (see
    `learning.precision.decided`).
    """
    ppo = experiment.ppo
    return PPOLearner(
        num_envs=ppo.num_envs,
        num_steps=ppo.num_steps,
        num_epochs=ppo.num_epochs,
        minibatch_size=ppo.minibatch_size,
        network=network_spec(experiment.network),
        precision=experiment.precision_used or experiment.network.precision,
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


PPO = LearnerKind(
    learner=ppo_learner,
    hyper=ppo_params,
    num_updates=num_updates,
    traced_keys=tuple(f"ppo.{name}" for name in PPOParams._fields if name != "total_timesteps"),
    structure_keys=(
        "ppo.num_envs",
        "ppo.num_steps",
        "ppo.num_epochs",
        "ppo.minibatch_size",
        "network.hidden_sizes",
        "network.layer_norm",
        "network.initial_hold_probability",
        "network.precision",
    ),
)
