"""The observation: what the agent sees at decision k. Dimensionless, finite, clipped.

`observe` is a function of a `Situation` and of market rows at the entry bar e and at bar e+k: bars up to
and including k, by construction. It is never given `Hindsight`. Directional quantities are multiplied by
the trade's direction, so that a trade and its mirror image look the same.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.data.types import Market
from jaxexit.env.types import ACTIONS, EnvParams, EnvSpec, Situation

Array = jax.Array

CLIP = 10.0


class Entry(NamedTuple):
    """One entry of the observation that is about the position."""

    name: str
    formula: str  # long form, see `live.definitions`
    unit: str
    group: str  # as a trader would name it


_FACTS = (
    Entry("age", "k / H", "share of the horizon", "age"),
    Entry("unrealised", "profit(close) * |entry| / risk", "R, net", "profit so far"),
    Entry(
        "mfe",
        "max of profit(high) over bars e+1..e+k, at k = 0 of profit(close) (kept, where the entry was filled "
        "at that close); * |entry| / risk",
        "R, net",
        "profit so far",
    ),
    Entry(
        "mae", "min of profit(low), otherwise as mfe; * |entry| / risk", "R, net", "profit so far"
    ),
    Entry("stop_distance", "(close - stop) / risk", "R", "stop"),
    Entry("remaining", "open size / original size", "share", "size"),
    Entry("stop_protects_entry", "1 if stop >= entry else 0", "0 or 1", "stop"),
    Entry(
        "partials_left",
        "(max_partials - partials taken) / max(max_partials, 1)",
        "share",
        "size",
    ),
)
POSITION = _FACTS + tuple(
    Entry(
        f"last_{name.lower()}",
        f"1 if the last effective action was {name} else 0 (at k = 0: HOLD)",
        "0 or 1",
        "last action",
    )
    for name in ACTIONS
)


def observation_names(spec: EnvSpec) -> tuple[str, ...]:
    """Name of each entry of the observation, in order."""
    return tuple(entry.name for entry in (*POSITION, *spec.features))


def observation_size(spec: EnvSpec) -> int:
    """Length of the observation vector."""
    return len(observation_names(spec))


def _position(params: EnvParams, now: Situation) -> Array:
    in_r = jnp.abs(now.entry) / now.risk
    max_partials = params.orders.max_partials
    facts = {
        "age": now.k / params.orders.max_bars,
        "unrealised": now.profit * in_r,
        "mfe": now.mfe * in_r,
        "mae": now.mae * in_r,
        "stop_distance": (now.close - now.stop) / now.risk,
        "remaining": now.remaining,
        "stop_protects_entry": (now.stop >= now.entry).astype(jnp.float32),
        "partials_left": (max_partials - now.partials_used) / jnp.maximum(max_partials, 1),
    }
    last = jax.nn.one_hot(now.last_action, len(ACTIONS))
    return jnp.concatenate([jnp.stack([facts[entry.name] for entry in _FACTS]), last])


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
