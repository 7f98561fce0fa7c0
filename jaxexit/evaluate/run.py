"""Run any policy over given trades, each exactly once, through the environment's own `step`.

No auto-reset, no first finishers: every trade is played to its end, and only money is reported, never the
shaped reward. Trades wait in a queue for the lanes that play them, so that a short one costs little beside a
long one. Memory is O(bars + trades); only with `record` is there a row a trade and bar.
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
    Order,
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

LANES = 512  # trades played side by side: activations of that many fit a CPU's cache
STRETCH = 8  # bars between two looks which lanes are free for the next trades


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


class _Lanes(NamedTuple):
    """Trades that are played side by side. All [L, ...]."""

    trade: Array  # int32; N: none
    state: EnvState
    memory: Any  # of the policy
    results: TradeResults


class _Progress(NamedTuple):
    """Where the playing stands."""

    lanes: _Lanes
    waiting: Array  # int32: the first trade that no lane has taken yet
    bars: Array  # int32: bars played
    results: TradeResults  # [N]
    marks: Array  # [T]
    rows: StepRecords | None  # [bars, L]
    place: tuple[Array, Array, Array]  # [N] each: first row of a trade, its lane, its decisions


def _where(condition: Array, new: Any, old: Any) -> Any:
    """`jnp.where` over two trees whose leaves have the condition's dimension first."""

    def choose(a: Array, b: Array) -> Array:
        return jnp.where(condition.reshape(-1, *[1] * (a.ndim - 1)), a, b)

    return jax.tree.map(choose, new, old)


