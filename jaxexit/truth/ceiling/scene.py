"""Trades on a simulated market: their paths, and what every exit of each earns in the environment's money."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.env import EnvSpec, World, in_units, initial_risk, order_from_action, reset, step
from jaxexit.env.book import holding_fractions
from jaxexit.env.types import EXIT, HOLD
from jaxexit.truth.ceiling.model import Model, Move

Array = jax.Array


class Entries(NamedTuple):
    """N trades at their decision 0."""

    state: Any  # of the model, leaves [N]
    price: Array  # [N] mid close of the entry bar
    half: Array  # [N] half of its spread, share of the price
    side: Array  # [N] +1 or -1
    stop: Array  # [N] price
    slots: Array  # [H + 1, N] int32: of the bars 1 .. H + 1 after the entry bar, in the week
    later: Array  # [H + 1, N] how much less the season's half spread is within a day, share of the price
    closes: Array  # [H, N] bool: bars at whose close whatever is open is closed, horizon or session
    per_price: Array  # [N] units of the result in a price unit


class Path(NamedTuple):
    """What the market did after each entry."""

    states: Any  # leaves [H + 1, N], at decisions 0 .. H
    moves: Move  # leaves [H, N], of the bars 1 .. H
    price: Array  # [H + 1, N] mid closes
    halves: Array  # [H + 1, N] half of each bar's spread, price units


class Money(NamedTuple):
    """What exits earn, in the unit of results. [H, N] each."""

    leave: Array  # net of EXIT at this decision
    hold: Array  # net of holding where the coming bar closes the trade, else 0
    ends: Array  # bool: whether the coming bar closes it
    alive: Array  # bool: whether there is a decision
    carried: Array  # what one bar more of holding costs beside the spread


@partial(jax.jit, static_argnames="horizon")
def walk(model: Model, entries: Entries, key: Array, horizon: int) -> Path:
    """The market after each entry, from the model's own `onward`."""

    def bar(carry: tuple[Any, Array], given: tuple[Array, Array]) -> tuple[Any, Any]:
        state, price = carry
        slot, of_bar = given
        after, move = jax.tree.map(lambda leaf: leaf[:, 0], model.onward(state, slot, of_bar, 1))
        new = price * (1.0 + move.close)
        return (after, new), (after, move, new)

    start = entries.state, entries.price
    keys = jax.random.split(key, horizon)
    _, (states, moves, price) = jax.lax.scan(bar, start, (entries.slots[:horizon], keys))

    def led(first: Array, rest: Array) -> Array:
        return jnp.concatenate([jnp.asarray(first)[None].astype(rest.dtype), rest])

    return Path(
        states=jax.tree.map(led, entries.state, states),
        moves=moves,
        price=led(entries.price, price),
        halves=led(entries.half * entries.price, moves.half * led(entries.price, price[:-1])),
    )


@partial(jax.jit, static_argnames=("spec", "horizon"))
def money(spec: EnvSpec, world: World, horizon: int) -> Money:
    """Every exit of every trade of a world, by the environment's own `step`; guards should be open.

    Args:
        spec: structure of the environment.
        world: the simulated market and its N trades.
        horizon: decisions.
    """
    trades = jnp.arange(world.trades.entry_bar.shape[0])
    begin = jax.vmap(partial(reset, spec, world.params, world.market, world.trades))(trades)
    play = jax.vmap(partial(step, spec, world), in_axes=(0, None))
    risk = jax.vmap(partial(initial_risk, world.trades))(trades)
    direction = world.trades.direction
    fractions = jax.vmap(holding_fractions, in_axes=(None, None, 0, 0, 0))

    def decision(carry: tuple[Any, Array], k: Array) -> tuple[Any, Any]:
        state, alive = carry
        left = play(state, order_from_action(jnp.int32(EXIT)))[1]
        after, held = play(state, order_from_action(jnp.int32(HOLD)))

        def units(fraction: Array) -> Array:
            return in_units(spec, world.unit, fraction, after.entry, risk)

        bar = world.trades.entry_bar + k + 1
        ahead = jnp.minimum(bar + (spec.order_fill == "next_open"), world.market.bid.shape[0] - 1)
        crossed = fractions(world.params.costs, world.market, ahead, direction, after.entry)[0]
        inside = fractions(world.params.costs, world.market, bar, direction, after.entry)[1]
        ends = alive & held.done
        row = Money(
            leave=jnp.where(alive, units(left.net), 0.0),
            hold=jnp.where(ends, units(held.net), 0.0),
            ends=ends,
            alive=alive,
            carried=units(crossed + inside),
        )
        return (after, alive & ~held.done), row

    alive = jnp.ones(trades.shape, bool)
    return jax.lax.scan(decision, (begin, alive), jnp.arange(horizon))[1]


def laid_out(path: Path, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bars of all trades, one after another, float64: mid [N (L + H), 4] and spread [N (L + H)].

    Args:
        path: of N trades.
        before: [N, L, 5] the bars up to the entry bar: mid open, high, low, close, and spread; price units.
    """
    last = np.asarray(path.price, np.float64)[:-1]
    moves = [np.asarray(leaf, np.float64) for leaf in path.moves]
    after = np.stack([*(last * (1.0 + leaf) for leaf in moves[:4]), 2.0 * last * moves[4]], -1)
    whole = np.concatenate([before, np.swapaxes(after, 0, 1)], axis=1).reshape(-1, 5)
    mid = whole[:, :4]
    mid[:, 1] = np.maximum(mid[:, 1], np.maximum(mid[:, 0], mid[:, 3]))
    mid[:, 2] = np.minimum(mid[:, 2], np.minimum(mid[:, 0], mid[:, 3]))
    return mid, whole[:, 4]
