"""Blocks of one continuous bar series: closes in pips from the level, and the trades entered on them.

A block begins where the last one ended. Over its first bars the price is led, by a Brownian bridge, to where
the block's own law begins: no trade lives there, and the moving averages see no seam. What follows an entry
has exactly the law that the known solution is for, and trades overlap, as a trader's do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter
from scipy.special import ndtr

from jaxexit.truth.known_answers import Disorder, Reversion

WARM_UP = 100  # bars before a block's own law begins, so that every indicator has settled
EPISODE_WARM_UP = 20  # bars that lead to the first entry of an episode
MEAN_GAP = 20  # bars from one entry to the next
LATER_ENTRIES = 1.5  # mean turning times within which an episode may be entered again
LATER_RATE = 0.8  # later entries a mean turning time, while the drift is favourable


class Block(NamedTuple):
    """A stretch of bars and the trades entered in it."""

    close: np.ndarray  # [T] pips from the level
    entry_bar: np.ndarray  # [N] ascending; the horizon's last bar of each trade lies in the block
    direction: np.ndarray  # [N] +1.0 or -1.0


def bridge(
    rng: np.random.Generator, begin: np.ndarray, end: np.ndarray, bars: int, noise: float
) -> np.ndarray:
    """[E, bars] closes of Brownian bridges from `begin` [E], which is left out, to `end` [E]."""
    walk = noise * rng.standard_normal((len(end), bars)).cumsum(axis=1)
    share = np.arange(1, bars + 1) / bars
    closes = begin[:, None] + walk + share * (end - begin - walk[:, -1])[:, None]
    closes[:, -1] = end
    return closes


def _warm_up(rng: np.random.Generator, begin: float, end: float, noise: float) -> np.ndarray:
    return bridge(rng, np.array([begin]), np.array([end]), WARM_UP, noise)[0]


def reversion_block(rng: np.random.Generator, law: Reversion, begin: float, trades: int) -> Block:
    """One stationary Ornstein-Uhlenbeck path.

    Bars are proposed at geometric gaps with a random side, and entered where the price on that side lies in
    the law's range: proposals do not depend on the path, so entry prices are a truncated normal.
    """
    low, high = ndtr(np.array([law.entry_low, law.entry_high]) / law.deviation)
    per_bar = min(1.0, 1.0 / (MEAN_GAP * (high - low)))  # proposals

    def onward(last: float, bars: int) -> np.ndarray:
        noise = law.noise * rng.standard_normal(bars)
        return lfilter([1.0], [1.0, -law.persistence], noise, zi=[law.persistence * last])[0]

    path = np.array([law.deviation * rng.standard_normal()])
    entered, sides, count = [], [], 0
    while count < trades:
        proposed = int(1.1 * (trades - count) / (high - low)) + 20
        bars = len(path) - 1 + rng.geometric(per_bar, proposed).cumsum()
        path = np.append(path, onward(path[-1], bars[-1] + 1 - len(path)))
        side = rng.choice([-1.0, 1.0], proposed)
        place = side * path[bars]
        accepted = (place >= law.entry_low) & (place <= law.entry_high)
        entered.append(bars[accepted])
        sides.append(side[accepted])
        count += int(accepted.sum())
    bars = np.concatenate(entered)[:trades]
    length = bars[-1] + law.horizon + 1
    path = np.append(path, onward(path[-1], max(0, length - len(path))))[:length]
    return Block(
        np.append(_warm_up(rng, begin, path[0], law.noise), path[1:]),
        WARM_UP - 1 + bars,
        np.concatenate(sides)[:trades],
    )


def disorder_block(rng: np.random.Generator, law: Disorder, begin: float, trades: int) -> Block:
    """Episodes that begin at the level: a drift towards the trade that turns after G bars.

    The first trade is entered at the beginning. At every later bar j <= G a further one may be: G has no
    memory, so what follows is again exactly what follows a beginning.
    """
    last_entry = int(LATER_ENTRIES * law.mean_bars)
    bars = last_entry + law.horizon
    waits = np.arange(last_entry + 1)
    favourable = rng.geometric(law.hazard, trades) - 1  # of more episodes than are needed
    entered = rng.random((trades, len(waits))) < LATER_RATE * law.hazard
    entered &= waits <= favourable[:, None]
    entered[:, 0] = True  # also where the first bar goes against it
    needed = int(np.searchsorted(entered.sum(axis=1).cumsum(), trades)) + 1
    entered, favourable = entered[:needed], favourable[:needed]
    side = rng.choice([-1.0, 1.0], needed)
    towards = np.where(np.arange(1, bars + 1) <= favourable[:, None], law.drift, -law.drift)
    after = towards * side[:, None] + law.noise * rng.standard_normal((needed, bars))
    np.cumsum(after, axis=1, out=after)
    first = _warm_up(rng, begin, 0.0, law.noise)
    left = np.append(0.0, after[:-1, -1])
    closes = bridge(rng, left, np.zeros(needed), EPISODE_WARM_UP, law.noise)
    episode, wait = np.nonzero(entered)
    bar = WARM_UP + episode * (EPISODE_WARM_UP + bars) + EPISODE_WARM_UP - 1 + wait
    return Block(
        np.append(first, np.concatenate([closes, after], axis=1).ravel()),
        bar[:trades],
        side[episode][:trades],
    )


def martingale_block(
    rng: np.random.Generator, noise: float, horizon: int, begin: float, trades: int
) -> Block:
    """A random walk that begins at the level, entered at geometric gaps on a random side."""
    bars = rng.geometric(1.0 / MEAN_GAP, trades).cumsum()
    walk = noise * rng.standard_normal(bars[-1] + horizon).cumsum()
    return Block(
        np.append(_warm_up(rng, begin, 0.0, noise), walk),
        WARM_UP - 1 + bars,
        rng.choice([-1.0, 1.0], trades),
    )
