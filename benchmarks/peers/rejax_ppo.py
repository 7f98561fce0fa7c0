"""rejax's own PPO (its separate networks without LayerNorm, its clip by value) on this project's task."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from gymnax.environments import spaces  # pyright: ignore[reportMissingImports]
from rejax import PPO  # pyright: ignore[reportMissingImports]

from benchmarks.peers.work import Work, observation_size
from jaxexit.env import ACTIONS

Array = jax.Array


class GymnaxLike:
    """The task with the methods of a Gymnax environment; its parameters are the task's data."""

    def __init__(self, work: Work) -> None:
        """Hashed by identity: the environment is static."""
        self._task, self._size = work.task, observation_size(work)
        self.default_params = work.data

    def reset(self, key: Array, params: Any) -> tuple[Array, Any]:
        """Observation and state of a new episode."""
        state, observation = self._task.reset(params, self._task.draw(params, key, ()))
        return observation, state

    def step(self, key: Array, state: Any, action: Array, params: Any) -> Any:
        """Observation, state, reward, done, info; a new episode after an end."""
        draw = self._task.draw(params, key, ())
        state, observation, reward, done, _ = self._task.step(params, state, action, draw)
        return observation, state, reward, done, {}

    def action_space(self, params: Any) -> Any:
        """Five actions."""
        del params
        return spaces.Discrete(len(ACTIONS))

    def observation_space(self, params: Any) -> Any:
        """Of one environment."""
        del params
        return spaces.Box(-np.inf, np.inf, (self._size,))

    def __deepcopy__(self, memo: Any) -> GymnaxLike:
        return self  # rejax copies its configuration


class Rejax:
    """rejax's training iteration, compiled, its state donated."""

    def __init__(self, work: Work) -> None:
        """Compiles when it first advances."""
        learner, numbers = work.learner, work.numbers
        self.algorithm: Any = PPO.create(
            env=GymnaxLike(work),
            env_params=work.data,
            agent_kwargs={
                "hidden_layer_sizes": learner.network.hidden_sizes,
                "activation": "relu",
            },
            num_envs=learner.num_envs,
            num_steps=learner.num_steps,
            num_epochs=learner.num_epochs,
            num_minibatches=learner.num_minibatches,
            learning_rate=numbers.learning_rate,
            gamma=numbers.gamma,
            gae_lambda=numbers.gae_lambda,
            clip_eps=numbers.clip_epsilon,
            vf_coef=numbers.value_coef,
            ent_coef=numbers.entropy_coef,
            max_grad_norm=numbers.max_grad_norm,
        )
        self.state = self.algorithm.init_state(jax.random.key(0))
        self._iterate = jax.jit(
            lambda algorithm, state: algorithm.train_iteration(state), donate_argnums=1
        )

    def advance(self) -> Any:
        """One update."""
        self.state = self._iterate(self.algorithm, self.state)
        return jax.block_until_ready(self.state.global_step)
