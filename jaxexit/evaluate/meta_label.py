"""The supervised exit: at each decision, is staying in the trade worth more than leaving now?

Meta-labelling (Lopez de Prado 2018, section 3.6) asks a classifier whether to take what another rule
proposes. Here the rule is the classical exit, the question is asked at every decision, and what a wrong
answer costs is the sample's weight. A logistic regression answers, from the agent's own observation.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.env import EnvSpec, World, observe, order_from_action, reset, situation, step
from jaxexit.env.types import HOLD

Array = jax.Array

CHUNK = 256  # trades that are played together
MOST = 256_000  # decisions that are learned from, of trades spread evenly over the split
PENALTY = 1.0  # scikit-learn's C of standardised inputs


class Decisions(NamedTuple):
    """The decisions of trades under the classical exit, [N, H, ...]."""

    observation: Array  # [N, H, observation_size]
    staying: Array  # [N, H] net fraction of the entry: what staying earned more than leaving then
    is_open: Array  # [N, H] bool


@partial(jax.jit, static_argnames=("spec", "horizon"))
def decisions(spec: EnvSpec, world: World, trade: Array, horizon: int) -> Decisions:
    """Play trades [N] under the classical exit; leaving is valued at the decision's close, costs paid."""
    params, market, trades = world.params, world.market, world.trades

    def one(trade: Array) -> Decisions:
        def decide(state: Any, _: None) -> Any:
            now = situation(spec, params, trades, state)
            target = jnp.where(jnp.isnan(now.target), jnp.inf, now.target)
            order = order_from_action(jnp.int32(HOLD))._replace(target=target)
            after = step(spec, world, state, order)[0]
            is_open = state.remaining > 0
            leaving = state.realised + state.remaining * now.profit
            kept = jax.tree.map(lambda new, old: jnp.where(is_open, new, old), after, state)
            return kept, (observe(spec, params, market, now), leaving, is_open)

        start = reset(spec, params, market, trades, trade)
        end, (observation, leaving, is_open) = jax.lax.scan(decide, start, length=horizon)
        return Decisions(observation, end.realised - leaving, is_open)

    return jax.vmap(one)(trade)


def fitted(spec: EnvSpec, world: World, horizon: int) -> tuple[np.ndarray, float]:
    """The log odds that staying is worth more: weights [observation_size] and bias, fitted on a world.

    Args:
        spec: structure of the environment.
        world: the training split's.
        horizon: `max_bars`.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    count = world.trades.entry_bar.shape[0]
    number = min(count, max(MOST // horizon, CHUNK))
    chosen = np.linspace(0, count - 1, number).astype(np.int32)
    seen, staying = [], []
    for first in range(0, number, CHUNK):
        part = chosen[first : first + CHUNK]
        filled = np.concatenate([part, np.full(CHUNK - len(part), part[-1], np.int32)])
        found = jax.device_get(decisions(spec, world, jnp.asarray(filled), horizon))
        is_open = found.is_open[: len(part)]
        seen.append(found.observation[: len(part)][is_open])
        staying.append(found.staying[: len(part)][is_open])
    inputs, gain = np.concatenate(seen), np.concatenate(staying).astype(float)
    better, weight = gain > 0, np.abs(gain) / np.abs(gain).mean()
    if better.all() or not better.any():  # nothing to tell apart: always the one thing
        return np.zeros(inputs.shape[1], np.float32), 20.0 if better.all() else -20.0
    scale: Any = StandardScaler().fit(inputs)
    model: Any = LogisticRegression(C=PENALTY, max_iter=200)
    model.fit(scale.transform(inputs), better, sample_weight=weight)
    weights = model.coef_[0] / scale.scale_
    bias = float(model.intercept_[0] - (weights * scale.mean_).sum())
    return weights.astype(np.float32), bias
