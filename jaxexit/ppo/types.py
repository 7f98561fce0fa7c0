"""What the learner is made of: its structure, its numbers, its state, and the task it learns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from jaxexit.policies.network import NetworkSpec

Array = jax.Array


class Task(NamedTuple):
    """An auto-resetting environment as the learner sees it. Static and hashable.

    All functions are pure and describe ONE environment; the learner batches them. `data` is the traced
    pytree they work on (market, trades, numbers). The exit environment is one task; the probe
    environments of the tests are others.
    """

    draw: Callable[[Any, Array, tuple[int, ...]], Any]
    """(data, key, shape) -> random numbers for resets, a pytree with leading dimensions `shape`."""
    reset: Callable[[Any, Any], tuple[Any, Array]]
    """(data, one draw) -> (state, observation)."""
    valid: Callable[[Any, Any], Array] | None
    """(data, state) -> [num_actions] bool, or None when every action is always allowed."""
    step: Callable[[Any, Any, Array, Any], tuple[Any, Array, Array, Array, Any]]
    """(data, state, action, one draw) -> (next state, its observation, reward, done, info).

    Every end is a termination. After `done` the returned state is that of a new episode."""
    summarise: Callable[[Any, Any], dict[str, Array]]
    """(data, infos stacked [num_steps, num_envs, ...]) -> metrics, reduced on the device."""


class PPOSpec(NamedTuple):
    """Structure of the learner: static under jit, hashable."""

    num_envs: int
    num_steps: int
    num_epochs: int
    minibatch_size: int
    network: NetworkSpec

    @property
    def batch_size(self) -> int:
        """Samples, and environment steps, an update."""
        return self.num_envs * self.num_steps

    @property
    def num_minibatches(self) -> int:
        """Minibatches an epoch."""
        return self.batch_size // self.minibatch_size


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
    polyak_window: Array  # share of the run's updates that the judged parameters are averaged over


class TrainState(NamedTuple):
    """Everything that must survive an interruption for the run to go on bit for bit."""

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
