"""What a simulated market is for the ceiling: one bar onward, with its conditional expectation known.

A dual bound needs martingales, so it needs what is expected of the coming bar from everything that the model
knows at a decision. Each model is a pytree of arrays: it is traced, and shares one program with its like.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array

DIMENSIONS = 8  # uniform numbers of a bar, at most


class Move(NamedTuple):
    """One bar, in shares of the last mid close: its mid prices less 1, and half of its spread. [...] each."""

    open: Array
    high: Array
    low: Array
    close: Array
    half: Array


class Expected(NamedTuple):
    """What a model expects of the coming bar, in shares of the last mid close. [N] each."""

    change: Array  # of the mid price, long form, up to the close or to where the stop was filled
    gap: Array  # of the open alone, long form


class Model(Protocol):
    """A Markov market. Its state [N] is all that anybody can know of it at a close."""

    @property
    def name(self) -> str:
        """As `--model` names it."""
        ...

    @property
    def words(self) -> str:
        """What it is."""
        ...

    @property
    def knows(self) -> str:
        """What the bound allows a policy to know."""
        ...

    def onward(self, state: Any, slot: Array, key: Array, n: int) -> tuple[Any, Move]:
        """The market at the next close, n times from each state: states and bars, leaves [N, n].

        The n are evenly spread over what may come (`uniforms`): each alone has the model's law, and their
        mean is an unbiased expectation.

        Args:
            state: leaves [N].
            slot: [N] of the coming bar in the week.
            key: of the random numbers.
            n: how many.
        """
        ...

    def expected_half(self, state: Any, slot: Array) -> Array:
        """Half of the spread expected of the coming bar, share of the last mid close, [N]."""
        ...

    def expected(self, state: Any, slot: Array, side: Array, room: Array) -> Expected:
        """Exact expectations of the coming bar.

        Args:
            state: leaves [N].
            slot: [N] of the coming bar in the week.
            side: [N] +1 long, -1 short.
            room: [N] the stop's distance from the last mid close, a share of it, long form (below 0).
        """
        ...

    def numbers(self, state: Any, slot: Array, side: Array, room: Array) -> Array:
        """What holding on is regressed on, [N, D]."""
        ...


def left_at(move: Move, side: Array, room: Array) -> tuple[Array, Array]:
    """Where a trade that is held stands after a bar, long form.

    The stop is filled as `env.book.fill_stop` does: at the open where the bar opens beyond it, else at the
    stop, on the exit side. In mid prices that is half a spread above.

    Returns:
        (stopped, change): bool, and the change of the mid price up to the close or the stop's fill.
    """
    low = jnp.where(side > 0, move.low, -move.high) - move.half
    opened = side * move.open - move.half
    stopped = (opened <= room) | (low <= room)
    fill = jnp.minimum(opened, room) + move.half
    return stopped, jnp.where(stopped, fill, side * move.close)


def uniforms(key: Array, dimensions: int, states: int, n: int) -> Array:
    """[dimensions, states, n] uniform numbers, those of a state evenly spread: a shifted Kronecker lattice.

    The first coordinate is i / n, the others multiples of the powers of the generalised golden ratio; all are
    shifted by a uniform number of each state and dimension (Cranley and Patterson 1976), so that every
    point is uniform and every mean over a state's points unbiased.
    """
    root = 2.0
    for _ in range(40):
        root = (1.0 + root) ** (1.0 / (DIMENSIONS + 1))
    steps = np.concatenate([[1.0 / n], root ** -np.arange(1.0, DIMENSIONS)])[:dimensions]
    grid = np.mod(np.arange(n) * steps[:, None], 1.0).astype(np.float32)
    shift = jax.random.uniform(key, (dimensions, states, 1))
    return jnp.mod(grid[:, None] + shift, 1.0).clip(1e-7, 1.0 - 1e-7)


def normal(uniform: Array) -> Array:
    """Standard normal numbers at these quantiles."""
    return jax.scipy.special.ndtri(uniform)


def bridge(opened: Array, close: Array, deviation: Array, up: Array, down: Array) -> Array:
    """High and low of a Brownian bar of given ends, each exact alone (`data.simulated.bridge_extremes`)."""
    width, reach = jnp.square(close - opened), 2.0 * jnp.square(deviation)
    middle = opened + close
    high = 0.5 * (middle + jnp.sqrt(width - reach * jnp.log(up)))
    low = 0.5 * (middle - jnp.sqrt(width - reach * jnp.log(down)))
    return jnp.stack([high, low])


def spread_out(state: Array, n: int) -> Array:
    """[N] -> [N, n]."""
    return jnp.broadcast_to(state[:, None], (state.shape[0], n))
