"""The stationary block bootstrap of bars, with directions drawn anew.

Politis and Romano (1994): blocks of real bars follow one another, of geometric length; each begins at a bar
of the same time of the week. A bar keeps its range, gap, body and spread together, and its neighbours in the
block. Only its direction is drawn, by a chain fitted to how often a bar follows the last one's: a policy that
knows which block it is in would otherwise know the rest of it by heart, and the ceiling would be that of
memory. So the bound may know the block, which is where volatility goes, and no more than chance tells of the
direction.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.truth.ceiling.model import Expected, Move, left_at, spread_out, uniforms
from jaxexit.truth.ceiling.source import Source, believed

Array = jax.Array

DAYS = 5  # mean length of a block


class Place(NamedTuple):
    """Where a path is. [N] each."""

    bar: Array  # int32: of the source
    sign: Array  # +1 or -1: the direction of the last bar
    size: Array  # of recent bars, share of the price: what a policy sees of volatility


class Bootstrap(NamedTuple):
    """Real bars turned so that they rise, and how they follow one another. [B] each."""

    open: Array
    high: Array
    low: Array
    close: Array  # 0 or above
    half: Array
    slot: Array  # int32
    follows: Array  # bool: whether the next bar is there
    pool: Array  # [S, M] int32: the bars of each slot
    members: Array  # [S]: how many they are
    half_of_slot: Array  # [S] mean
    restart: Array  # chance that a block ends with a bar
    bias: Array  # mean direction
    echo: Array  # how far a bar's direction follows the last one's

    @property
    def name(self) -> str:
        """See `Model`."""
        return "bootstrap"

    @property
    def words(self) -> str:
        """See `Model`."""
        restart, bias, echo = (float(np.asarray(x)) for x in (self.restart, self.bias, self.echo))
        return (
            f"stationary block bootstrap: real bars with their ranges, gaps and spreads, in blocks of "
            f"{1 / restart:,.0f} bars on average, each from its own time of the week; directions by a chain "
            f"(mean {bias:+.4f}, following the last bar's {echo:+.4f})"
        )

    @property
    def knows(self) -> str:
        """See `Model`."""
        return "all bars so far, and the real bar that would come if the block goes on, but for its direction"

    def _up(self, sign: Array) -> Array:
        return 0.5 * (1.0 + self.bias + self.echo * (sign - self.bias))

    def _goes_on(self, bar: Array, slot: Array) -> tuple[Array, Array]:
        following = jnp.minimum(bar + 1, len(self.slot) - 1)
        return following, self.follows[bar] & (self.slot[following] == slot)

    def _turned(self, bar: Array, sign: Array) -> Move:
        high, low = self.high[bar], self.low[bar]
        return Move(
            sign * self.open[bar],
            jnp.where(sign > 0, high, -low),
            jnp.where(sign > 0, low, -high),
            sign * self.close[bar],
            self.half[bar],
        )

    def onward(self, state: Place, slot: Array, key: Array, n: int) -> tuple[Place, Move]:
        """See `Model`. One number draws direction, end of the block, and the bar that begins the next."""
        drawn = uniforms(key, 1, state.bar.shape[0], n)[0]
        up = self._up(state.sign)[:, None]
        rises = drawn < up
        rest = jnp.where(rises, drawn / up, (drawn - up) / (1.0 - up))
        following, goes_on = self._goes_on(state.bar, slot)
        restart = jnp.where(goes_on, self.restart, 1.0)[:, None]
        begins = rest < restart
        among = rest / restart
        place = jnp.floor(among * self.members[slot][:, None]).astype(jnp.int32)
        place = place.clip(0, self.members[slot][:, None] - 1)
        bar = jnp.where(begins, self.pool[slot[:, None], place], following[:, None])
        sign = jnp.where(rises, 1.0, -1.0)
        size = MEMORY * spread_out(state.size, n) + (1.0 - MEMORY) * self.close[bar]
        return Place(bar, sign, size), self._turned(bar, sign)

    def expected_half(self, state: Place, slot: Array) -> Array:
        """See `Model`."""
        following, goes_on = self._goes_on(state.bar, slot)
        restart = jnp.where(goes_on, self.restart, 1.0)
        return (1.0 - restart) * self.half[following] + restart * self.half_of_slot[slot]

    def expected(self, state: Place, slot: Array, side: Array, room: Array) -> Expected:
        """See `Model`. Every bar that may come, in both directions."""
        following, goes_on = self._goes_on(state.bar, slot)
        restart = jnp.where(goes_on, self.restart, 1.0)
        up = self._up(state.sign)
        bars = jnp.concatenate([following[:, None], self.pool[slot]], axis=1)
        count = self.members[slot]
        among = jnp.arange(self.pool.shape[1]) < count[:, None]
        share = jnp.where(among, (restart / count)[:, None], 0.0)
        share = jnp.concatenate([1.0 - restart[:, None], share], axis=1)
        change, gap = jnp.zeros_like(side), jnp.zeros_like(side)
        for sign, chance in ((1.0, up), (-1.0, 1.0 - up)):
            move = self._turned(bars, jnp.float32(sign))
            _, moved = left_at(move, side[:, None], room[:, None])
            change += chance * (share * moved).sum(axis=1)
            gap += chance * side * (share * move.open).sum(axis=1)
        return Expected(change, gap)

    def numbers(self, state: Place, slot: Array, side: Array, room: Array) -> Array:
        """See `Model`: stop in sizes of a bar, size of the bar that may come, its spread, direction."""
        following, goes_on = self._goes_on(state.bar, slot)
        coming = jnp.where(goes_on, self.close[following], state.size)
        near = 1.0 / (1.0 - room / (2.0 * state.size + 1e-9))
        half = self.expected_half(state, slot)
        return jnp.stack([near, coming, half * 1e4, side * state.sign], axis=-1)


MEMORY = 0.9  # of the size of recent bars, from one bar to the next


def fit_bootstrap(source: Source) -> Bootstrap:
    """The bootstrap of a source's bars."""
    sign = np.where(source.close < 0, -1.0, 1.0)
    high, low = (
        np.where(sign > 0, a, -b) for a, b in ((source.high, source.low), (source.low, source.high))
    )
    order = np.argsort(source.slot, kind="stable")
    count = np.bincount(source.slot, minlength=source.num_slots)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    place = np.minimum(np.arange(count.max()), count[:, None] - 1)
    size = np.abs(source.close)
    bias = _habit(sign, size)
    echo = _habit(sign[1:] * sign[:-1], size[1:] * size[:-1])
    numbers: list[Any] = [
        np.asarray(leaf, np.float32)
        for leaf in (sign * source.open, high, low, sign * source.close, source.half)
    ]
    follows: Any = np.arange(len(sign)) < len(sign) - 1
    pool: Any = order[first[:, None] + place].astype(np.int32)
    rest: list[Any] = [
        count.astype(np.int32),
        *(
            np.asarray(leaf, np.float32)
            for leaf in (
                source.by_slot(source.half),
                1.0 / min(DAYS * source.a_day, len(sign) // 20),
                bias,
                echo,
            )
        ),
    ]
    slot: Any = source.slot
    leaves: Any = (*numbers, slot, follows, pool, *rest)
    return Bootstrap._make(leaves)


def _habit(direction: np.ndarray, weight: np.ndarray) -> float:
    """Mean of directions weighted by what moves with them, which an exit earns; shrunk by its error."""
    total = weight.sum()
    mean = float((weight * direction).sum() / total)
    return believed(mean, float(np.sqrt(np.square(weight).sum()) / total))


def bootstrap_start(source: Source, entry_bar: np.ndarray) -> Place:
    """States at real entry bars [N], rows of the data."""
    bar = np.clip(entry_bar - 1, 0, len(source.close) - 1)
    size = np.empty(len(source.close))
    now = np.abs(source.close[:100]).mean()
    for i, move in enumerate(np.abs(source.close)):
        now = MEMORY * now + (1.0 - MEMORY) * move
        size[i] = now
    leaves: list[Any] = [
        bar.astype(np.int32),
        np.where(source.close[bar] < 0, -1.0, 1.0).astype(np.float32),
        size[bar].astype(np.float32),
    ]
    return Place(*leaves)
