"""Fixed exits: the baselines that a learned exit must beat, net, on the same trades.

None of them is subject to the experiment's guards, except the random one, which imitates the agent.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxexit.env.orders import order_from_action
from jaxexit.env.types import EXIT, HOLD, Hindsight, Order
from jaxexit.policies.types import Policy, View, stateless

Array = jax.Array


def _exit_if(condition: Array) -> Order:
    return order_from_action(jnp.where(condition, EXIT, HOLD))


class FixedTime(NamedTuple):
    """Leave at decision `bars`."""

    bars: Array  # int32


class AtrTrailing(NamedTuple):
    """A stop `multiple` ATRs behind the last close."""

    multiple: Array


class BreakEvenThenTrail(NamedTuple):
    """From `trigger_r` R of profit on: stop at the entry, or `trail_r` R behind the close if tighter."""

    trigger_r: Array
    trail_r: Array


class ListedExits(NamedTuple):
    """The list's own exits; see `data.trades.listed_decisions`."""

    decision: Array  # [N] int32: k at which to send EXIT, -1 for a trade whose exit is not listed


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


def _own_target(view: View) -> Array:
    target = view.now.target
    return jnp.where(jnp.isnan(target), jnp.inf, target)


def _classical(params: Any, state: Any, view: View) -> tuple[Order, Any]:
    del params
    return order_from_action(jnp.int32(HOLD))._replace(target=_own_target(view)), state


def _listed(params: ListedExits, state: Any, view: View) -> tuple[Order, Any]:
    decision = params.decision[view.now.trade]
    order = _exit_if((decision >= 0) & (view.now.k >= decision))
    return order._replace(target=_own_target(view)), state


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


def _random_masked(params: RandomActions, state: Any, view: View) -> tuple[Order, Any]:
    # What is drawn is drawn among the valid actions, in proportion. Where none of them has a chance
    # all logits are -inf, and the first action is taken: HOLD, which is always valid.
    possible = jnp.where(view.valid, params.probabilities, 0.0)
    return order_from_action(jax.random.categorical(view.key, jnp.log(possible))), state


def _oracle(params: Hindsight, state: Any, view: View) -> tuple[Order, Any]:
    return _exit_if(view.now.k >= params.best_decision[view.now.trade]), state


LEAVE_AT_ONCE = Policy("leave_at_once", stateless, _leave_at_once)
HOLD_TO_HORIZON = Policy("hold_to_horizon", stateless, _hold)
FIXED_TIME = Policy("fixed_time", stateless, _fixed_time)
# The entry's own stop and target until the horizon. Where the entry has no target: the stop alone.
CLASSICAL = Policy("classical", stateless, _classical)
# params: ListedExits. The entry's own stop and target, and out where the list says. Its exits may come from
# anywhere: it is what the user's list did, filled and charged by this environment.
LISTED = Policy("listed", stateless, _listed)
ATR_TRAILING = Policy("atr_trailing", stateless, _atr_trailing)
BREAK_EVEN_THEN_TRAIL = Policy("break_even_then_trail", stateless, _break_even_then_trail)
RANDOM = Policy("random", stateless, _random, guarded=True)
MASKED_RANDOM = Policy("random", stateless, _random_masked, guarded=True)  # for guard mode `mask`
# params: Hindsight. The best single market order in hindsight, not attainable. A policy with a target can
# beat it on single trades: a limit order fills inside a bar (see `env.hindsight`).
ORACLE = Policy("oracle", stateless, _oracle)

# Conventional numbers. Tuning on the training split is the business of whoever compares.
DEFAULT_PARAMS: dict[Policy, Any] = {
    LEAVE_AT_ONCE: (),
    HOLD_TO_HORIZON: (),
    FIXED_TIME: FixedTime(bars=24),  # type: ignore[arg-type]
    CLASSICAL: (),
    ATR_TRAILING: AtrTrailing(multiple=3.0),  # type: ignore[arg-type]
    BREAK_EVEN_THEN_TRAIL: BreakEvenThenTrail(trigger_r=1.0, trail_r=1.5),  # type: ignore[arg-type]
}
