"""What every peer is given: the same task, network sizes and numbers of PPO as the learner itself."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.learning import Task
from jaxexit.ppo import PPOLearner, PPOParams

Array = jax.Array


class Learner(Protocol):
    """A learner that can be timed."""

    def advance(self) -> Any:
        """One update; what it returns is there when all of it is done."""
        ...


class Numbers(NamedTuple):
    """PPO's numbers as plain floats, which peers compile in or keep on the host; schedules at their start."""

    learning_rate: float
    gamma: float
    gae_lambda: float
    clip_epsilon: float
    value_clip: float
    value_coef: float
    entropy_coef: float
    max_grad_norm: float


class Work(NamedTuple):
    """A job without a KL stop, for one peer."""

    learner: PPOLearner
    task: Task
    hyper: PPOParams
    data: Any

    @property
    def numbers(self) -> Numbers:
        """PPO's numbers."""
        values = self.hyper._asdict() | {"entropy_coef": self.hyper.entropy_coef_start}
        return Numbers(*(float(values[name]) for name in Numbers._fields))

    def shortened(self, num_steps: int) -> Work:
        """The same with shorter rollouts, for a peer that is too slow."""
        return self._replace(learner=self.learner._replace(num_steps=num_steps))


class HostEnvironments:
    """The task for a learner on the host: arrays in, arrays out, one compiled call a step.

    The reset to a new episode is in the call, as it is in the compiled learners; nothing but observation,
    reward and end is brought to the host.
    """

    def __init__(self, work: Work) -> None:
        """Environments at the beginning of their first episodes after `reset`."""
        task, envs = work.task, (work.learner.num_envs,)

        @jax.jit
        def begin(data: Any, key: Array) -> tuple[Any, Array]:
            return jax.vmap(task.reset, in_axes=(None, 0))(data, task.draw(data, key, envs))

        @jax.jit
        def step(data: Any, state: Any, action: Array, key: Array, count: Array) -> Any:
            draw = task.draw(data, jax.random.fold_in(key, count), envs)
            state, *seen, _ = jax.vmap(task.step, in_axes=(None, 0, 0, 0))(
                data, state, action, draw
            )
            return state, seen

        self._begin, self._step, self._data = begin, step, work.data
        self._key, self._count, self._state = jax.random.key(0), 0, None

    def reset(self) -> np.ndarray:
        """[num_envs, observation_size] float32."""
        self._state, observation = self._begin(self._data, jax.random.key(1))
        return np.array(observation)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """[num_envs] -> observation [num_envs, size], reward [num_envs], done [num_envs]; copies."""
        self._count += 1
        self._state, seen = self._step(
            self._data,
            self._state,
            np.asarray(action, np.int32),
            self._key,
            np.int32(self._count),
        )
        observation, reward, done = (np.array(value) for value in jax.device_get(seen))
        return observation, reward, done


def observation_size(work: Work) -> int:
    """Numbers in an observation of the task."""

    def first(data: Any, key: Array) -> Array:
        return work.task.reset(data, work.task.draw(data, key, ()))[1]

    return jax.eval_shape(first, work.data, jax.random.key(0)).shape[0]


def flat(tree: Any) -> Any:
    """Leaves [num_steps, num_envs, ...] as [samples, ...]."""
    return jax.tree.map(lambda leaf: jnp.reshape(leaf, (-1, *leaf.shape[2:])), tree)
