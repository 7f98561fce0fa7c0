"""A plain PyTorch PPO of the shape that the system before this one had: a shared trunk and larger heads.

What is known of that system is its share of the matrix rate by this job's count (18 to 24%) and by its own
(35 to 46%): it computed 1.9 times as much. Heads with a hidden layer of half the trunk's width, 256-128-5 and
256-128-1, compute 1.88 times as much, and are what is timed here. The loop is the usual one: a step of all
environments at a time, sampled with `torch.distributions`, epochs over `torch.randperm`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]
from torch.distributions import Categorical  # pyright: ignore[reportMissingImports]

from benchmarks.peers.work import HostEnvironments, Work, observation_size
from jaxexit.env import ACTIONS


def dense(inputs: int, outputs: int, gain: float) -> nn.Linear:
    """A dense layer, orthogonal."""
    layer = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


def trunk(inputs: int, sizes: Sequence[int], layer_norm: bool) -> nn.Sequential:
    """Dense, LayerNorm, ReLU layers."""
    layers: list[nn.Module] = []
    for before, after in pairwise((inputs, *sizes)):
        norm = [nn.LayerNorm(after, eps=1e-6)] if layer_norm else []
        layers += [dense(before, after, 2.0**0.5), *norm, nn.ReLU()]
    return nn.Sequential(*layers)


class Network(nn.Module):
    """The trunk, and two heads with a hidden layer each."""

    def __init__(self, inputs: int, sizes: Sequence[int], layer_norm: bool) -> None:
        """Args: size of an observation; sizes of the trunk; whether it has LayerNorm."""
        super().__init__()
        self.trunk = trunk(inputs, sizes, layer_norm)
        self.policy, self.value = (
            nn.Sequential(
                dense(sizes[-1], sizes[-1] // 2, 2.0**0.5),
                nn.ReLU(),
                dense(sizes[-1] // 2, outputs, gain),
            )
            for outputs, gain in ((len(ACTIONS), 0.01), (1, 1.0))
        )

    def forward(self, observation: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[samples, observation_size] -> logits [samples, 5], value [samples]."""
        hidden = self.trunk(observation)
        return self.policy(hidden), self.value(hidden)[:, 0]


class TorchPPO:
    """The learner on the host."""

    def __init__(self, work: Work) -> None:
        """Environments at their first step."""
        torch.manual_seed(0)
        learner = work.learner
        self._work, self._size = work, observation_size(work)
        network = learner.network
        self.network = Network(self._size, network.hidden_sizes, network.layer_norm)
        self._optimiser = torch.optim.Adam(
            self.network.parameters(), lr=work.numbers.learning_rate, eps=1e-5
        )
        self._environments = HostEnvironments(work)
        self._seen = torch.from_numpy(self._environments.reset())
        self.mean_reward = 0.0

    def advance(self) -> Any:
        """One update."""
        batch = self._rollout()
        learner = self._work.learner
        for _ in range(learner.num_epochs):
            order = torch.randperm(learner.batch_size)
            for rows in order.split(learner.minibatch_size):
                self._minibatch(*(column[rows] for column in batch))
        return self.mean_reward

    @torch.no_grad()
    def _rollout(self) -> tuple[torch.Tensor, ...]:
        """Observation, action, log-probability, value, advantage and target, [samples, ...]."""
        learner, numbers = self._work.learner, self._work.numbers
        shape = (learner.num_steps, learner.num_envs)
        observations = torch.zeros((*shape, self._size))
        actions = torch.zeros(shape, dtype=torch.int64)
        log_probs, values, rewards, ends = (torch.zeros(shape) for _ in range(4))
        for step in range(learner.num_steps):
            logits, value = self.network(self._seen)
            chosen = Categorical(logits=logits)
            action = chosen.sample()
            observations[step], actions[step] = self._seen, action
            log_probs[step], values[step] = chosen.log_prob(action), value
            seen, reward, done = self._environments.step(action.numpy())
            self._seen = torch.from_numpy(seen)
            rewards[step], ends[step] = torch.from_numpy(reward), torch.from_numpy(done).float()
        _, following = self.network(self._seen)
        advantages, advantage = torch.zeros(shape), torch.zeros(learner.num_envs)
        for step in reversed(range(learner.num_steps)):
            continues = 1.0 - ends[step]
            error = rewards[step] + numbers.gamma * following * continues - values[step]
            advantage = error + numbers.gamma * numbers.gae_lambda * continues * advantage
            advantages[step], following = advantage, values[step]
        self.mean_reward = float(rewards.mean())
        columns = (observations, actions, log_probs, values, advantages, advantages + values)
        return tuple(column.flatten(0, 1) for column in columns)

    def _minibatch(
        self,
        observation: torch.Tensor,
        action: torch.Tensor,
        log_prob: torch.Tensor,
        old_value: torch.Tensor,
        advantage: torch.Tensor,
        target: torch.Tensor,
    ) -> None:
        numbers = self._work.numbers
        logits, value = self.network(observation)
        chosen = Categorical(logits=logits)
        ratio = (chosen.log_prob(action) - log_prob).exp()
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        bounded = ratio.clamp(1.0 - numbers.clip_epsilon, 1.0 + numbers.clip_epsilon)
        policy_loss = -torch.min(ratio * advantage, bounded * advantage).mean()
        step = (value - old_value).clamp(-numbers.value_clip, numbers.value_clip)
        error = torch.max((value - target) ** 2, (old_value + step - target) ** 2)
        loss = policy_loss + numbers.value_coef * 0.5 * error.mean()
        loss = loss - numbers.entropy_coef * chosen.entropy().mean()
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), numbers.max_grad_norm)
        self._optimiser.step()
