"""What PPO is made of: its structure, its numbers, its training state, and a batch of samples."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import jax

from jaxexit.learning.types import Task
from jaxexit.policies import AskedPrecision, NetworkSpec

Array = jax.Array


class PPOSpec(NamedTuple):
    """Structure of PPO: static under jit, hashable."""

    num_envs: int
    num_steps: int
    num_epochs: int
    minibatch_size: int
    network: NetworkSpec
    precision: AskedPrecision = "float32"  # of the network's products; decided before it learns

    @property
    def batch_size(self) -> int:
        """Samples, and environment steps, an update."""
        return self.num_envs * self.num_steps

    @property
    def num_minibatches(self) -> int:
        """Minibatches an epoch."""
        return self.batch_size // self.minibatch_size

    def for_task(self, task: Task) -> Self:
        """The same with a policy head of the task's actions."""
        return self._replace(network=self.network._replace(num_actions=task.num_actions))


class PPOParams(NamedTuple):
    """Every number of the learner that a user tunes: traced scalars."""

    total_timesteps: (
        Array  # environment steps of the whole run; the learning rate's schedule ends here
    )
    gamma: Array
    gae_lambda: Array
    clip_epsilon: Array
    value_clip: Array
    value_coef: Array
    target_kl: Array  # +inf switches the stop off
    learning_rate: Array
    learning_rate_end: Array
    max_grad_norm: Array
    entropy_coef_start: Array
    entropy_coef_end: Array
    entropy_anneal_steps: Array  # environment steps
    polyak_window: (
        Array  # share of the run's updates that the validated parameters are averaged over
    )


class TrainState(NamedTuple):
    """Everything that a run needs to be resumed bit for bit."""

    params: Any
    averaged: Any  # of the same shapes: what is validated, saved as best, and backtested
    optimiser: Any
    env_state: Any  # [num_envs, ...]
    observation: Array  # [num_envs, observation_size]
    key: Array  # typed PRNG key
    update: Array  # int32: updates done


class Batch(NamedTuple):
    """Samples of one rollout. Leading dimensions [num_steps, num_envs], or flat [samples]."""

    observation: Array
    valid: Array | None  # [..., num_actions] bool, None when nothing is masked
    action: Array
    log_prob: Array
    value: Array
    advantage: Array
    target: Array  # value target: advantage + value
