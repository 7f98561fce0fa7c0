"""Generalised advantage estimation (Schulman et al. 2016, equation 16)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

Array = jax.Array


def generalised_advantages(
    rewards: Array, values: Array, dones: Array, last_value: Array, gamma: Array, gae_lambda: Array
) -> Array:
    """Advantages of a rollout.

    Args:
        rewards: [num_steps, num_envs].
        values: [num_steps, num_envs], V of the observation before each step.
        dones: [num_steps, num_envs] bool, true where the step ended its episode. Every end is a
            termination, so nothing is bootstrapped across it.
        last_value: [num_envs], V of the observation after the last step.
        gamma: discount.
        gae_lambda: lambda.

    Returns:
        [num_steps, num_envs].
    """
    nonterminal = 1.0 - dones.astype(rewards.dtype)
    next_values = jnp.concatenate([values[1:], last_value[None]])
    errors = rewards + gamma * next_values * nonterminal - values

    # A(t) = error(t) + decay(t) A(t+1) is a linear recurrence: its steps, taken as maps, are combined in a
    # tree of logarithmic depth (Blelloch 1990), 2,048 of them in eleven levels.
    decays = gamma * gae_lambda * nonterminal

    def after(later: tuple[Array, Array], earlier: tuple[Array, Array]) -> tuple[Array, Array]:
        (decay, error), (decay_before, error_before) = later, earlier
        return decay * decay_before, error_before + decay_before * error

    return jax.lax.associative_scan(after, (decays, errors), reverse=True)[1]
