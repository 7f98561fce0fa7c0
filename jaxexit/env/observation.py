"""The observation: what the agent sees at decision k. Dimensionless, finite, clipped.

`observe` is a function of a `Situation` and of market rows at the entry bar e and at bar e+k: bars up to
and including k, by construction. It is never given `Hindsight`. Directional quantities are multiplied by
the trade's direction, so that a trade and its mirror image look the same.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.data.types import Market
from jaxexit.env.types import ACTIONS, EnvParams, EnvSpec, Situation

Array = jax.Array

CLIP = 10.0

POSITION_NAMES = (
    "age",  # k / H
    "unrealised",  # in R, net
    "mfe",  # in R, net
    "mae",  # in R, net
    "stop_distance",  # in R, from the exit-side close
    "remaining",  # share of the original size
    "stop_protects_entry",  # 1 when the stop is at or past break-even
    "partials_left",  # share of `max_partials`
    *(f"last_{name.lower()}" for name in ACTIONS),
)


def observation_names(spec: EnvSpec) -> tuple[str, ...]:
    """Name of each entry of the observation, in order."""
    return POSITION_NAMES + tuple(feature.name for feature in spec.features)


def observation_size(spec: EnvSpec) -> int:
    """Length of the observation vector."""
    return len(observation_names(spec))


def _position(params: EnvParams, now: Situation) -> Array:
    in_r = jnp.abs(now.entry) / now.risk
    max_partials = params.orders.max_partials
    facts = jnp.stack(
        [
            now.k / params.orders.max_bars,
            now.profit * in_r,
            now.mfe * in_r,
            now.mae * in_r,
            (now.close - now.stop) / now.risk,
            now.remaining,
            (now.stop >= now.entry).astype(jnp.float32),
            (max_partials - now.partials_used) / jnp.maximum(max_partials, 1),
        ]
    )
    return jnp.concatenate([facts, jax.nn.one_hot(now.last_action, len(ACTIONS))])


def _features(spec: EnvSpec, market: Market, now: Situation) -> Array:
    features = spec.features
    columns = np.array([feature.column_index for feature in features])
    at_entry = np.array([feature.at == "entry" for feature in features])
    directional = np.array([feature.directional for feature in features])
    ratio = np.array([feature.ratio_to_entry for feature in features])
    current = market.features[now.bar][columns]
    entry = market.features[now.entry_bar][columns]
    values = jnp.where(at_entry, entry, current)
    values = jnp.where(ratio, values / jnp.where(ratio, entry, 1.0), values)
    return values * jnp.where(directional, now.direction, 1.0)


def observe(spec: EnvSpec, params: EnvParams, market: Market, now: Situation) -> Array:
    """The observation at a decision: [observation_size] float32 in [-10, 10]."""
    parts = [_position(params, now)]
    if spec.features:
        parts.append(_features(spec, market, now))
    return jnp.clip(jnp.concatenate(parts), -CLIP, CLIP)
