"""Every decision that a network, or a rule, meets on its way through trades, with what the other would do.

The environment's own `reset`, `observe` and `step`: one program for both, since who leads is data.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.distil.numbers import measure, nothing_yet, remembered
from jaxexit.distil.rule import RuleParams, decision
from jaxexit.env import (
    EnvSpec,
    World,
    observe,
    order_from_action,
    reset,
    situation,
    step,
    valid_actions,
)
from jaxexit.env.types import HOLD
from jaxexit.learning import Learner
from jaxexit.policies import mask_logits

Array = jax.Array

TRADES_AT_ONCE = 256
GUARDED_BY = ("profit", "partials_taken", "bars_since_tighten")
"""What guards ask about beside the number `bars_held`."""


class Met(NamedTuple):
    """Decisions, trade after trade. Leaves [decisions, ...]."""

    trade: np.ndarray  # int32: row of the split's trades
    values: np.ndarray  # [., numbers] float32, in the order of `numbers_of`
    guards: np.ndarray  # [., GUARDED_BY] float32
    valid: np.ndarray  # [., actions] bool
    logits: np.ndarray  # [., actions] float32: the network's
    network: np.ndarray  # int32: what the network chooses, before guards
    rule: np.ndarray  # int32: what the rule chooses, before guards

    def effective(self, chosen: np.ndarray) -> np.ndarray:
        """What becomes of actions [decisions]: HOLD where a guard forbids them."""
        allowed = np.take_along_axis(self.valid, chosen[:, None].astype(int), axis=1)[:, 0]
        return np.where(allowed, chosen, HOLD)

    def joined(self, other: Met) -> Met:
        """These decisions and others."""
        return Met(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))


class Walker(NamedTuple):
    """Who walks through the trades of a split: the network, or a rule."""

    spec: EnvSpec
    learner: Learner
    params: Any  # of the network
    world: World  # with the experiment's guards
    horizon: int

    def walk(
        self,
        trades: np.ndarray,
        rule: RuleParams,
        *,
        by_rule: bool,
        on_part: Callable[[int, int], None] = lambda done, total: None,
    ) -> Met:
        """The decisions of some trades.

        Args:
            trades: [n] int: their rows.
            rule: is asked everywhere.
            by_rule: whether it leads; else the network, greedy, does.
            on_part: called with (trades done, trades in all).
        """
        parts = []
        for begin in range(0, len(trades), TRADES_AT_ONCE):
            some = trades[begin : begin + TRADES_AT_ONCE]
            padded = np.resize(some, TRADES_AT_ONCE).astype(np.int32)
            taken, rows = jax.device_get(
                _walk(
                    self.spec,
                    self.learner,
                    self.horizon,
                    self.params,
                    self.world,
                    rule,
                    np.bool_(by_rule),
                    padded,
                    np.int32(len(some)),
                )
            )
            kept = np.swapaxes(taken, 0, 1)
            parts.append(
                jax.tree.map(lambda leaf, kept=kept: np.swapaxes(leaf, 0, 1)[kept], Met(*rows))
            )
            on_part(begin + len(some), len(trades))
        return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


@partial(jax.jit, static_argnames=("spec", "learner", "horizon"))
def _walk(
    spec: EnvSpec,
    learner: Learner,
    horizon: int,
    params: Any,
    world: World,
    rule: RuleParams,
    by_rule: Array,
    trades: Array,
    count: Array,
) -> tuple[Array, tuple[Array, ...]]:
    """(which decisions there were [H, n], leaves of `Met` [H, n, ...]); trades from `count` on are none."""
    market = world.market

    def at(state: Any, memory: Any) -> tuple[Any, Any, tuple[Array, ...]]:
        now = situation(spec, world.params, world.trades, state)
        memory = remembered(memory, now)
        observation = observe(spec, world.params, market, now)
        values = measure(spec, now, memory, market.atr[now.bar], observation)
        valid = valid_actions(world.params, now)
        logits, _ = learner.evaluate(params, observation)
        allowed = mask_logits(logits, valid) if spec.guard_mode == "mask" else logits
        network = jnp.argmax(allowed).astype(jnp.int32)
        said = decision(rule, values)
        guards = jnp.stack(
            [
                now.profit,
                now.partials_used.astype(jnp.float32),
                now.bars_since_tighten.astype(jnp.float32),
            ]
        )
        after, _ = step(spec, world, state, order_from_action(jnp.where(by_rule, said, network)))
        return after, memory, (now.trade, values, guards, valid, allowed, network, said)

    def more(carry: tuple[Any, ...]) -> Array:
        k, state, *_ = carry
        return (k < horizon) & (state.remaining > 0).any()

    def bar(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        k, state, memory, taken, rows = carry
        is_open = state.remaining > 0
        after, remembering, row = jax.vmap(at)(state, memory)
        kept = jax.tree.map(lambda new, old: jnp.where(is_open, new, old), after, state)
        rows = jax.tree.map(lambda every, new: every.at[k].set(new), rows, row)
        return k + 1, kept, remembering, taken.at[k].set(is_open), rows

    state = jax.vmap(partial(reset, spec, world.params, market, world.trades))(trades)
    exists = jnp.arange(len(trades)) < count
    state = state._replace(remaining=jnp.where(exists, state.remaining, 0.0))
    memory = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, trades.shape), nothing_yet())
    shapes = jax.eval_shape(jax.vmap(at), state, memory)[2]
    rows = jax.tree.map(lambda leaf: jnp.zeros((horizon, *leaf.shape), leaf.dtype), shapes)
    taken = jnp.zeros((horizon, len(trades)), bool)
    *_, taken, rows = jax.lax.while_loop(more, bar, (jnp.int32(0), state, memory, taken, rows))
    return taken, rows
