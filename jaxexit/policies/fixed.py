"""Fixed exits: the baselines that a learned exit must beat, net, on the same trades.

None of them is subject to the experiment's guards, except the random one, which imitates the agent.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxexit.env.environment import order_from_action
from jaxexit.env.types import EXIT, HOLD, Hindsight, Order
from jaxexit.policies.types import Policy, View, stateless

Array = jax.Array


def _exit_if(condition: Array) -> Order:
    return order_from_action(jnp.where(condition, EXIT, HOLD))


class FixedTime(NamedTuple):
    """Leave at decision `bars`."""

    bars: Array  # int32


class Classical(NamedTuple):
    """The entry's own stop and target; entries without a target get one `target_r` R away."""

    target_r: Array


class AtrTrailing(NamedTuple):
    """A stop `multiple` ATRs behind the last close."""

    multiple: Array


class BreakEvenThenTrail(NamedTuple):
    """From `trigger_r` R of profit on: stop at the entry, or `trail_r` R behind the close if tighter."""

    trigger_r: Array
    trail_r: Array


class RandomActions(NamedTuple):
    """Actions drawn independently with these probabilities."""

    probabilities: Array  # [5]


def _leave_at_once(params: Any, state: Any, view: View) -> tuple[Order, Any]:
    del params
    return order_from_action(jnp.int32(EXIT)), state


def _hold(params: Any, state: Any, view: View) -> tuple[Order, Any]:
    del params
    return order_from_action(jnp.int32(HOLD)), state


def _fixed_time(params: FixedTime, state: Any, view: View) -> tuple[Order, Any]:
    return _exit_if(view.now.k >= params.bars), state


def _classical(params: Classical, state: Any, view: View) -> tuple[Order, Any]:
    now = view.now
    own = jnp.isnan(now.target)
    target = jnp.where(own, now.entry + params.target_r * now.risk, now.target)
    return order_from_action(jnp.int32(HOLD))._replace(target=target), state


def _atr_trailing(params: AtrTrailing, state: Any, view: View) -> tuple[Order, Any]:
    stop = view.now.close - params.multiple * view.atr
    return order_from_action(jnp.int32(HOLD))._replace(stop=stop), state


def _break_even_then_trail(params: BreakEvenThenTrail, state: Any, view: View) -> tuple[Order, Any]:
    now = view.now
    in_r = now.profit * jnp.abs(now.entry) / now.risk
    stop = jnp.maximum(now.entry, now.close - params.trail_r * now.risk)
    asked = jnp.where(in_r >= params.trigger_r, stop, -jnp.inf)
    return order_from_action(jnp.int32(HOLD))._replace(stop=asked), state


def _random(params: RandomActions, state: Any, view: View) -> tuple[Order, Any]:
    action = jax.random.categorical(view.key, jnp.log(params.probabilities))
    return order_from_action(action), state


def _oracle(params: Hindsight, state: Any, view: View) -> tuple[Order, Any]:
    return _exit_if(view.now.k >= params.best_decision[view.now.trade]), state


LEAVE_AT_ONCE = Policy("leave_at_once", stateless, _leave_at_once)
HOLD_TO_HORIZON = Policy("hold_to_horizon", stateless, _hold)
FIXED_TIME = Policy("fixed_time", stateless, _fixed_time)
CLASSICAL = Policy("classical", stateless, _classical)
ATR_TRAILING = Policy("atr_trailing", stateless, _atr_trailing)
BREAK_EVEN_THEN_TRAIL = Policy("break_even_then_trail", stateless, _break_even_then_trail)
RANDOM = Policy("random", stateless, _random, guarded=True)
ORACLE = Policy("oracle", stateless, _oracle)  # params: Hindsight. An upper bound, not attainable.

# Conventional numbers. Tuning on the training split is the business of whoever compares.
DEFAULT_PARAMS: dict[Policy, Any] = {
    LEAVE_AT_ONCE: (),
    HOLD_TO_HORIZON: (),
    FIXED_TIME: FixedTime(bars=24),  # type: ignore[arg-type]
    CLASSICAL: Classical(target_r=1.5),  # type: ignore[arg-type]
    ATR_TRAILING: AtrTrailing(multiple=3.0),  # type: ignore[arg-type]
    BREAK_EVEN_THEN_TRAIL: BreakEvenThenTrail(trigger_r=1.0, trail_r=1.5),  # type: ignore[arg-type]
}
