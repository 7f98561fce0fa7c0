"""The compiled program of `evaluate.run`: trades side by side in lanes, each played to its end.

A lane whose trade has closed takes the next one that waits. How many trades there are is data (their list is
padded), so one program serves all that is played over a market.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxexit.env import (
    EnvSpec,
    EnvState,
    Order,
    Outcome,
    World,
    in_units,
    initial_risk,
    observe,
    quote,
    reset,
    situation,
    step,
    valid_actions,
)
from jaxexit.evaluate.played import (
    StepRecords,
    TradeResults,
    booked,
    no_results,
    step_row,
    where,
)
from jaxexit.policies.types import Policy, View

Array = jax.Array

REFILL_EVERY = 8  # bars between two refills of lanes whose trades have closed
CALL = 512  # bars that one call of the program plays at most: rows for so many are on the device


class Lanes(NamedTuple):
    """Trades that are played side by side. All [L, ...]."""

    trade: Array  # int32; N: none
    state: EnvState
    memory: Any  # of the policy
    results: TradeResults


class Progress(NamedTuple):
    """The state between two calls of the program."""

    lanes: Lanes
    waiting: Array  # int32: the first trade that no lane has taken yet
    bars: Array  # int32: bars played
    results: TradeResults  # [N]
    marks: Array  # [T]
    place: tuple[Array, Array, Array]  # [N] each: first row of a trade, its lane, its decisions


class _Game(NamedTuple):
    """What is played: the arguments that every part of the program needs."""

    spec: EnvSpec
    policy: Policy
    lanes: int
    world: World
    policy_params: Any
    key: Array
    total: Array  # int32: trades to play


@partial(jax.jit, static_argnames=("spec", "policy", "lanes"))
def take(
    spec: EnvSpec,
    policy: Policy,
    lanes: int,
    world: World,
    policy_params: Any,
    count: Array,
    trade: Array,
) -> Lanes:
    """Lanes at the first decision of their trades [L]; numbers from `count` on are none."""
    real = trade < count
    state = jax.vmap(partial(reset, spec, world.params, world.market, world.trades))(
        jnp.clip(trade, 0, count - 1)
    )
    state = state._replace(remaining=jnp.where(real, state.remaining, 0.0))
    memory = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (lanes, *jnp.shape(leaf))),
        policy.init(policy_params),
    )
    return Lanes(jnp.minimum(trade, count), state, memory, no_results(lanes))


@partial(
    jax.jit,
    static_argnames=("spec", "policy", "lanes"),
    donate_argnames="progress",
    keep_unused=True,
)
def play_bars(
    spec: EnvSpec,
    policy: Policy,
    lanes: int,
    world: World,
    policy_params: Any,
    key: Array,
    salt: Array | None,
    count: Array,
    progress: Progress,
) -> tuple[Progress, StepRecords, Array]:
    """Up to `CALL` more bars.

    Returns:
        The state then; the rows of these bars [CALL, L], as many as were played; and whether every trade
        has closed.
    """
    if salt is not None:
        key = jax.random.fold_in(key, salt)
    game = _Game(spec, policy, lanes, world, policy_params, key, count)
    first_bar, now = progress.bars, progress.lanes

    def unfinished(progress: Progress) -> Array:
        return (progress.waiting < count) | (progress.lanes.state.remaining > 0).any()

    def more(carry: tuple[Progress, StepRecords]) -> Array:
        progress, _ = carry
        return unfinished(progress) & (progress.bars - first_bar < CALL)

    orders, _, _, outcome = jax.eval_shape(partial(_play_bar, game), now.state, now.memory)
    shapes = jax.eval_shape(step_row, now.trade > 0, orders.action, outcome)
    rows = jax.tree.map(lambda leaf: jnp.zeros((CALL, *leaf.shape), leaf.dtype), shapes)
    progress, rows = jax.lax.while_loop(
        more, partial(_some_bars, game, first_bar), (progress, rows)
    )
    return progress, rows, ~unfinished(progress)


def _play_bar(game: _Game, state: EnvState, memory: Any) -> tuple[Order, Any, EnvState, Outcome]:
    """One decision of every lane and the bar after it."""
    params, market, trades = game.world.params, game.world.market, game.world.trades

    def decide(state: EnvState, memory: Any):
        now = situation(game.spec, params, trades, state)
        view = View(
            now=now,
            observation=lambda: observe(game.spec, params, market, now),
            valid=lambda: valid_actions(params, now),
            atr=lambda: market.atr[now.bar],
            bar=lambda: quote(market, now.bar, now.direction),
            key=lambda: jax.random.fold_in(jax.random.fold_in(game.key, state.k), state.trade),
        )
        return game.policy.act(game.policy_params, memory, view)

    orders, memory = jax.vmap(decide)(state, memory)
    chex.assert_shape(jax.tree.leaves(orders), state.k.shape)
    after, outcome = jax.vmap(partial(step, game.spec, game.world))(state, orders)
    return orders, memory, after, outcome


def _worth(game: _Game, state: EnvState) -> Array:
    """What each trade has earned if it is closed at its bar's close, in the unit of results."""
    params, trades = game.world.params, game.world.trades
    open_profit = jax.vmap(partial(situation, game.spec, params, trades))(state).profit
    earned = state.realised + state.remaining * open_profit
    risk = initial_risk(trades, state.trade)
    return in_units(game.spec, game.world.unit, earned, state.entry, risk)


