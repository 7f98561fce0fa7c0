"""What each action asks for: a size to sell at the market, or a level for the stop.

An action that closes something has a function in `SIZES`, one that moves the stop in `LEVELS`: what is there
must be what `config.actions` says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxexit.config import actions
from jaxexit.env.types import ACTIONS, NOT_CLOSED, REASONS, EnvParams, Order, Situation
from jaxexit.errors import check_complete

Array = jax.Array
Ask = Callable[[EnvParams, Situation], Array]


def order_from_action(action: Array) -> Order:
    """The order of a policy that only chooses an action."""
    return Order(
        action=jnp.asarray(action, jnp.int32),
        stop=jnp.float32(-jnp.inf),
        target=jnp.float32(jnp.inf),
    )


def _close_all(params: EnvParams, now: Situation) -> Array:
    del params
    return now.remaining


def _close_part(params: EnvParams, now: Situation) -> Array:
    del now
    return params.orders.partial_fraction


def _part_of_the_way(params: EnvParams, now: Situation) -> Array:
    return now.stop + params.orders.tighten_fraction * (now.close - now.stop)


def _break_even(params: EnvParams, now: Situation) -> Array:
    return now.entry + params.orders.breakeven_buffer * jnp.abs(now.entry)


SIZES: dict[str, Ask] = {"EXIT": _close_all, "PARTIAL": _close_part}
"""Shares of the original size."""
LEVELS: dict[str, Ask] = {"TIGHTEN_SL": _part_of_the_way, "TRAIL_BE": _break_even}
"""Long-form prices."""

_BY_ACTION = {action.name: action for action in actions.ACTIONS}
check_complete(
    "env.orders.SIZES", SIZES, (name for name, a in _BY_ACTION.items() if a.closes), no_more=True
)
check_complete(
    "env.orders.LEVELS",
    LEVELS,
    (name for name, a in _BY_ACTION.items() if a.moves_stop),
    no_more=True,
)
check_complete("config.actions.REASONS", REASONS, SIZES)


def size_wanted(params: EnvParams, now: Situation, action: Array) -> Array:
    """The share of the original size that an action sells at the market."""
    return _of_action(action, {name: ask(params, now) for name, ask in SIZES.items()}, 0.0)


def level_wanted(params: EnvParams, now: Situation, action: Array) -> Array:
    """The long-form price at which an action wants the stop, -inf for nowhere."""
    return _of_action(action, {name: ask(params, now) for name, ask in LEVELS.items()}, -jnp.inf)


def order_reason(action: Array) -> Array:
    """Why a market order that an action sent closed what it closed: index into REASONS."""
    return _of_action(action, {name: REASONS.index(name) for name in SIZES}, NOT_CLOSED)


def _of_action(action: Array, values: dict[str, Any], otherwise: float) -> Array:
    """The value of the action, `otherwise` where it has none."""
    chosen = jnp.asarray(otherwise)
    for name in reversed(values):
        chosen = jnp.where(action == ACTIONS.index(name), values[name], chosen)
    return chosen
