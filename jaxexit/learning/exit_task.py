"""The exit environment as a task of the learner: auto-reset to a random trade, metrics on the device."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxexit.env import (
    ACTIONS,
    REASONS,
    EnvSpec,
    EnvState,
    World,
    guard_counts,
    in_units,
    initial_risk,
    observe,
    order_from_action,
    reset,
    situation,
    step,
    valid_actions,
)
from jaxexit.env.observation import POSITION
from jaxexit.env.types import BY_EXIT, EXIT, HOLD, RewardTerms
from jaxexit.learning.types import Task
from jaxexit.units import key

Array = jax.Array


_PLACE = [entry.name for entry in POSITION].index
CONTRASTS = ((_PLACE("mfe"), _PLACE("unrealised")),)
"""How far a trade has fallen back from its best."""


class StepInfo(NamedTuple):
    """What is kept of each step for the metrics. Scalars."""

    terms: RewardTerms
    chosen: Array
    fired: Array  # [rules] bool
    k: Array
    profit: Array
    done: Array
    net: Array  # realised net of the whole trade, in the unit of results; meaningful where done
    bars_held: Array
    reason: Array


def _draw(data: World, key: Array, shape: tuple[int, ...]) -> Array:
    if data.sampled is None:
        return jax.random.randint(key, shape, 0, data.trades.entry_bar.shape[0], dtype=jnp.int32)
    return data.sampled.rows[
        jax.random.randint(key, shape, 0, data.sampled.length, dtype=jnp.int32)
    ]


def _episodes(data: World, numbers: Array) -> tuple[Array, Array]:
    if data.sampled is None:
        count = jnp.int32(data.trades.entry_bar.shape[0])
        return numbers % count, count
    return data.sampled.rows[numbers % data.sampled.length], data.sampled.length


def _see(spec: EnvSpec, data: World, state: EnvState) -> Array:
    return observe(spec, data.params, data.market, situation(spec, data.params, data.trades, state))


def _reset(spec: EnvSpec, data: World, trade: Array) -> tuple[EnvState, Array]:
    state = reset(spec, data.params, data.market, data.trades, trade)
    return state, _see(spec, data, state)


def _valid(spec: EnvSpec, data: World, state: EnvState) -> Array:
    return valid_actions(data.params, situation(spec, data.params, data.trades, state))


def _step(
    spec: EnvSpec, data: World, state: EnvState, action: Array, trade: Array
) -> tuple[EnvState, Array, Array, Array, StepInfo]:
    after, outcome = step(spec, data, state, order_from_action(action))
    fresh = reset(spec, data.params, data.market, data.trades, trade)
    onward = jax.tree.map(lambda new, old: jnp.where(outcome.done, new, old), fresh, after)
    info = StepInfo(
        terms=outcome.terms,
        chosen=action,
        fired=outcome.fired,
        k=state.k,
        profit=outcome.profit,
        done=outcome.done,
        net=in_units(
            spec, data.unit, after.realised, after.entry, initial_risk(data.trades, state.trade)
        ),
        bars_held=outcome.bars_held,
        reason=jnp.where(
            outcome.bar_fill.size > 0, outcome.bar_fill.reason, outcome.order_fill.reason
        ),
    )
    return onward, _see(spec, data, onward), outcome.reward, outcome.done, info


def _summarise(spec: EnvSpec, data: World, infos: StepInfo) -> dict[str, Array]:
    del data
    done = infos.done
    trades = done.sum()

    def per_trade(values: Array) -> Array:
        return jnp.where(done, values, 0.0).sum() / jnp.maximum(trades, 1)

    blocked = infos.fired.any(axis=-1)
    attempts = jnp.bincount(infos.chosen.ravel(), length=len(ACTIONS))
    blocks = jnp.bincount(
        infos.chosen.ravel(), weights=blocked.ravel().astype(jnp.int32), length=len(ACTIONS)
    )
    reasons = jnp.bincount(
        jnp.where(done, infos.reason, 0).ravel(),
        weights=done.ravel().astype(jnp.int32),
        length=len(REASONS),
    )
    by_exit = done & (infos.reason == BY_EXIT)
    terms = {
        f"reward_{name}": getattr(infos.terms, name).sum() / jnp.maximum(trades, 1)
        for name in RewardTerms._fields
    }
    return {
        "trades": trades,
        key(spec.unit, "net", "mean"): per_trade(infos.net),
        "win_rate": per_trade(infos.net > 0),
        "bars_held_mean": per_trade(infos.bars_held),
        "exit_share_bar_0": per_trade(by_exit & (infos.bars_held == 0)),
        "exit_share_bar_1": per_trade(by_exit & (infos.bars_held == 1)),
        "blocked_share": blocked.mean(),
        "action_share": attempts / infos.chosen.size,
        "blocked_share_by_action": blocks / jnp.maximum(attempts, 1),
        "exit_reason_share": reasons / jnp.maximum(trades, 1),
        "reward_per_trade": jnp.stack(list(terms.values())).sum(),
        **terms,
        "guard_counts": guard_counts(infos.chosen, infos.fired, infos.k, infos.profit),
    }


@lru_cache(maxsize=32)
def exit_task(spec: EnvSpec) -> Task:
    """The task of an environment's structure. Cached: the same structure is the same task.

    In guard mode `mask` the learner sees which actions are forbidden; in mode `penalise` it learns that.
    """
    functions: dict[str, Any] = {
        "reset": partial(_reset, spec),
        "step": partial(_step, spec),
        "valid": partial(_valid, spec) if spec.guard_mode == "mask" else None,
        "summarise": partial(_summarise, spec),
    }
    return Task(
        num_actions=len(ACTIONS),
        draw=_draw,
        stopping=(HOLD, EXIT),
        episodes=_episodes,
        contrasts=CONTRASTS,
        **functions,
    )