def _one_bar(
    game: _Game, first_bar: Array, _: Any, carry: tuple[Progress, StepRecords]
) -> tuple[Progress, StepRecords]:
    progress, rows = carry
    now = progress.lanes
    orders, memory, after, outcome = _play_bar(game, now.state, now.memory)
    is_open = now.state.remaining > 0
    # Before its entry is filled a trade is worth nothing; the entry's costs fall into its first bar.
    before = jnp.where(now.state.k == 0, 0.0, _worth(game, now.state))
    at = game.world.trades.entry_bar[now.state.trade] + now.state.k + 1
    earned = jnp.where(is_open, _worth(game, after) - before, 0.0)
    row = step_row(is_open, orders.action, outcome)
    rows = jax.tree.map(
        lambda all_rows, new: all_rows.at[progress.bars - first_bar].set(new), rows, row
    )
    results = booked(now.results, orders, after, outcome)
    progress = progress._replace(
        lanes=where(is_open, now._replace(state=after, memory=memory, results=results), now),
        bars=progress.bars + 1,
        marks=progress.marks.at[at].add(earned),
    )
    return progress, rows


def _refilled(game: _Game, progress: Progress) -> Progress:
    """The same, with the next trades in the lanes whose trades have closed."""
    size = game.world.trades.entry_bar.shape[0]
    free = progress.lanes.state.remaining <= 0
    trade = progress.waiting + jnp.cumsum(free) - 1
    taken = take(
        game.spec, game.policy, game.lanes, game.world, game.policy_params, game.total, trade
    )
    begun = jnp.where(free & (trade < game.total), trade, size)  # writes to `size` are dropped
    first, lane, decisions = progress.place
    return progress._replace(
        lanes=where(free, taken, progress.lanes),
        waiting=jnp.minimum(progress.waiting + free.sum(), game.total),
        place=(
            first.at[begun].set(progress.bars, mode="drop"),
            lane.at[begun].set(jnp.arange(game.lanes), mode="drop"),
            decisions,
        ),
    )


def _some_bars(
    game: _Game, first_bar: Array, carry: tuple[Progress, StepRecords]
) -> tuple[Progress, StepRecords]:
    """A refill, the bars until the next one, and the results of what has closed."""
    progress, rows = carry
    size = game.world.trades.entry_bar.shape[0]
    progress, rows = jax.lax.fori_loop(
        0,
        REFILL_EVERY,
        partial(_one_bar, game, first_bar),
        (_refilled(game, progress), rows),
    )
    now, (first, lane, decisions) = progress.lanes, progress.place
    closed = (now.state.remaining <= 0) & (now.trade < game.total)
    closed = jnp.where(closed, now.trade, size)
    results = jax.tree.map(
        lambda leaf, new: leaf.at[closed].set(new, mode="drop"), progress.results, now.results
    )
    decisions = decisions.at[closed].set(now.state.k, mode="drop")
    return progress._replace(results=results, place=(first, lane, decisions)), rows
