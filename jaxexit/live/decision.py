"""The environment's own `reset`, `observe` and `step` on every trade that is followed: one program a bar."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.data.types import Market, Trades
from jaxexit.env import (
    EnvSpec,
    EnvState,
    Hindsight,
    Outcome,
    World,
    in_units,
    observe,
    order_from_action,
    reset,
    situation,
    step,
    valid_actions,
)
from jaxexit.env.types import EnvParams, Fill
from jaxexit.learning import Learner
from jaxexit.live.rows import Rows
from jaxexit.policies import mask_logits

Array = jax.Array

IDLE, STEPS, BEGINS = range(3)
"""What a place of the batch does at a bar: nothing, let it pass over its trade, or begin one at its close."""


class Decision(NamedTuple):
    """What is decided at a bar's close. [places], unless said otherwise."""

    observation: Array  # [places, observation_size]
    probabilities: Array  # [places, 5]
    value: Array
    chosen: Array  # int32: before guards
    action: Array  # int32: effective
    fired: Array  # [places, rules] bool
    stop: Array  # price: in force from the coming bar on
    profit: Array  # net of what is open, at the close, in the unit of results
    remaining: Array  # share of the original size


class Passed(NamedTuple):
    """What a bar did to the trades that it passed over. [places]."""

    order_fill: Fill
    bar_fill: Fill
    done: Array  # bool
    bars_held: Array  # int32
    net: Array  # realised so far, in the unit of results


def _decide(
    spec: EnvSpec, learner: Learner, params: Any, world: World, state: EnvState
) -> Decision:
    """The greedy decision. What `step` says of it needs no coming bar: the world's is not looked at."""
    now = situation(spec, world.params, world.trades, state)
    observation = observe(spec, world.params, world.market, now)
    logits, value = learner.evaluate(params, observation)
    if spec.guard_mode == "mask":
        logits = mask_logits(logits, valid_actions(world.params, now))
    chosen = jnp.argmax(logits)
    _, outcome = step(spec, world, state, order_from_action(chosen))
    return Decision(
        observation=observation,
        probabilities=jax.nn.softmax(logits),
        value=value,
        chosen=chosen.astype(jnp.int32),
        action=outcome.action,
        fired=outcome.fired,
        stop=outcome.stop,
        profit=in_units(spec, world.unit, now.profit, now.entry, now.risk),
        remaining=now.remaining,
    )


def _settle(spec: EnvSpec, world: World, state: EnvState, action: Array) -> tuple[EnvState, Passed]:
    """Let the coming bar pass over a trade that was given an action: where it stands, and what happened."""
    after, outcome = step(spec, world, state, order_from_action(action))
    return after, _passed(spec, world, after, outcome)


def _passed(spec: EnvSpec, world: World, after: EnvState, outcome: Outcome) -> Passed:
    risk = situation(spec, world.params, world.trades, after).risk
    return Passed(
        order_fill=outcome.order_fill,
        bar_fill=outcome.bar_fill,
        done=outcome.done,
        bars_held=outcome.bars_held,
        net=in_units(spec, world.unit, after.realised, after.entry, risk),
    )


@partial(jax.jit, static_argnames=("spec", "learner"))
def pass_bar(
    spec: EnvSpec,
    learner: Learner,
    params: Any,
    world: World,
    state: EnvState,
    chosen: Array,
    does: Array,
) -> tuple[EnvState, Array, Passed, Decision]:
    """One closed bar for every place of the batch.

    Args:
        spec: structure of the environment.
        learner: evaluates the policy.
        params: of the policy.
        world: its market ends with the closed bar, and that bar again; its trades are the places.
        state: [places] as of the bar before.
        chosen: [places] int32, actions of the bar before.
        does: [places] of IDLE, STEPS, BEGINS.

    Returns:
        State and chosen actions as of this bar (unchanged where idle), what became of the trades that it
        passed over, and what is decided at its close. Of idle places the last two mean nothing.
    """

    def one(place: Array, state: EnvState, chosen: Array, does: Array):
        after, passed = _settle(spec, world, state, chosen)
        begun = reset(spec, world.params, world.market, world.trades, place)
        now = jax.tree.map(partial(jnp.where, does == BEGINS), begun, after)
        decision = _decide(spec, learner, params, world, now)
        now = jax.tree.map(partial(jnp.where, does == IDLE), state, now)
        return now, jnp.where(does == IDLE, chosen, decision.chosen), passed, decision

    return jax.vmap(one)(jnp.arange(len(does)), state, chosen, does)


def blank(places: int) -> tuple[Trades, EnvState, np.ndarray]:
    """Trades, state and choices of places that are free: sound numbers, of which nothing is read."""
    one, zero = np.ones(places, np.float32), np.zeros(places, np.float32)
    none, whole = np.full(places, np.nan, np.float32), np.zeros(places, np.int32)
    trades: Any = (whole, one, one, 0.5 * one, none, none, np.zeros(places, bool))
    numbers = np.arange(places, dtype=np.int32)
    known: Any = (numbers, whole, one, zero, 0.5 * one, one, one)
    state: Any = (*known, whole, whole, whole, zero, zero, zero)
    # Copies: places are filled one by one.
    copies: Any = [[np.array(leaf) for leaf in leaves] for leaves in (trades, state)]
    return (
        Trades(*copies[0]),
        EnvState(*copies[1]),
        np.zeros(places, np.int32),
    )


def known_world(
    params: EnvParams,
    rows: Rows,
    trades: Trades,
    entries: np.ndarray,
    at: int,
    horizon: int,
    unit: float,
) -> World:
    """What the environment may read of trades at the close of bar `at`: the bars since their entries.

    The window has one shape for all bars, so that nothing is compiled again. Behind bar `at` it stands once
    more: the future is not known, and nothing of it is read.

    Args:
        params: numbers of the environment.
        rows: of all bars fed so far.
        trades: the places.
        entries: [places] bar of decision 0; at most `horizon` before `at`.
        at: the last closed bar.
        horizon: bars that a trade is held at most.
        unit: size of the unit of results.
    """
    first = at - horizon
    shown = np.clip(first + np.arange(horizon + 2), 0, at)
    window: list[Any] = [None if column is None else column[shown] for column in rows]
    nothing: list[Any] = [np.zeros(len(entries), np.float32), np.zeros(len(entries), np.int32)]
    size: Any = np.float32(unit)
    at_rows: Any = np.clip(entries - first, 0, horizon).astype(np.int32)
    # `hindsight`: only the reward reads it, and nobody is paid here.
    return World(
        params=params,
        market=Market(*window),
        trades=trades._replace(entry_bar=at_rows),
        hindsight=Hindsight(*nothing),
        unit=size,
    )
