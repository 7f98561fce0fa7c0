"""Run any policy over given trades, each exactly once, through the environment's own `step`.

No auto-reset, no first finishers: every trade is played to its end, and only money is reported, never the
shaped reward. Memory is O(bars + trades); only with `record` is there a row a trade and bar.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxexit.env import (
    ACTIONS,
    RULES,
    EnvSpec,
    EnvState,
    Outcome,
    World,
    observe,
    reset,
    situation,
    step,
    valid_actions,
    without_guards,
)
from jaxexit.env.types import CostFractions, Fill
from jaxexit.policies.types import Policy, View

Array = jax.Array

CHUNK = 512  # trades played side by side: activations of that many fit a CPU's cache


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
    actions: Array  # [N, 5] int32: attempts
    blocked: Array  # [N, 5] int32: attempts that a guard turned into HOLD


class Played(NamedTuple):
    """All trades played once."""

    results: TradeResults  # [N]
    marks: (
        Array  # [T] float32, pips: change of what all trades are worth, marked at each bar's close
    )
    records: StepRecords | None  # [N, H], where asked for


class StepRecords(NamedTuple):
    """What happened at each decision. All [N, H]; rows past a trade's end have `taken` false.

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


def _record(is_open: Array, chosen: Array, outcome: Outcome) -> StepRecords:
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


def _play_chunk(
    spec: EnvSpec,
    policy: Policy,
    horizon: int,
    record: bool,
    world: World,
    policy_params: Any,
    indices: Array,
    key: Array,
) -> Played:
    """Play the trades `indices` [chunk]; a negative index is padding."""
    params, market, trades = world.params, world.market, world.trades
    real = indices >= 0
    start = jax.vmap(partial(reset, spec, params, market, trades))(jnp.maximum(indices, 0))
    start = start._replace(remaining=jnp.where(real, start.remaining, 0.0))
    memory = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (indices.shape[0], *jnp.shape(leaf))),
        policy.init(policy_params),
    )

    def decide(state, memory, key):
        now = situation(spec, params, trades, state)
        view = View(
            now=now,
            observation=observe(spec, params, market, now),
            valid=valid_actions(params, now),
            atr=market.atr[now.bar],
            key=key,
        )
        return policy.act(policy_params, memory, view)

    def play_bar(state, memory, key):
        keys = jax.vmap(partial(jax.random.fold_in, key))(state.trade)
        orders, memory = jax.vmap(decide)(state, memory, keys)
        after, outcome = jax.vmap(partial(step, spec, world))(state, orders)
        return orders, memory, after, outcome

    def book(results: TradeResults, state, orders, after, outcome: Outcome) -> TradeResults:
        """Add one bar to the results; lanes that have closed stay as they are."""
        chosen = jax.nn.one_hot(orders.action, len(ACTIONS), dtype=jnp.int32)
        in_bar = outcome.bar_fill.size > 0
        last_fill = _where(in_bar, outcome.bar_fill, outcome.order_fill)
        new = TradeResults(
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
        return _where(state.remaining > 0, new, results)

    size = indices.shape[0]
    zero, none = jnp.zeros(size), jnp.zeros(size, jnp.int32)
    counts = jnp.zeros((size, len(ACTIONS)), jnp.int32)
    empty = TradeResults(
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
    records = None
    if record:
        orders, _, _, outcome = jax.eval_shape(play_bar, start, memory, key)
        shapes = jax.eval_shape(_record, real, orders.action, outcome)
        records = jax.tree.map(lambda leaf: jnp.zeros((horizon, *leaf.shape), leaf.dtype), shapes)

    marks = jnp.zeros(market.bid.shape[0])

    def worth(state: EnvState) -> Array:
        """What each trade has earned if it is closed at its bar's close, in pips."""
        open_profit = jax.vmap(partial(situation, spec, params, trades))(state).profit
        return (state.realised + state.remaining * open_profit) * jnp.abs(state.entry) / world.pip

    def body(carry):
        k, state, memory, results, records, marks = carry
        orders, new_memory, after, outcome = play_bar(state, memory, jax.random.fold_in(key, k))
        is_open = state.remaining > 0
        results = book(results, state, orders, after, outcome)
        # Before its entry is filled a trade is worth nothing; the entry's costs fall into its first bar.
        before = jnp.where(state.k == 0, 0.0, worth(state))
        bar = trades.entry_bar[state.trade] + state.k + 1
        marks = marks.at[bar].add(jnp.where(is_open, worth(after) - before, 0.0))
        if records is not None:
            row = _record(is_open, orders.action, outcome)
            records = jax.tree.map(lambda all_rows, new: all_rows.at[k].set(new), records, row)
        return (
            k + 1,
            _where(is_open, after, state),
            _where(is_open, new_memory, memory),
            results,
            records,
            marks,
        )

    def goes_on(carry):
        k, state, *_ = carry
        return (k < horizon) & (state.remaining > 0).any()

    carry = (jnp.int32(0), start, memory, empty, records, marks)
    _, _, _, results, records, marks = jax.lax.while_loop(goes_on, body, carry)
    if records is not None:
        records = jax.tree.map(lambda rows: jnp.swapaxes(rows, 0, 1), records)
    return Played(results, marks, records)


def _where(condition: Array, new: Any, old: Any) -> Any:
    """`jnp.where` over two trees whose leaves have the condition's dimension first."""

    def choose(a: Array, b: Array) -> Array:
        return jnp.where(condition.reshape(-1, *[1] * (a.ndim - 1)), a, b)

    return jax.tree.map(choose, new, old)


@partial(jax.jit, static_argnames=("spec", "policy", "horizon", "record"))
def run_policy(
    spec: EnvSpec,
    policy: Policy,
    world: World,
    policy_params: Any,
    key: Array,
    *,
    horizon: int,
    record: bool = False,
) -> Played:
    """Play every trade exactly once under a policy.

    Args:
        spec: static structure of the environment.
        policy: what decides (static).
        world: numbers, bars, N trades. The experiment's guards bind a `guarded` policy only.
        policy_params: the policy's own numbers.
        key: for policies that draw; the draw of a trade at a bar does not depend on other trades.
        horizon: `max_bars` of the experiment, static: the records' length.
        record: also return what happened at each decision.

    Returns:
        Results [N], marks [T], and records [N, H] or None.
    """
    if not policy.guarded:
        world = world._replace(params=without_guards(world.params))
    count = world.trades.entry_bar.shape[0]
    chunk = min(CHUNK, count)
    chunks = -(-count // chunk)
    indices = jnp.arange(chunks * chunk, dtype=jnp.int32)
    indices = jnp.where(indices < count, indices, -1).reshape(chunks, chunk)

    def play(marks: Array, indices: Array):
        played = _play_chunk(spec, policy, horizon, record, world, policy_params, indices, key)
        return marks + played.marks, (played.results, played.records)

    marks, chunks_played = jax.lax.scan(play, jnp.zeros(world.market.bid.shape[0]), indices)
    results, records = jax.tree.map(
        lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:count], chunks_played
    )
    return Played(results, marks, records)
