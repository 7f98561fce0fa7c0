"""Run any policy over given trades, each exactly once, through the environment's own `step`.

No auto-reset, no first finishers: every trade is played to its end, and only money is reported, never the
shaped reward. Trades wait in a queue for the lanes that play them, so that a short one costs little beside a
long one. Memory is O(bars + trades); only with `record` is there a row a trade and bar.

One compiled program serves all that is played over a market: how many trades there are is data (their list is
padded), and so is what is recorded, since the program always writes the rows of its last bars and the host
takes them or leaves them.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.arrays import key_of
from jaxexit.data.types import Trades, padded, padded_size
from jaxexit.env import (
    EnvSpec,
    EnvState,
    Hindsight,
    World,
    in_units,
    initial_risk,
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
CALL = 512  # bars that one call of the program plays at most: rows for so many are on the device


class _Lanes(NamedTuple):
    """Trades that are played side by side. All [L, ...]."""

    trade: Array  # int32; N: none
    state: EnvState
    memory: Any  # of the policy
    results: TradeResults


class _Progress(NamedTuple):
    """Where the playing stands, between two calls of the program."""

    lanes: _Lanes
    waiting: Array  # int32: the first trade that no lane has taken yet
    bars: Array  # int32: bars played
    results: TradeResults  # [N]
    marks: Array  # [T]
    place: tuple[Array, Array, Array]  # [N] each: first row of a trade, its lane, its decisions


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
    size: int | None = None,
    salt: int | None = None,
) -> Played:
    """Play every trade exactly once under a policy.

    Args:
        spec: static structure of the environment.
        policy: what decides (static).
        world: numbers, bars, N trades. The experiment's guards bind a `guarded` policy only.
        policy_params: the policy's own numbers.
        key: for policies that draw; the draw of a trade at a bar does not depend on other trades.
        horizon: `max_bars` of the experiment: the records' length.
        record: also return what happened at each decision.
        lanes: trades played side by side. No result depends on it.
        size: trades that the list is padded to, from N up; None for `padded_size`. No result depends on it:
            lists of equal size share a program.
        salt: folded into the key; None folds nothing in.

    Returns:
        Results [N], marks [T], and records [N, H] or None, on the host.
    """
    count = world.trades.entry_bar.shape[0]
    given = _given(spec, policy, world, policy_params, key, salt, lanes, size, np.int32(count))
    progress, bars, pieces, finished = _beginning(*given), 0, [], False
    while not finished:
        progress, rows, done = _play(*given, progress)
        if record:
            bars, before = int(progress.bars), bars
            # Copied: the program may write its next rows where these are.
            pieces.append(
                jax.tree.map(lambda leaf, n=bars - before: np.array(np.asarray(leaf)[:n]), rows)
            )
        finished = bool(done)
    results = jax.tree.map(lambda leaf: np.asarray(leaf)[:count], progress.results)
    records = None
    if record:
        rows = jax.tree.map(lambda *leaves: np.concatenate(leaves), *pieces)
        place = [np.asarray(leaf)[:count, None] for leaf in progress.place]
        records = _by_trade(rows, *place, horizon=horizon)
    marks: Any = np.asarray(progress.marks)
    return Played(results, marks, records)


def compile_player(
    spec: EnvSpec,
    policy: Policy,
    world: World,
    policy_params: Any,
    *,
    lanes: int = LANES,
    size: int | None = None,
) -> None:
    """Compile what `run_policy` runs with such arguments and a salt, by playing no trade at all."""
    given = _given(spec, policy, world, policy_params, key_of(0), 0, lanes, size, np.int32(0))
    _play(*given, _beginning(*given))


def _given(
    spec: EnvSpec,
    policy: Policy,
    world: World,
    policy_params: Any,
    key: Array,
    salt: int | None,
    lanes: int,
    size: int | None,
    count: np.int32,
) -> tuple[Any, ...]:
    """The arguments of `_play` but for the progress, in the types and shapes in which it is compiled."""
    size = padded_size(world.trades.entry_bar.shape[0]) if size is None else size
    if not policy.guarded:
        world = world._replace(params=without_guards(world.params))
    policy = policy._replace(
        guarded=True
    )  # the guards are as they should be: the program is the same
    world = world._replace(
        trades=Trades(*padded(world.trades, size)),
        hindsight=Hindsight(*padded(world.hindsight, size)),
        sampled=None,
    )
    salted = None if salt is None else np.uint32(salt)
    return spec, policy, min(lanes, size), world, policy_params, key, salted, count


def _beginning(
    spec: EnvSpec,
    policy: Policy,
    lanes: int,
    world: World,
    policy_params: Any,
    key: Array,
    salt: np.uint32 | None,
    count: np.int32,
) -> _Progress:
    """Before the first bar: nobody in any lane. Host arrays."""
    trade = jax.ShapeDtypeStruct((lanes,), jnp.int32)
    size, bars = len(world.trades.entry_bar), world.market.bid.shape[0]
    none: Any = jax.ShapeDtypeStruct((size,), jnp.int32)
    number: Any = jax.ShapeDtypeStruct((), jnp.int32)
    marks: Any = jax.ShapeDtypeStruct((bars,), jnp.float32)
    progress = _Progress(
        lanes=_take.eval_shape(spec, policy, lanes, world, policy_params, count, trade),
        waiting=number,
        bars=number,
        results=no_results.eval_shape(size),
        marks=marks,
        place=(none, none, none),
    )
    return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), progress)


@partial(jax.jit, static_argnames=("spec", "policy", "lanes"))
def _take(
    spec: EnvSpec,
    policy: Policy,
    lanes: int,
    world: World,
    policy_params: Any,
    count: Array,
    trade: Array,
) -> _Lanes:
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
    return _Lanes(jnp.minimum(trade, count), state, memory, no_results(lanes))


@partial(
    jax.jit,
    static_argnames=("spec", "policy", "lanes"),
    donate_argnames="progress",
    keep_unused=True,
)
def _play(
    spec: EnvSpec,
    policy: Policy,
    lanes: int,
    world: World,
    policy_params: Any,
    key: Array,
    salt: Array | None,
    count: Array,
    progress: _Progress,
) -> tuple[_Progress, StepRecords, Array]:
    """Up to `CALL` more bars.

    Returns:
        Where the playing stands then; the rows of these bars [CALL, L], as many as were played; and
        whether every trade has closed.
    """
    params, market, trades = world.params, world.market, world.trades
    size = trades.entry_bar.shape[0]
    if salt is not None:
        key = jax.random.fold_in(key, salt)
    first_bar = progress.bars

    def decide(state: EnvState, memory: Any):
        now = situation(spec, params, trades, state)
        view = View(
            now=now,
            observation=lambda: observe(spec, params, market, now),
            valid=lambda: valid_actions(params, now),
            atr=lambda: market.atr[now.bar],
            key=lambda: jax.random.fold_in(jax.random.fold_in(key, state.k), state.trade),
        )
        return policy.act(policy_params, memory, view)

    def play_bar(state: EnvState, memory: Any):
        orders, memory = jax.vmap(decide)(state, memory)
        after, outcome = jax.vmap(partial(step, spec, world))(state, orders)
        return orders, memory, after, outcome

    def worth(state: EnvState) -> Array:
        """What each trade has earned if it is closed at its bar's close, in the unit of results."""
        open_profit = jax.vmap(partial(situation, spec, params, trades))(state).profit
        earned = state.realised + state.remaining * open_profit
        risk = initial_risk(trades, state.trade)
        return in_units(spec, world.unit, earned, state.entry, risk)

    def bar(_: Any, carry: tuple[_Progress, StepRecords]) -> tuple[_Progress, StepRecords]:
        progress, rows = carry
        now = progress.lanes
        orders, memory, after, outcome = play_bar(now.state, now.memory)
        is_open = now.state.remaining > 0
        # Before its entry is filled a trade is worth nothing; the entry's costs fall into its first bar.
        before = jnp.where(now.state.k == 0, 0.0, worth(now.state))
        at = trades.entry_bar[now.state.trade] + now.state.k + 1
        earned = jnp.where(is_open, worth(after) - before, 0.0)
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

    def refilled(progress: _Progress) -> _Progress:
        """The same, with the next trades in lanes whose own have closed."""
        free = progress.lanes.state.remaining <= 0
        trade = progress.waiting + jnp.cumsum(free) - 1
        taken = _take(spec, policy, lanes, world, policy_params, count, trade)
        begun = jnp.where(free & (trade < count), trade, size)  # writes to `size` are dropped
        first, lane, decisions = progress.place
        return progress._replace(
            lanes=where(free, taken, progress.lanes),
            waiting=jnp.minimum(progress.waiting + free.sum(), count),
            place=(
                first.at[begun].set(progress.bars, mode="drop"),
                lane.at[begun].set(jnp.arange(lanes), mode="drop"),
                decisions,
            ),
        )

    def stretch(carry: tuple[_Progress, StepRecords]) -> tuple[_Progress, StepRecords]:
        progress, rows = carry
        progress, rows = jax.lax.fori_loop(0, STRETCH, bar, (refilled(progress), rows))
        now, (first, lane, decisions) = progress.lanes, progress.place
        closed = (now.state.remaining <= 0) & (now.trade < count)
        closed = jnp.where(closed, now.trade, size)
        results = jax.tree.map(
            lambda leaf, new: leaf.at[closed].set(new, mode="drop"), progress.results, now.results
        )
        decisions = decisions.at[closed].set(now.state.k, mode="drop")
        return progress._replace(results=results, place=(first, lane, decisions)), rows

    def unfinished(progress: _Progress) -> Array:
        return (progress.waiting < count) | (progress.lanes.state.remaining > 0).any()

    def goes_on(carry: tuple[_Progress, StepRecords]) -> Array:
        progress, _ = carry
        return unfinished(progress) & (progress.bars - first_bar < CALL)

    orders, _, _, outcome = jax.eval_shape(play_bar, progress.lanes.state, progress.lanes.memory)
    shapes = jax.eval_shape(step_row, progress.lanes.trade > 0, orders.action, outcome)
    rows = jax.tree.map(lambda leaf: jnp.zeros((CALL, *leaf.shape), leaf.dtype), shapes)
    progress, rows = jax.lax.while_loop(goes_on, stretch, (progress, rows))
    return progress, rows, ~unfinished(progress)


def _by_trade(
    rows: StepRecords, first: np.ndarray, lane: np.ndarray, decisions: np.ndarray, *, horizon: int
) -> StepRecords:
    """The rows of each trade, from where its lane left them; zeros past its end. Host arrays.

    Args:
        rows: leaves [bars, L].
        first, lane, decisions: [N, 1] each, as in `_Progress.place`.
        horizon: length of the records.
    """
    k = np.arange(horizon)
    own = k < decisions
    at = first + np.where(own, k, 0)
    return jax.tree.map(lambda leaf: np.where(own, leaf[at, lane], leaf.dtype.type(0)), rows)
