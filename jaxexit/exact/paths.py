"""Episodes laid out in full: each is held to its end, and at every decision stopping is tried as well."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxexit.errors import UserError
from jaxexit.exact.types import Paths
from jaxexit.learning.types import Task

Array = jax.Array


def stopping_of(task: Task) -> tuple[int, int]:
    """The action that continues and the one that ends the episode.

    Raises:
        UserError: the task has none.
    """
    if task.stopping is None:
        raise UserError("learner: exact needs a task whose episode one action ends")
    return task.stopping


def lay_out(task: Task, data: Any, draws: Any, horizon: int) -> Paths:
    """The paths of the episodes that `draws` begin.

    Args:
        task: with `stopping`.
        data: what the task works on.
        draws: random numbers of N resets, leading dimension [N].
        horizon: decisions H; every episode that is held ends within them.

    Raises:
        UserError: see `stopping_of`.
    """
    actions = jnp.array(stopping_of(task), jnp.int32)
    each = jax.vmap(task.step, in_axes=(None, 0, None, 0))
    step = jax.vmap(each, in_axes=(None, None, 0, None))  # both actions by one piece of code
    begin = jax.vmap(task.reset, in_axes=(None, 0))(data, draws)

    def decision(carry: tuple[Any, Array, Array], _: None):
        state, observation, alive = carry
        both = step(data, state, actions, draws)
        after, seen = jax.tree.map(lambda leaf: leaf[0], both[:2])
        (hold, leave), (ends, left) = both[2], both[3]
        path = Paths(
            # An episode that is over begins anew: what follows is not of this one.
            observation=jnp.where(alive[:, None], observation, 0.0),
            hold=jnp.where(alive, hold, 0.0),
            leave=jnp.where(alive, leave, 0.0),
            can_leave=left & alive,
            alive=alive,
            ends=ends,
        )
        return (after, seen, alive & ~ends), path

    alive = jnp.ones(begin[1].shape[0], bool)
    return jax.lax.scan(decision, (*begin, alive), None, length=horizon)[1]


def returns(paths: Paths, leaves: Array, advantage: Array, trace_decay: Array) -> Array:
    """What holding on would have brought over leaving at each decision, [H, N], in the task's reward.

    The advantage of holding is that of the path itself, cut short by what is expected: a tree backup
    (Precup, Sutton and Singh 2000) along the one path that the market took,
    H_k = hold_k + G_{k+1}, and G_k = leave_k where the policy leaves; where it holds,
    G_k = (1 - decay) (leave_k + advantage_k) + decay H_k. With decay 1 nothing is expected, and this is the
    realised result (Longstaff and Schwartz 2001); with decay 0 it is one step of value iteration
    (Tsitsiklis and Van Roy 2001).

    Args:
        paths: [H, N].
        leaves: [H, N] bool: the policy's choice.
        advantage: [H, N] expected advantage of holding over leaving.
        trace_decay: share of a path's own future that is believed, a bar.
    """

    def back(after: Array, now: tuple[Paths, Array, Array]) -> tuple[Array, Array]:
        path, exits, expected = now
        hold = path.hold + jnp.where(path.ends, 0.0, after)
        mixed = (1.0 - trace_decay) * (path.leave + expected) + trace_decay * hold
        free = jnp.where(exits, path.leave, mixed)
        return jnp.where(path.can_leave, free, hold), hold - path.leave

    start = jnp.zeros(advantage.shape[1])
    light = paths._replace(observation=None)
    return jax.lax.scan(back, start, (light, leaves, advantage), reverse=True)[1]


def reached(paths: Paths, exit_chance: Array) -> Array:
    """Chance to meet a decision for who leaves with these chances, [H, N]; 0 where there is none to take."""
    stays = 1.0 - jnp.where(paths.can_leave, exit_chance, 0.0)
    before = jnp.concatenate([jnp.ones_like(stays[:1]), jnp.cumprod(stays, axis=0)[:-1]])
    return before * paths.can_leave


def drawn_decisions(met: Array, exist: Array, uniform_share: Array) -> Array:
    """How often each decision is drawn, [prices, H, N]: in part as often as it is met, in part uniformly.

    Otherwise a policy rarely sees the states that it avoids and cannot learn that reaching them pays.
    """
    evenly = exist / jnp.maximum(exist.sum(), 1)
    share = met / jnp.maximum(met.sum(axis=(1, 2), keepdims=True), 1e-6)
    return (1.0 - uniform_share) * share + uniform_share * evenly
