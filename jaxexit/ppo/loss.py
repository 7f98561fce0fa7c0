"""The clipped PPO objective (Schulman et al. 2017) with value clip and entropy bonus."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxexit.policies import NetworkSpec, entropy, forward, mask_logits
from jaxexit.ppo.types import Batch, PPOParams

Array = jax.Array

ADVANTAGE_EPSILON = 1e-8


def log_probabilities(logits: Array, valid: Array | None) -> Array:
    """Log-probabilities [..., actions]; actions that are not valid get (all but) minus infinity."""
    if valid is not None:
        logits = mask_logits(logits, valid)
    return jax.nn.log_softmax(logits)


def normalised(advantage: Array) -> Array:
    """Advantages of one minibatch [samples] with mean 0 and standard deviation 1."""
    return (advantage - advantage.mean()) / (advantage.std() + ADVANTAGE_EPSILON)


def ppo_loss(
    params: Any, network: NetworkSpec, batch: Batch, hyper: PPOParams, entropy_coef: Array
) -> tuple[Array, dict[str, Array]]:
    """Loss of one minibatch and what there is to know about it.

    Args:
        params: parameters of the network.
        network: its structure.
        batch: a flat minibatch [samples, ...], or a device's part of one; its advantages `normalised`.
        hyper: numbers of the learner.
        entropy_coef: coefficient of the entropy bonus, annealed.

    Returns:
        (loss, metrics) with `kl` the estimator mean(ratio - 1 - log ratio) (Schulman 2020), which is
        never negative and whose mean is KL(old || new).
    """
    logits, value = forward(network, params, batch.observation)
    log_probs = log_probabilities(logits, batch.valid)
    log_prob = jnp.take_along_axis(log_probs, batch.action[:, None], axis=-1)[:, 0]
    log_ratio = log_prob - batch.log_prob
    ratio = jnp.exp(log_ratio)

    clipped_ratio = jnp.clip(ratio, 1.0 - hyper.clip_epsilon, 1.0 + hyper.clip_epsilon)
    policy_loss = -jnp.minimum(ratio * batch.advantage, clipped_ratio * batch.advantage).mean()

    step = jnp.clip(value - batch.value, -hyper.value_clip, hyper.value_clip)
    value_error = jnp.maximum(
        jnp.square(value - batch.target), jnp.square(batch.value + step - batch.target)
    )
    value_loss = 0.5 * value_error.mean()

    mean_entropy = entropy(log_probs).mean()
    loss = policy_loss + hyper.value_coef * value_loss - entropy_coef * mean_entropy
    return loss, {
        "loss": loss,
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": mean_entropy,
        "kl": (ratio - 1.0 - log_ratio).mean(),
        "clip_fraction": (jnp.abs(ratio - 1.0) > hyper.clip_epsilon).mean(),
    }
