"""Schedules, computed on the device from the update index."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxexit.ppo.types import PPOParams

Array = jax.Array


def _linear(start: Array, end: Array, progress: Array) -> Array:
    return start + (end - start) * jnp.clip(progress, 0.0, 1.0)


def learning_rate(hyper: PPOParams, steps: Array) -> Array:
    """Linear from `learning_rate` to `learning_rate_end` over `total_timesteps` environment steps."""
    return _linear(hyper.learning_rate, hyper.learning_rate_end, steps / hyper.total_timesteps)


def polyak_weight(hyper: PPOParams, update: Array, batch_size: int) -> Array:
    """What the newest parameters count for in their average; 1 where nothing is averaged.

    An exponential average over a window of n updates (Polyak and Juditsky 1992; weight 1 / n), which while
    there are fewer than n is the plain mean of all.

    Args:
        hyper: `polyak_window` and `total_timesteps`.
        update: updates done before this one.
        batch_size: environment steps an update.
    """
    window = hyper.polyak_window * hyper.total_timesteps / batch_size
    return 1.0 / jnp.minimum(update + 1.0, jnp.maximum(window, 1.0))


def entropy_coefficient(hyper: PPOParams, steps: Array) -> Array:
    """Linear from its start to its end value over `entropy_anneal_steps` environment steps."""
    return _linear(
        hyper.entropy_coef_start, hyper.entropy_coef_end, steps / hyper.entropy_anneal_steps
    )
