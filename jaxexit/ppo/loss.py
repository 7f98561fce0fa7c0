"""The clipped PPO objective (Schulman et al. 2017) with value clip and entropy bonus."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp

from jaxexit.policies import forward, mask_logits
from jaxexit.ppo.types import Batch, PPOParams, PPOSpec

Array = jax.Array

ADVANTAGE_EPSILON = 1e-8


def log_probabilities(logits: Array, valid: Array | None) -> Array:
    """Log-probabilities [..., actions]; actions that are not valid get (all but) minus infinity."""
    if valid is not None:
        logits = mask_logits(logits, valid)
    shifted = logits - jax.lax.stop_gradient(_over_actions(jnp.maximum, logits))[..., None]
    return shifted - jnp.log(_over_actions(jnp.add, jnp.exp(shifted)))[..., None]


def log_probability_of(log_probs: Array, action: Array) -> Array:
    """Log-probability of one action each: [..., actions] and [...] -> [...].

    A sum over a mask, whose gradient is a mask: that of a gather is a scatter, a kernel of its own on a GPU.
    """
    taken = jnp.arange(log_probs.shape[-1]) == action[..., None]
    return _over_actions(jnp.add, jnp.where(taken, log_probs, 0.0))


def entropy(log_probs: Array) -> Array:
    """Entropy in nats of distributions [..., actions] -> [...]."""
    return -_over_actions(jnp.add, jnp.exp(log_probs) * log_probs)


def _over_actions(function: Callable[[Array, Array], Array], values: Array) -> Array:
    """[..., actions] -> [...], one action after the other.

    They are few, and so this is fused with what is around it; a reduction is a kernel of its own on a GPU.
    """
    return reduce(function, [values[..., i] for i in range(values.shape[-1])])


def normalised(advantage: Array) -> Array:
    """Advantages of minibatches [..., samples], each with mean 0 and standard deviation 1."""
    centred = advantage - advantage.mean(axis=-1, keepdims=True)
    return centred / (advantage.std(axis=-1, keepdims=True) + ADVANTAGE_EPSILON)


def ppo_loss(
    params: Any, spec: PPOSpec, batch: Batch, hyper: PPOParams, entropy_coef: Array
) -> tuple[Array, dict[str, Array]]:
    """Loss of one minibatch and what there is to know about it.

    Args:
        params: parameters of the network.
        spec: structure of the learner.
        batch: a flat minibatch [samples, ...], or a device's part of one; its advantages `normalised`.
        hyper: numbers of the learner.
        entropy_coef: coefficient of the entropy bonus, annealed.

    Returns:
        (loss, metrics) with `kl` the estimator mean(ratio - 1 - log ratio) (Schulman 2020), which is
        never negative and whose mean is KL(old || new).
    """
    logits, value = forward(spec.network, params, batch.observation, spec.precision)
    log_probs = log_probabilities(logits, batch.valid)
    log_prob = log_probability_of(log_probs, batch.action)
    log_ratio = log_prob - batch.log_prob
    ratio = jnp.exp(log_ratio)

    clipped_ratio = jnp.clip(ratio, 1.0 - hyper.clip_epsilon, 1.0 + hyper.clip_epsilon)
    step = jnp.clip(value - batch.value, -hyper.value_clip, hyper.value_clip)
    value_error = jnp.maximum(
        jnp.square(value - batch.target), jnp.square(batch.value + step - batch.target)
    )
    of_samples = {
        "policy_loss": -jnp.minimum(ratio * batch.advantage, clipped_ratio * batch.advantage),
        "value_loss": 0.5 * value_error,
        "entropy": entropy(log_probs),
        "kl": ratio - 1.0 - log_ratio,
        "clip_fraction": (jnp.abs(ratio - 1.0) > hyper.clip_epsilon).astype(ratio.dtype),
    }
    means = jnp.stack(list(of_samples.values())).mean(axis=-1)  # one reduction, not five
    metrics = {name: means[i] for i, name in enumerate(of_samples)}
    loss = (
        metrics["policy_loss"]
        + hyper.value_coef * metrics["value_loss"]
        - entropy_coef * metrics["entropy"]
    )
    return loss, {"loss": loss, **metrics}
