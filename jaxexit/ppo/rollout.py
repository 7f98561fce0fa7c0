"""The rollout: `vmap` of a task's step over environments, `scan`ned over time, on the device."""

from __future__ import annotations

import math
from typing import Any

import chex
import jax
import jax.numpy as jnp

from jaxexit.learning.types import Task
from jaxexit.policies import forward
from jaxexit.ppo.advantages import generalised_advantages
from jaxexit.ppo.loss import log_probabilities, log_probability_of
from jaxexit.ppo.types import Batch, PPOParams, PPOSpec
from jaxexit.ppo.words import pack, unpack

Array = jax.Array


def collect(
    spec: PPOSpec,
    task: Task,
    params: Any,
    data: Any,
    hyper: PPOParams,
    env_state: Any,
    observation: Array,
    key: Array,
    axis: str | None = None,
) -> tuple[Any, Array, Batch, Any]:
    """Play `num_steps` steps in `num_envs` environments and estimate advantages.

    Random numbers are drawn before the scan: the same numbers, fewer and larger kernels in its body.

    Args:
        spec: structure of the learner.
        task: the environment.
        params: of the network.
        data: what the task works on.
        hyper: numbers of the learner.
        env_state: where the environments stand; with an `axis` only those of this device.
        observation: what they see.
        key: typed PRNG key.
        axis: the mesh's axis over which the environments are shared out, if they are: each one gets
            the random numbers that it would get on one device.

    Returns:
        (env_state, observation, batch, infos): where the environments stand, the samples
        [num_steps, num_envs, ...] and the task's infos, stacked likewise; with an `axis` this device's.
    """
    random = _random_numbers(spec, task, data, key, observation.shape[0], axis)

    # One array of words is carried and one is stacked: see `ppo.words`.
    state_like, samples_like = env_state, []

    def one_step(carry: tuple[Array, Array], random: tuple[Array, Any]):
        words, observation = carry
        env_state = unpack(words, state_like)
        gumbel, draw = random
        logits, value = forward(spec.network, params, observation, spec.precision)
        valid = None
        if task.valid is not None:
            valid = jax.vmap(task.valid, in_axes=(None, 0))(data, env_state)
        log_probs = log_probabilities(logits, valid)
        action = jnp.argmax(log_probs + gumbel, axis=-1)  # the Gumbel-max trick: an exact sample
        log_prob = log_probability_of(log_probs, action)
        env_state, next_observation, reward, done, info = jax.vmap(
            task.step, in_axes=(None, 0, 0, 0)
        )(data, env_state, action, draw)
        chex.assert_trees_all_equal_shapes_and_dtypes(env_state, state_like)
        sample = (valid, action, log_prob, value, reward, done, info)
        samples_like.append(
            jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), sample)
        )
        return (pack(env_state), next_observation), (observation, pack(sample))

    (words, observation), (observations, samples) = jax.lax.scan(
        one_step, (pack(env_state), observation), random
    )
    env_state = unpack(words, state_like)
    valid, action, log_prob, value, reward, done, infos = unpack(samples, samples_like[0])
    _, last_value = forward(spec.network, params, observation, spec.precision)
    advantage = generalised_advantages(
        reward, value, done, last_value, hyper.gamma, hyper.gae_lambda
    )
    batch = Batch(
        observation=observations,
        valid=valid,
        action=action,
        log_prob=log_prob,
        value=value,
        advantage=advantage,
        target=advantage + value,
    )
    chex.assert_tree_shape_prefix((batch, infos), (spec.num_steps, observation.shape[0]))
    return env_state, observation, batch, infos


def _random_numbers(
    spec: PPOSpec, task: Task, data: Any, key: Array, here: int, axis: str | None
) -> tuple[Array, Any]:
    """Gumbel noise [num_steps, here, num_actions] and the task's draws, of the `here` environments."""
    key_action, key_draw = jax.random.split(key)
    shape = (spec.num_steps, spec.num_envs)
    # Drawn in one row: the same numbers as in this shape, a quarter of the time to compile, half to run.
    noise = jax.random.gumbel(key_action, (math.prod(shape) * task.num_actions,))
    noise = noise.reshape(*shape, task.num_actions)
    draws = task.draw(data, key_draw, shape)
    if axis is None:
        return noise, draws
    first = jax.lax.axis_index(axis) * here
    return jax.tree.map(
        lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, first, here, axis=1), (noise, draws)
    )
