"""Guards: small rules that block an action. v2 differs from v1 by their numbers alone.

A rule says, for each action, whether it forbids it in a situation. A blocked action becomes
HOLD and is penalised (mode `penalise`), or is never sampled (mode `mask`). Every block is counted by
action, by the rules that fired, by bar and by profit band: `guard_counts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxexit.config.actions import ACTION_NAMES, ACTIONS
from jaxexit.env.types import EnvParams, Situation

Array = jax.Array


class Rule(NamedTuple):
    """One reason to block: `blocks` returns [actions] bool."""

    name: str
    blocks: Callable[[EnvParams, Situation], Array]


def _by_action(blocked: Mapping[str, Array]) -> Array:
    return jnp.stack([blocked.get(name, jnp.zeros((), bool)) for name in ACTION_NAMES])


def _min_profit(params: EnvParams, now: Situation) -> Array:
    guards = params.guards
    too_little = {
        action.name: now.profit < getattr(guards, action.min_profit)
        for action in ACTIONS
        if action.min_profit
    }
    too_little["EXIT"] &= ~(guards.exit_allows_loss & (now.profit < 0))
    return _by_action(too_little)


def _min_bars(params: EnvParams, now: Situation) -> Array:
    return _by_action(
        {
            action.name: now.k < getattr(params.guards, action.min_bars)
            for action in ACTIONS
            if action.min_bars
        }
    )


def _none_left(params: EnvParams, now: Situation) -> Array:
    return _by_action({"PARTIAL": now.partials_used >= params.orders.max_partials})


def _cooldown(params: EnvParams, now: Situation) -> Array:
    return _by_action({"TIGHTEN_SL": now.bars_since_tighten < params.guards.tighten_cooldown})


RULES: tuple[Rule, ...] = (
    Rule("min_profit", _min_profit),
    Rule("min_bars", _min_bars),
    Rule("none_left", _none_left),
    Rule("cooldown", _cooldown),
)


def blocks(params: EnvParams, now: Situation) -> Array:
    """[rules, actions] bool: which rule forbids which action here."""
    return jnp.stack([rule.blocks(params, now) for rule in RULES])


def valid_actions(params: EnvParams, now: Situation) -> Array:
    """[actions] bool: those that no rule forbids, HOLD always among them."""
    return ~blocks(params, now).any(axis=0)


# Bins of the guard statistics. Bars are exact where v1 and v2 differ, coarser later.
BAR_EDGES = (1, 2, 3, 4, 5, 10, 20, 50, 100, 200)
BAR_BINS = ("0", "1", "2", "3", "4", "5-9", "10-19", "20-49", "50-99", "100-199", "200+")
PROFIT_EDGES = (-0.002, -0.001, -0.0005, 0.0, 0.0005, 0.001, 0.002)
PROFIT_BANDS = (
    "< -0.2%",
    "-0.2% to -0.1%",
    "-0.1% to -0.05%",
    "-0.05% to 0",
    "0 to 0.05%",
    "0.05% to 0.1%",
    "0.1% to 0.2%",
    ">= 0.2%",
)
RULE_SETS = 2 ** len(RULES)  # a set of fired rules, as a bit mask; 0: not blocked
COUNT_SHAPE = (len(ACTIONS), RULE_SETS, len(BAR_BINS), len(PROFIT_BANDS))


def rule_set_name(mask: int) -> str:
    """The rules in a bit mask, joined by "+"; empty when nothing was blocked."""
    return "+".join(rule.name for i, rule in enumerate(RULES) if mask >> i & 1)


def guard_counts(
    chosen: Array, fired: Array, k: Array, profit: Array, weight: Array | None = None
) -> Array:
    """Attempts counted by action, fired rules, bar and profit band.

    Args:
        chosen: [...] int32, the action chosen, before guards.
        fired: [..., rules] bool.
        k: [...] int32, decision index.
        profit: [...] float32, unrealised net fraction at the decision.
        weight: [...] int32, 1 to count an entry and 0 to leave it out; None counts all.

    Returns:
        `COUNT_SHAPE` int32. Blocks are the entries whose rule mask is not 0.
    """
    mask = (fired * (2 ** jnp.arange(len(RULES)))).sum(axis=-1)
    bar = jnp.searchsorted(jnp.array(BAR_EDGES), k, side="right")
    band = jnp.searchsorted(jnp.array(PROFIT_EDGES, jnp.float32), profit, side="right")
    cell = jnp.ravel_multi_index((chosen, mask, bar, band), COUNT_SHAPE, mode="clip")
    ones = jnp.ones_like(cell) if weight is None else weight.astype(cell.dtype)
    size = 1
    for length in COUNT_SHAPE:
        size *= length
    return jax.ops.segment_sum(ones.ravel(), cell.ravel(), size).reshape(COUNT_SHAPE)
