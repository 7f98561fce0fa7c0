"""Every decision of a backtest replayed through `env.step`, with what the agent saw and preferred.

The backtest keeps what happened; this adds why. Chosen actions are given (the backtest's own records), so
that a policy that draws is replayed as it was drawn.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.env import (
    EnvSpec,
    EnvState,
    World,
    in_units,
    observation_names,
    observe,
    order_from_action,
    reset,
    situation,
    step,
    valid_actions,
)
from jaxexit.env.guards import RULES
from jaxexit.env.types import CostFractions
from jaxexit.learning import Learner
from jaxexit.policies import entropy, mask_logits
from jaxexit.report.groups import membership

Array = jax.Array

TRADES_AT_ONCE = 512
DECISIONS_AT_ONCE = 4096


class Row(NamedTuple):
    """One decision and what came of it, as the environment says. Leaves [decisions, ...].

    Money is in the unit of results.
    """

    k: Any  # int32: the decision's index in its trade
    action: Any  # int32: effective, after guards
    fired: Any  # int32: which guards blocked, as a bit mask (see `guards.rule_set_name`)
    profit: Any  # float32: unrealised net at the decision, of what is open, per unit
    stop: Any  # float32: in force in the coming bar, price
    remaining: Any  # float32: share still open after the step
    net: Any  # float32: booked in this step, swap included
    costs: Any  # CostFractions of float32: charged in this step
    terms: Any  # RewardTerms of float32


class Insight(NamedTuple):
    """What the network says at each decision. Leaves [decisions, ...] float32."""

    probabilities: Any  # [., actions]
    value: Any  # see `Learner.value_words`, in units of the reward
    entropy: Any  # nats; at most the logarithm of the number of actions
    gradient: Any  # [., groups]: length of d log p(chosen) / d observations, by group


class Decisions(NamedTuple):
    """All decisions of N trades, one after the other.

    Attributes:
        offsets: [N + 1] int32: trade i has the rows offsets[i] to offsets[i + 1].
        chosen: [decisions] int32: before guards.
        row: what happened.
        insight: what the network says.
        groups: names of the groups of `insight.gradient`.
    """

    offsets: np.ndarray
    chosen: np.ndarray
    row: Row
    insight: Insight
    groups: tuple[str, ...]


def replay(
    spec: EnvSpec,
    world: World,
    learner: Learner,
    params: Any,
    taken: np.ndarray,
    chosen: np.ndarray,
) -> Decisions:
    """Follow recorded actions through every trade.

    Args:
        spec: structure of the environment.
        world: of N trades, with the guards that bound the policy.
        learner: what the policy was learned by.
        params: of the policy.
        taken: [N, H] bool: which decisions there were.
        chosen: [N, H] int: the action chosen at each, before guards.
    """
    longest = int(taken.sum(1).max())
    taken, chosen = taken[:, :longest], chosen[:, :longest].astype(np.int32)
    rows, seen, valid = [], [], []
    for begin in range(0, len(taken), TRADES_AT_ONCE):
        indices = np.arange(begin, min(begin + TRADES_AT_ONCE, len(taken)))
        padded = np.resize(indices, TRADES_AT_ONCE)
        followed = jax.device_get(_follow(spec, world, padded, chosen[padded].T))
        mask = taken[indices]
        keep = partial(_taken_only, mask=mask)
        row, observation, allowed = jax.tree.map(keep, followed)
        rows.append(row)
        seen.append(observation)
        valid.append(allowed)
    row = jax.tree.map(lambda *parts: np.concatenate(parts), *rows)
    flat = chosen[taken]
    groups, matrix = membership(observation_names(spec))
    masked = spec.guard_mode == "mask"
    insight = _in_batches(
        partial(_insight, learner, params, matrix, masked=masked),
        np.concatenate(seen),
        np.concatenate(valid),
        flat,
    )
    offsets = np.concatenate([[0], np.cumsum(taken.sum(1))]).astype(np.int32)
    return Decisions(offsets, flat, row, insight, groups)


def _taken_only(leaf: np.ndarray, *, mask: np.ndarray) -> np.ndarray:
    """[H, chunk, ...] -> rows of real trades at real decisions, trade by trade."""
    return np.swapaxes(leaf, 0, 1)[: len(mask)][mask]


@partial(jax.jit, static_argnames="spec")
def _follow(spec: EnvSpec, world: World, indices: Array, chosen: Array):
    """Trades `indices` [n] under the actions `chosen` [H, n]: (Row, observation, valid), each [H, n, ...]."""
    params, market, trades = world.params, world.market, world.trades
    bits = jnp.asarray([2**i for i in range(len(RULES))], jnp.int32)

    def decide(state: EnvState, action: Array):
        now = situation(spec, params, trades, state)
        after, outcome = step(spec, world, state, order_from_action(action))
        # The entry that the decision knew, and the one that the step's money is a fraction of.
        money = partial(in_units, spec, world.unit)
        row = Row(
            k=state.k,
            action=outcome.action,
            fired=(outcome.fired * bits).sum(),
            profit=money(outcome.profit, state.entry, now.risk),
            stop=outcome.stop,
            remaining=after.remaining,
            net=money(outcome.net, after.entry, now.risk),
            costs=CostFractions(*(money(cost, after.entry, now.risk) for cost in outcome.costs)),
            terms=outcome.terms,
        )
        is_open = state.remaining > 0
        kept = jax.tree.map(partial(jnp.where, is_open), after, state)
        return kept, (row, observe(spec, params, market, now), valid_actions(params, now))

    start = jax.vmap(partial(reset, spec, params, market, trades))(indices)
    return jax.lax.scan(jax.vmap(decide), start, chosen)[1]


@partial(jax.jit, static_argnums=0, static_argnames="masked")
def _insight(
    learner: Learner,
    params: Any,
    matrix: Array,
    observation: Array,
    valid: Array,
    action: Array,
    *,
    masked: bool,
) -> Insight:
    """Leaves [n, ...] of n decisions."""

    def log_probabilities(seen: Array, allowed: Array) -> tuple[Array, Array]:
        logits, value = learner.evaluate(params, seen)
        return jax.nn.log_softmax(mask_logits(logits, allowed) if masked else logits), value

    def of_decision(seen: Array, allowed: Array, action: Array) -> Insight:
        logs, value = log_probabilities(seen, allowed)
        gradient = jax.grad(lambda x: log_probabilities(x, allowed)[0][action])(seen)
        return Insight(
            probabilities=jnp.exp(logs),
            value=value,
            entropy=entropy(logs),
            gradient=jnp.sqrt(matrix @ gradient**2),
        )

    return jax.vmap(of_decision)(observation, valid, action)


def _in_batches(function: Any, *columns: np.ndarray) -> Any:
    """`function` of columns [n, ...], a fixed number of rows at a time."""
    count = len(columns[0])
    parts = []
    for begin in range(0, count, DECISIONS_AT_ONCE):
        index = np.resize(
            np.arange(begin, min(begin + DECISIONS_AT_ONCE, count)), DECISIONS_AT_ONCE
        )
        values = jax.device_get(function(*(column[index] for column in columns)))
        size = min(DECISIONS_AT_ONCE, count - begin)
        parts.append(jax.tree.map(lambda leaf, size=size: leaf[:size], values))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
