"""PPO as PureJaxRL writes it (Lu et al. 2022), on this project's task and network; written for the benchmark.

Kept from it: scans of scans; keys split at every step, the action sampled and the environment reset from
them inside the rollout's scan; `jax.random.permutation` over the whole batch, which is gathered at once, each
epoch; Flax's own Dense and LayerNorm; `optax.chain` with clip and `adam` inside; PPO's numbers compiled in.
Changed, in its favour where it matters: a shared trunk; the steps' infos are summed up instead of being
shuffled and returned; the market is an argument and no constant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState

from benchmarks.peers.work import Numbers, Work, flat, observation_size
from jaxexit.env import ACTIONS

Array = jax.Array


class ActorCritic(nn.Module):
    """The network of `jaxexit.policies` from Flax's own layers."""

    hidden_sizes: tuple[int, ...]
    layer_norm: bool

    @nn.compact
    def __call__(self, hidden: Array) -> tuple[Array, Array]:
        """[..., observation_size] -> logits [..., 5], value [...]."""
        for size in self.hidden_sizes:
            hidden = nn.Dense(size, kernel_init=nn.initializers.orthogonal(2.0**0.5))(hidden)
            hidden = nn.relu(nn.LayerNorm()(hidden) if self.layer_norm else hidden)
        logits = nn.Dense(len(ACTIONS), kernel_init=nn.initializers.orthogonal(0.01))(hidden)
        value = nn.Dense(1, kernel_init=nn.initializers.orthogonal(1.0))(hidden)
        return logits, jnp.squeeze(value, axis=-1)


class Transition(NamedTuple):
    """One step of an environment."""

    done: Array
    action: Array
    value: Array
    reward: Array
    log_prob: Array
    observation: Array


class Runner(NamedTuple):
    """What an update passes to the next one."""

    train: TrainState
    env_state: Any
    observation: Array
    key: Array


def loss(
    apply: Callable[..., Any],
    params: Any,
    numbers: Numbers,
    transitions: Transition,
    advantage: Array,
    target: Array,
) -> Array:
    """PPO's loss of one minibatch, [samples, ...]."""
    logits, value = apply(params, transitions.observation)
    log_probs = jax.nn.log_softmax(logits)
    log_prob = jnp.take_along_axis(log_probs, transitions.action[:, None], axis=-1)[:, 0]

    clipped = transitions.value + (value - transitions.value).clip(
        -numbers.value_clip, numbers.value_clip
    )
    value_loss = jnp.maximum(jnp.square(value - target), jnp.square(clipped - target))

    ratio = jnp.exp(log_prob - transitions.log_prob)
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    bounded = jnp.clip(ratio, 1.0 - numbers.clip_epsilon, 1.0 + numbers.clip_epsilon)
    actor_loss = -jnp.minimum(ratio * advantage, bounded * advantage).mean()
    entropy = -(jnp.exp(log_probs) * log_probs).sum(-1).mean()
    critic_loss = 0.5 * value_loss.mean()
    return actor_loss + numbers.value_coef * critic_loss - numbers.entropy_coef * entropy


