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
    EnvSpec,
    EnvState,
    World,
    observe,
    reset,
    situation,
    step,
    valid_actions,
    without_guards,
)
from jaxexit.evaluate.played import (
    Played,
    StepRecords,
    TradeResults,
    booked,
    no_results,
    step_row,
    where,
)
from jaxexit.policies.types import Policy, View

Array = jax.Array

LANES = 512  # trades played side by side: activations of that many fit a CPU's cache
STRETCH = 8  # bars between two looks which lanes are free for the next trades


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
        return _Lanes(jnp.minimum(trade, count), state, memory, no_results(lanes))

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
            row = step_row(is_open, orders.action, outcome)
            rows = jax.tree.map(
                lambda all_rows, new: all_rows.at[progress.bars].set(new), rows, row
            )
        results = booked(now.results, orders, after, outcome)
        return progress._replace(
            lanes=where(is_open, now._replace(state=after, memory=memory, results=results), now),
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
            lanes=where(free, take(trade), progress.lanes),
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
        shapes = jax.eval_shape(step_row, nobody.trade > 0, orders.action, outcome)
        most = -(-horizon // STRETCH) * STRETCH  # bars that a lane may spend on a trade
        most *= -(-count // lanes) + 1  # until none waits every lane is busy; then one more
        rows = jax.tree.map(lambda leaf: jnp.zeros((most, *leaf.shape), leaf.dtype), shapes)
    none = jnp.zeros(count, jnp.int32)
    progress = _Progress(
        lanes=nobody,
        waiting=jnp.int32(0),
        bars=jnp.int32(0),
        results=no_results(count),
        marks=jnp.zeros(market.bid.shape[0]),
        rows=rows,
        place=(none, none, none),
    )
    progress = jax.lax.while_loop(goes_on, stretch, progress)
    return Played(progress.results, progress.marks, _by_trade(progress, horizon))


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
