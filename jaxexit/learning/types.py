"""The two seams of learning: a `Task` below the learner, a `Learner` above it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import jax

from jaxexit.config import Experiment
from jaxexit.policies import NetworkLayers, Policy

Array = jax.Array


class Task(NamedTuple):
    """An auto-resetting environment as the learner sees it. Static and hashable.

    All functions are pure and describe ONE environment; the learner batches them. `data` is the traced
    pytree they work on (market, trades, numbers). Leaves of the state, of the info and of what else `step`
    returns are bool, int32, uint32 or float32, and a state keeps its shapes and types from step to step. The
    exit environment is one task; the probe environments of the tests are others.
    """

    num_actions: int
    """Actions are 0 to num_actions - 1."""
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
    stopping: tuple[int, int] | None = None
    """The action that goes on and the one that ends the episode, where the task is one of stopping: what
    comes after both does not depend on the other actions, nor does the path on any. None: it is not."""
    episodes: Callable[[Any, Array], tuple[Any, Array]] | None = None
    """(data, numbers [M]) -> (the draws of these episodes, in order of time, and how many there are): a task
    of stopping can be laid out in order. Numbers count from 0 and wrap around."""
    contrasts: tuple[tuple[int, int], ...] = ()
    """Pairs of entries of the observation whose difference says something: (best so far, now)."""


class Learner(Protocol):
    """What learns a task, one agent at a time; the program around it batches agents and shares out devices.

    It is the static structure of the learning (network, batch sizes): hashable, and equal where the compiled
    program is the same. Its numbers (learning rate, ...) are the traced pytree `hyper`. Its training state is
    a pytree that nobody else looks into: everything that a run needs to be resumed bit for bit.
    """

    @property
    def batch_size(self) -> int:
        """Environment steps of one update."""
        ...

    @property
    def divisible(self) -> Mapping[str, int]:
        """Settings that must divide among the devices of one agent: key of the experiment -> value."""
        ...

    @property
    def divergence_hint(self) -> str:
        """Which settings to change when the loss is not finite; completes a sentence."""
        ...

    @property
    def collapse_hint(self) -> str | None:
        """Which settings to change when the policy's entropy is next to none; completes a sentence.

        None: that is no fault, since nothing is learned by drawing actions.
        """
        ...

    @property
    def value_words(self) -> str:
        """What the value of `evaluate` is, for readers: the beginning of a sentence."""
        ...

    def init(self, task: Task, hyper: Any, data: Any, key: Array) -> Any:
        """The training state before the first update."""
        ...

    def state_shapes(self, task: Task, hyper: Any, data: Any) -> Any:
        """Shapes and types of the training state; nothing is computed."""
        ...

    def state_specs(self, *leading: str) -> Any:
        """How a training state is laid out on a mesh: a prefix of its tree, leaves `PartitionSpec`.

        Args:
            *leading: mesh axes of the leading dimensions that every leaf begins with.
        """
        ...

    def update(
        self, task: Task, hyper: Any, data: Any, state: Any, axis: str | None = None
    ) -> tuple[Any, dict[str, Array]]:
        """One update; pure, and traced by the caller.

        Args:
            task: the environment (static).
            hyper: numbers of the learner.
            data: what the task works on.
            state: where training stands.
            axis: the mesh axis over which this agent's environments are shared out; None: one device.

        Returns:
            (state, metrics): metrics are device scalars and small arrays, among them `loss` (scalar) and
            `finite` (bool: the parameters are), and those of `task.summarise`.
        """
        ...

    def policy_params(self, state: Any) -> Any:
        """The parameters that are validated, saved as best and backtested; also of batched states."""
        ...

    def params_shapes(self, observation_size: int) -> Any:
        """Shapes and types of those parameters."""
        ...

    def policy(self, *, masked: bool, sample: bool = False) -> Policy:
        """The policy those parameters are the numbers of; equal arguments give the same object.

        Args:
            masked: guard mode `mask`: forbidden actions are never taken.
            sample: draw from the distribution instead of taking the likeliest action.
        """
        ...

    def evaluate(self, params: Any, observation: Array) -> tuple[Array, Array]:
        """[..., observation_size] -> logits [..., num_actions] and value [...], for report, audit and advice.

        The greedy policy takes the action with the largest logit; what `value` is, `value_words` says.
        """
        ...

    def layers(self, params: Any) -> NetworkLayers:
        """The policy as plain arrays, for exporters.

        Raises:
            UserError: the policy is not a network of this form and cannot be exported.
        """
        ...


class LearnerKind(NamedTuple):
    """How an experiment becomes a learner: the entry of `learners`."""

    learner: Callable[[Experiment], Learner]
    """The static structure."""
    hyper: Callable[[Experiment], Any]
    """The traced numbers, on the device."""
    num_updates: Callable[[Experiment], int]
    """Updates of a whole run."""
    traced_keys: tuple[str, ...]
    """Keys of the experiment that are traced: a sweep varies them in one program."""
    structure_keys: tuple[str, ...]
    """Keys of the experiment that make another program: a search varies them across programs."""