def make_update(work: Work) -> Callable[[Any, Runner], tuple[Runner, Any]]:
    """The body of PureJaxRL's scan over updates: (data, runner) -> (runner, metrics)."""
    learner, task, numbers = work.learner, work.task, work.numbers

    def env_step(data: Any, runner: Runner) -> tuple[Runner, tuple[Transition, Any]]:
        train, env_state, observation, key = runner
        key, key_action, key_step = jax.random.split(key, 3)
        logits, value = train.apply_fn(train.params, observation)
        action = jax.random.categorical(key_action, logits)
        log_prob = jnp.take_along_axis(jax.nn.log_softmax(logits), action[:, None], axis=-1)[:, 0]

        def step_one(key: Array, state: Any, action: Array) -> Any:
            return task.step(data, state, action, task.draw(data, key, ()))

        keys = jax.random.split(key_step, learner.num_envs)
        env_state, after, reward, done, info = jax.vmap(step_one)(keys, env_state, action)
        kept = Transition(done, action, value, reward, log_prob, observation)
        return Runner(train, env_state, after, key), (kept, info)

    def advantages(transitions: Transition, last_value: Array) -> tuple[Array, Array]:
        def backwards(carry: tuple[Array, Array], step: Transition) -> Any:
            advantage, next_value = carry
            continues = 1.0 - step.done
            delta = step.reward + numbers.gamma * next_value * continues - step.value
            advantage = delta + numbers.gamma * numbers.gae_lambda * continues * advantage
            return (advantage, step.value), advantage

        start = (jnp.zeros_like(last_value), last_value)
        _, advantages = jax.lax.scan(backwards, start, transitions, reverse=True, unroll=16)
        return advantages, advantages + transitions.value

    def minibatch(train: TrainState, batch: tuple[Transition, Array, Array]) -> Any:
        def of(params: Any) -> Array:
            return loss(train.apply_fn, params, numbers, *batch)

        value, gradients = jax.value_and_grad(of)(train.params)
        return train.apply_gradients(grads=gradients), value

    def epoch(carry: tuple[TrainState, Any, Array], _: None) -> Any:
        train, batch, key = carry
        key, key_shuffle = jax.random.split(key)
        order = jax.random.permutation(key_shuffle, learner.batch_size)
        shuffled = jax.tree.map(lambda leaf: jnp.take(leaf, order, axis=0), flat(batch))
        minibatches = jax.tree.map(
            lambda leaf: leaf.reshape(learner.num_minibatches, -1, *leaf.shape[1:]), shuffled
        )
        train, losses = jax.lax.scan(minibatch, train, minibatches)
        return (train, batch, key), losses

    def update(data: Any, runner: Runner) -> tuple[Runner, Any]:
        runner, (transitions, infos) = jax.lax.scan(
            lambda carry, _: env_step(data, carry), runner, None, learner.num_steps
        )
        _, last_value = runner.train.apply_fn(runner.train.params, runner.observation)
        batch = (transitions, *advantages(transitions, last_value))
        (train, _, key), losses = jax.lax.scan(
            epoch, (runner.train, batch, runner.key), None, learner.num_epochs
        )
        metrics = {"loss": losses.mean(), **task.summarise(data, infos)}
        return runner._replace(train=train, key=key), metrics

    return update


def start(work: Work, seed: int = 0) -> Runner:
    """The runner before the first update."""
    learner, task, numbers = work.learner, work.task, work.numbers
    network = ActorCritic(learner.network.hidden_sizes, learner.network.layer_norm)
    key, key_network, key_draw = jax.random.split(jax.random.key(seed), 3)

    def schedule(count: Any) -> Any:
        steps = count // (learner.num_minibatches * learner.num_epochs) * learner.batch_size
        return numbers.learning_rate * (1.0 - steps / float(work.hyper.total_timesteps))

    optimiser = optax.chain(
        optax.clip_by_global_norm(numbers.max_grad_norm), optax.adam(schedule, eps=1e-5)
    )
    params = network.init(key_network, jnp.zeros(observation_size(work)))
    train = TrainState.create(apply_fn=network.apply, params=params, tx=optimiser)
    draws = task.draw(work.data, key_draw, (learner.num_envs,))
    env_state, observation = jax.vmap(task.reset, in_axes=(None, 0))(work.data, draws)
    return Runner(train, env_state, observation, key)


class PureJaxRL:
    """The reference as a learner to be timed: one update a call, its state donated."""

    def __init__(self, work: Work) -> None:
        """Compiles when it first advances."""
        self._work, self.runner, self.metrics = work, start(work), {}
        self._update = jax.jit(make_update(work), donate_argnums=1)

    @property
    def program(self) -> tuple[Any, tuple[Any, ...]]:
        """The compiled function of an update and its arguments."""
        return self._update, (self._work.data, self.runner)

    def advance(self) -> Any:
        """One update."""
        self.runner, self.metrics = self._update(self._work.data, self.runner)
        return jax.block_until_ready(self.metrics)
