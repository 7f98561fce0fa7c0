"""The environment's own `reset`, `observe` and `step`, compiled once for every trade that is followed."""

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
from jaxexit.env.types import EnvParams
from jaxexit.learning import Learner
from jaxexit.live.feed import Rows
from jaxexit.policies import mask_logits

Array = jax.Array


class Decision(NamedTuple):
    """What is decided for one trade at a bar's close. Scalars unless said otherwise."""

    observation: Array  # [observation_size]
    probabilities: Array  # [5]
    value: Array
    chosen: Array  # int32: before guards
    action: Array  # int32: effective
    fired: Array  # [rules] bool
    stop: Array  # price: in force from the coming bar on
    profit: Array  # net of what is open, at the close, in the unit of results
    remaining: Array  # share of the original size


@partial(jax.jit, static_argnames=("spec", "learner"))
def decide(spec: EnvSpec, learner: Learner, params: Any, world: World, state: EnvState) -> Decision:
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
        chosen=chosen,
        action=outcome.action,
        fired=outcome.fired,
        stop=outcome.stop,
        profit=in_units(spec, world.unit, now.profit, now.entry, now.risk),
        remaining=now.remaining,
    )


@partial(jax.jit, static_argnames="spec")
def settle(spec: EnvSpec, world: World, state: EnvState, action: Array) -> tuple[EnvState, Outcome]:
    """Let the coming bar pass over a trade that was given an action: where it stands, and what happened."""
    return step(spec, world, state, order_from_action(action))


@partial(jax.jit, static_argnames="spec")
def begin(spec: EnvSpec, world: World) -> EnvState:
    """The world's trade at its first decision."""
    return reset(spec, world.params, world.market, world.trades, jnp.int32(0))


def known_world(
    params: EnvParams, rows: Rows, trades: Trades, entry: int, at: int, horizon: int, unit: float
) -> World:
    """What the environment may read of a trade at the close of bar `at`: its own bars, from its entry on.

    The window has one shape for all trades and bars, so that nothing is compiled again. What lies after
    bar `at` repeats it: the future is not known, and nothing of it is read.

    Args:
        params: numbers of the environment.
        rows: of all bars fed so far.
        trades: the trade alone, its entry bar row 0 of its window.
        entry: bar of decision 0.
        at: the last closed bar.
        horizon: bars that a trade is held at most.
        unit: size of the unit of results.
    """
    shown = np.minimum(entry + np.arange(horizon + 2), at)
    window: list[Any] = [None if column is None else column[shown] for column in rows]
    nothing: list[Any] = [np.zeros(1, np.float32), np.zeros(1, np.int32)]
    size: Any = np.float32(unit)
    # `hindsight`: only the reward reads it, and nobody is paid here.
    return World(
        params=params,
        market=Market(*window),
        trades=trades,
        hindsight=Hindsight(*nothing),
        unit=size,
    )