@partial(jax.jit, static_argnames=("spec", "policy", "horizon", "record", "lanes"))
def run_policy(
    spec: EnvSpec,
    policy: Policy,
    world: World,
    policy_params: Any,
    key: Array,
    *,
    horizon: int,
    record: bool = False,
    lanes: int = LANES,
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
        lanes: trades played side by side, static. No result depends on it.

    Returns:
        Results [N], marks [T], and records [N, H] or None.
    """
    if not policy.guarded:
        world = world._replace(params=without_guards(world.params))
    params, market, trades = world.params, world.market, world.trades
    count = trades.entry_bar.shape[0]
    lanes = min(lanes, count)

    def take(trade: Array) -> _Lanes:
        """Lanes at the first decision of their trades [L]; numbers from N on are none."""
        real = trade < count
        state = jax.vmap(partial(reset, spec, params, market, trades))(
            jnp.minimum(trade, count - 1)
        )
        state = state._replace(remaining=jnp.where(real, state.remaining, 0.0))
        memory = jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf, (lanes, *jnp.shape(leaf))),
            policy.init(policy_params),
        )
        return _Lanes(jnp.minimum(trade, count), state, memory, _no_results(lanes))

    def decide(state: EnvState, memory: Any):
        now = situation(spec, params, trades, state)
        view = View(
            now=now,
            observation=observe(spec, params, market, now),
            valid=valid_actions(params, now),
            atr=market.atr[now.bar],
            key=jax.random.fold_in(jax.random.fold_in(key, state.k), state.trade),
        )
        return policy.act(policy_params, memory, view)

    def play_bar(state: EnvState, memory: Any):
        orders, memory = jax.vmap(decide)(state, memory)
        after, outcome = jax.vmap(partial(step, spec, world))(state, orders)
        return orders, memory, after, outcome

    def worth(state: EnvState) -> Array:
        """What each trade has earned if it is closed at its bar's close, in pips."""
        open_profit = jax.vmap(partial(situation, spec, params, trades))(state).profit
        return (state.realised + state.remaining * open_profit) * jnp.abs(state.entry) / world.pip

    def bar(_: Any, progress: _Progress) -> _Progress:
        now, rows = progress.lanes, progress.rows
        orders, memory, after, outcome = play_bar(now.state, now.memory)
        is_open = now.state.remaining > 0
        # Before its entry is filled a trade is worth nothing; the entry's costs fall into its first bar.
        before = jnp.where(now.state.k == 0, 0.0, worth(now.state))
        at = trades.entry_bar[now.state.trade] + now.state.k + 1
        earned = jnp.where(is_open, worth(after) - before, 0.0)
        if rows is not None:
            row = _record(is_open, orders.action, outcome)
            rows = jax.tree.map(
                lambda all_rows, new: all_rows.at[progress.bars].set(new), rows, row
            )
        results = _booked(now.results, orders, after, outcome)
        return progress._replace(
            lanes=_where(is_open, now._replace(state=after, memory=memory, results=results), now),
            bars=progress.bars + 1,
            marks=progress.marks.at[at].add(earned),
            rows=rows,
        )

    def refilled(progress: _Progress) -> _Progress:
        """The same, with the next trades in lanes whose own have closed."""
        free = progress.lanes.state.remaining <= 0
        trade = progress.waiting + jnp.cumsum(free) - 1
        begun = jnp.where(free, trade, count)  # writes to N are dropped
        first, lane, decisions = progress.place
        return progress._replace(
            lanes=_where(free, take(trade), progress.lanes),
            waiting=jnp.minimum(progress.waiting + free.sum(), count),
            place=(
                first.at[begun].set(progress.bars, mode="drop"),
                lane.at[begun].set(jnp.arange(lanes), mode="drop"),
                decisions,
            ),
        )

    def stretch(progress: _Progress) -> _Progress:
        progress = jax.lax.fori_loop(0, STRETCH, bar, refilled(progress))
        now, (first, lane, decisions) = progress.lanes, progress.place
        closed = jnp.where(now.state.remaining <= 0, now.trade, count)
        results = jax.tree.map(
            lambda leaf, new: leaf.at[closed].set(new, mode="drop"), progress.results, now.results
        )
        decisions = decisions.at[closed].set(now.state.k, mode="drop")
        return progress._replace(results=results, place=(first, lane, decisions))

    def goes_on(progress: _Progress) -> Array:
        return (progress.waiting < count) | (progress.lanes.state.remaining > 0).any()

    nobody = jax.eval_shape(take, jax.ShapeDtypeStruct((lanes,), jnp.int32))
    nobody = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), nobody)
    rows = None
    if record:
        orders, _, _, outcome = jax.eval_shape(play_bar, nobody.state, nobody.memory)
        shapes = jax.eval_shape(_record, nobody.trade > 0, orders.action, outcome)
        most = -(-horizon // STRETCH) * STRETCH  # bars that a lane may spend on a trade
        most *= -(-count // lanes) + 1  # until none waits every lane is busy; then one more
        rows = jax.tree.map(lambda leaf: jnp.zeros((most, *leaf.shape), leaf.dtype), shapes)
    none = jnp.zeros(count, jnp.int32)
    progress = _Progress(
        lanes=nobody,
        waiting=jnp.int32(0),
        bars=jnp.int32(0),
        results=_no_results(count),
        marks=jnp.zeros(market.bid.shape[0]),
        rows=rows,
        place=(none, none, none),
    )
    progress = jax.lax.while_loop(goes_on, stretch, progress)
    return Played(progress.results, progress.marks, _by_trade(progress, horizon))


def _no_results(size: int) -> TradeResults:
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


def _booked(
    results: TradeResults, orders: Order, after: EnvState, outcome: Outcome
) -> TradeResults:
    """The results of lanes after one more bar."""
    chosen = jax.nn.one_hot(orders.action, len(ACTIONS), dtype=jnp.int32)
    last_fill = _where(outcome.bar_fill.size > 0, outcome.bar_fill, outcome.order_fill)
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


def _by_trade(progress: _Progress, horizon: int) -> StepRecords | None:
    """The rows of each trade, from where its lane left them; zeros past its end."""
    if progress.rows is None:
        return None
    first, lane, decisions = (leaf[:, None] for leaf in progress.place)
    k = jnp.arange(horizon)
    own = k < decisions

    def gathered(rows: Array) -> Array:
        found = rows[first + jnp.where(own, k, 0), lane]
        return jnp.where(own, found, jnp.zeros((), rows.dtype))

    return jax.tree.map(gathered, progress.rows)
