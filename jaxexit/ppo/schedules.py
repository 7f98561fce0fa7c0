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


def entropy_coefficient(hyper: PPOParams, steps: Array) -> Array:
    """Linear from its start to its end value over `entropy_anneal_steps` environment steps."""
    return _linear(
        hyper.entropy_coef_start, hyper.entropy_coef_end, steps / hyper.entropy_anneal_steps
    )
