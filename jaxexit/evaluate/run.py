"""Run any policy over given trades, each exactly once, through the environment's own `step`.

No auto-reset, no first finishers: every trade is played to its end, and only money is reported, never the
shaped reward. Trades wait in a queue for the lanes that play them, so that a short one costs little beside a
long one. Memory is O(bars + trades); only with `record` is there a row a trade and bar: the program
(`evaluate.lanes`) always writes the rows of its last bars, and the host takes them or leaves them.
"""

from __future__ import annotations

from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.arrays import key_of
from jaxexit.data.types import Trades, assert_market, assert_trades, padded, padded_size
from jaxexit.env import EnvSpec, Hindsight, World, without_guards
from jaxexit.evaluate.lanes import Progress, play_bars, take
from jaxexit.evaluate.played import Played, StepRecords, no_results
from jaxexit.policies.types import Policy

Array = jax.Array

LANES = 512  # trades played side by side: activations of that many fit a CPU's cache


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
        progress, rows, done = play_bars(*given, progress)
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
    play_bars(*given, _beginning(*given))


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
    """The arguments of `play_bars` but for the progress, in the types and shapes in which it is compiled."""
    assert_market(world.market)
    assert_trades(world.trades)
    chex.assert_equal_shape([world.trades.entry_bar, *world.hindsight])
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
) -> Progress:
    """Before the first bar: every lane is empty. Host arrays."""
    trade = jax.ShapeDtypeStruct((lanes,), jnp.int32)
    size, bars = len(world.trades.entry_bar), world.market.bid.shape[0]
    none: Any = jax.ShapeDtypeStruct((size,), jnp.int32)
    number: Any = jax.ShapeDtypeStruct((), jnp.int32)
    marks: Any = jax.ShapeDtypeStruct((bars,), jnp.float32)
    progress = Progress(
        lanes=take.eval_shape(spec, policy, lanes, world, policy_params, count, trade),
        waiting=number,
        bars=number,
        results=no_results.eval_shape(size),
        marks=marks,
        place=(none, none, none),
    )
    return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), progress)


def _by_trade(
    rows: StepRecords, first: np.ndarray, lane: np.ndarray, decisions: np.ndarray, *, horizon: int
) -> StepRecords:
    """The rows of each trade, from where its lane put them; zeros past its end. Host arrays.

    Args:
        rows: leaves [bars, L].
        first, lane, decisions: [N, 1] each, as in `Progress.place`.
        horizon: length of the records.
    """
    k = np.arange(horizon)
    taken = k < decisions
    at = first + np.where(taken, k, 0)
    return jax.tree.map(lambda leaf: np.where(taken, leaf[at, lane], leaf.dtype.type(0)), rows)
