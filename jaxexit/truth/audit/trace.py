"""What a policy saw and did at every decision of a few trades: observations, which no backtest keeps."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.data import Dataset
from jaxexit.env import (
    EnvSpec,
    Hindsight,
    Outcome,
    World,
    observe,
    quote,
    reset,
    situation,
    step,
    valid_actions,
    without_guards,
)
from jaxexit.policies import Policy, View
from jaxexit.truth.audit.subject import Subject

Array = jax.Array


class Trace(NamedTuple):
    """Decisions of N trades. All [N, H, ...]; `taken` is false past a trade's end."""

    taken: Array  # bool
    observation: Array  # [N, H, observation_size]
    valid: Array  # [N, H, 5] bool
    chosen: Array  # int32
    outcome: Outcome


def trace(subject: Subject, dataset: Dataset, rows: np.ndarray) -> Trace:
    """The subject's policy on trades `rows` [N] of a data set's split (the subject's, or an altered one).

    The outcome's reward means nothing here: hindsight, which only the reward reads, is left out.
    """
    trades = jax.tree.map(lambda leaf: np.asarray(leaf)[rows], dataset.splits[subject.split])
    unknown: Any = np.zeros(len(rows), np.float32)
    nothing = Hindsight(unknown, unknown.astype(np.int32))
    world = subject.backtest.world._replace(market=dataset.market, trades=trades, hindsight=nothing)
    if not subject.policy.guarded:
        world = world._replace(params=without_guards(world.params))
    backtest = subject.backtest
    seen = _trace(backtest.spec, subject.policy, backtest.horizon, world, subject.params)
    return jax.tree.map(lambda leaf: np.swapaxes(np.asarray(leaf), 0, 1), seen)


@partial(jax.jit, static_argnames=("spec", "policy", "horizon"))
def _trace(spec: EnvSpec, policy: Policy, horizon: int, world: World, policy_params: Any) -> Trace:
    params, market, trades = world.params, world.market, world.trades
    each = jnp.arange(trades.entry_bar.shape[0], dtype=jnp.int32)
    state = jax.vmap(partial(reset, spec, params, market, trades))(each)
    memory = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (len(each), *jnp.shape(leaf))),
        policy.init(policy_params),
    )

    def trace_trade(state, memory, key):
        now = situation(spec, params, trades, state)
        view = View(
            now=now,
            observation=lambda: observe(spec, params, market, now),
            valid=lambda: valid_actions(params, now),
            atr=lambda: market.atr[now.bar],
            bar=lambda: quote(market, now.bar, now.direction),
            key=lambda: key,
        )
        order, new_memory = policy.act(policy_params, memory, view)
        after, outcome = step(spec, world, state, order)
        is_open = state.remaining > 0
        seen = Trace(is_open, view.observation, view.valid, order.action, outcome)
        kept = jax.tree.map(
            lambda new, old: jnp.where(is_open, new, old), (after, new_memory), (state, memory)
        )
        return kept, seen

    def decide(carry, k):
        keys = jax.vmap(partial(jax.random.fold_in, jax.random.fold_in(jax.random.key(0), k)))(each)
        state, memory = carry
        return jax.vmap(trace_trade)(state, memory, keys)

    return jax.lax.scan(decide, (state, memory), jnp.arange(horizon))[1]
