"""Stable-Baselines3's own PPO with a shared extractor of the learner's trunk, on this project's task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from stable_baselines3 import PPO  # pyright: ignore[reportMissingImports]
from stable_baselines3.common.torch_layers import (  # pyright: ignore[reportMissingImports]
    BaseFeaturesExtractor,
)
from stable_baselines3.common.vec_env import VecEnv  # pyright: ignore[reportMissingImports]

from benchmarks.peers.torch_ppo import trunk
from benchmarks.peers.work import HostEnvironments, Work, observation_size
from jaxexit.env import ACTIONS


class Environments(VecEnv):
    """All environments in one compiled call a step, which is what `jaxexit.gym` wraps; no infos."""

    def __init__(self, work: Work) -> None:
        """Of the work's task."""
        shape = (observation_size(work),)
        super().__init__(
            work.learner.num_envs,
            gymnasium.spaces.Box(-np.inf, np.inf, shape, np.float32),
            gymnasium.spaces.Discrete(len(ACTIONS)),
        )
        self._host, self._actions = HostEnvironments(work), np.zeros(work.learner.num_envs, int)
        self._nothing: list[dict[str, Any]] = [{} for _ in range(work.learner.num_envs)]

    def reset(self) -> np.ndarray:
        """[num_envs, observation_size]."""
        return self._host.reset()

    def step_async(self, actions: np.ndarray) -> None:
        """Remember the actions [num_envs]."""
        self._actions = actions

    def step_wait(self) -> Any:
        """Observation, reward, done, infos. Every end is a termination: no last observation is wanted."""
        return (*self._host.step(self._actions), self._nothing)

    def close(self) -> None:
        """Nothing is open."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The adapter's own attribute, the same for every environment."""
        return [getattr(self, attr_name, None)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Not supported: environments have nothing to be set."""
        raise NotImplementedError

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> Any:
        """Not supported: there are no environment objects."""
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> Sequence[bool]:
        """Nothing is wrapped."""
        return [False] * self.num_envs


class Trunk(BaseFeaturesExtractor):
    """Dense, LayerNorm, ReLU layers, shared by policy and value."""

    def __init__(self, space: Any, sizes: Sequence[int], layer_norm: bool) -> None:
        """Args: observation space; sizes of the layers; whether they have LayerNorm."""
        super().__init__(space, features_dim=sizes[-1])
        self.layers = trunk(space.shape[0], sizes, layer_norm)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """[samples, observation_size] -> [samples, features]."""
        return self.layers(observations)


class StableBaselines3:
    """PPO's `learn`, an update at a time."""

    def __init__(self, work: Work) -> None:
        """On the CPU: with networks of this size it is slower on a GPU, as it says itself."""
        learner, numbers = work.learner, work.numbers
        network = learner.network
        self._samples = learner.batch_size
        self.model = PPO(
            "MlpPolicy",
            Environments(work),
            n_steps=learner.num_steps,
            batch_size=learner.minibatch_size,
            n_epochs=learner.num_epochs,
            learning_rate=numbers.learning_rate,
            gamma=numbers.gamma,
            gae_lambda=numbers.gae_lambda,
            clip_range=numbers.clip_epsilon,
            clip_range_vf=numbers.value_clip,
            ent_coef=numbers.entropy_coef,
            vf_coef=numbers.value_coef,
            max_grad_norm=numbers.max_grad_norm,
            policy_kwargs={
                "features_extractor_class": Trunk,
                "features_extractor_kwargs": {
                    "sizes": network.hidden_sizes,
                    "layer_norm": network.layer_norm,
                },
                "net_arch": [],
            },
            seed=0,
            device="cpu",
        )

    def advance(self) -> Any:
        """One update."""
        self.model.learn(self._samples, reset_num_timesteps=False)
        return self.model.num_timesteps
