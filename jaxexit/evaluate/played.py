"""What became of trades that were played: a result for each, a row for each decision.

How both grow bar by bar; who plays the bars is `evaluate.run`.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxexit.env import ACTIONS, RULES, EnvState, Order, Outcome
from jaxexit.env.types import CostFractions, Fill

Array = jax.Array


class TradeResults(NamedTuple):
    """What became of each trade. All [N]; money in net fractions of the entry fill, float32."""

    entry: Array  # price of the entry fill
    net: Array  # everything paid
    costs: CostFractions  # gross = net + their sum
    bars_held: Array  # int32
    exit_bar: Array  # int32: bar of the last fill
    exit_price: Array  # of the last fill, after slippage
    reason: Array  # int32: index into REASONS
    ambiguous: Array  # bool
    mfe: Array
    mae: Array
    actions: Array  # [N, actions] int32: attempts
    blocked: Array  # [N, actions] int32: attempts that a guard turned into HOLD


class Played(NamedTuple):
    """All trades played once."""

    results: TradeResults  # [N]
    marks: (
        Array  # [T] float32, unit of results: change of what all trades are worth, marked at closes
    )
    records: StepRecords | None  # [N, H], where asked for


class StepRecords(NamedTuple):
    """What happened at each decision. All [N, H]; rows past a trade's end are zeros, `taken` false.

    Only what the tables show, in the smallest types: 37 bytes a decision, N x H x 37 bytes in all
    (10,000 trades of 200 bars: 74 MB).
    """

    taken: Array  # bool
    chosen: Array  # int8: action, before guards
    fired: Array  # uint8: which rules blocked it, as a bit mask (see `guards.rule_set_name`)
    profit: Array  # float32: unrealised net fraction at the decision
    stop: Array  # float32: in force in the coming bar, price
    order_fill: Fill  # size and price float32, bar int32, reason int8
    bar_fill: Fill


def step_row(is_open: Array, chosen: Array, outcome: Outcome) -> StepRecords:
    """The row of one decision of every lane."""

    def small(fill: Fill) -> Fill:
        return fill._replace(reason=fill.reason.astype(jnp.int8))

    bits = jnp.asarray([2**i for i in range(len(RULES))], jnp.uint8)
    return StepRecords(
        taken=is_open,
        chosen=chosen.astype(jnp.int8),
        fired=(outcome.fired * bits).sum(axis=-1, dtype=jnp.uint8),
        profit=outcome.profit,
        stop=outcome.stop,
        order_fill=small(outcome.order_fill),
        bar_fill=small(outcome.bar_fill),
    )


@partial(jax.jit, static_argnums=0)
def no_results(size: int) -> TradeResults:
    """Those of so many trades before their first bar."""
    zero, none = jnp.zeros(size), jnp.zeros(size, jnp.int32)
    counts = jnp.zeros((size, len(ACTIONS)), jnp.int32)
    return TradeResults(
        entry=zero,
        net=zero,
        costs=CostFractions(zero, zero, zero, zero),
        bars_held=none,
        exit_bar=none,
        exit_price=zero,
        reason=none,
        ambiguous=jnp.zeros(size, bool),
        mfe=zero,
        mae=zero,
        actions=counts,
        blocked=counts,
    )


def booked(results: TradeResults, orders: Order, after: EnvState, outcome: Outcome) -> TradeResults:
    """The results of lanes after one more bar."""
    chosen = jax.nn.one_hot(orders.action, len(ACTIONS), dtype=jnp.int32)
    last_fill = where(outcome.bar_fill.size > 0, outcome.bar_fill, outcome.order_fill)
    return TradeResults(
        entry=jnp.abs(after.entry),
        net=after.realised,
        costs=jax.tree.map(jnp.add, results.costs, outcome.costs),
        bars_held=outcome.bars_held,
        exit_bar=last_fill.bar,
        exit_price=last_fill.price,
        reason=last_fill.reason,
        ambiguous=outcome.ambiguous,
        mfe=outcome.mfe,
        mae=outcome.mae,
        actions=results.actions + chosen,
        blocked=results.blocked + chosen * outcome.blocked[:, None],
    )


def where(condition: Array, new: Any, old: Any) -> Any:
    """`jnp.where` over two trees whose leaves have the condition's dimension first."""

    def choose(a: Array, b: Array) -> Array:
        return jnp.where(condition.reshape(-1, *[1] * (a.ndim - 1)), a, b)

    return jax.tree.map(choose, new, old)
