"""Episodes: trades that share no bar, laid one after another in one bar table.

An episode is `warm` bars that end with the entry bar, and the `horizon` bars of its trade. Over the
warm bars the price is led from where the last trade left it to this trade's entry price, by a bridge:
no trade lives there, indicators see no seam, the level stays near 1.0 for ever, and memory grows with
the bars alone. What comes after the entry is independent of all that was before it.
"""

from __future__ import annotations

import numpy as np

from jaxexit.data.simulated.types import (
    LEVEL,
    PIP,
    START,
    Simulated,
    bars_from_mid,
    bridge_extremes,
    directions,
    enter,
)

LEAD_BARS = 100  # before the first entry, so that every built-in indicator is defined
MINUTE = np.timedelta64(60_000_000_000, "ns")


def lead_episodes(warm: int, horizon: int) -> int:
    """How many episodes without a trade stand in front."""
    return -(-LEAD_BARS // (warm + horizon))


def left_at(entry: np.ndarray, after_close: np.ndarray) -> np.ndarray:
    """[E] where each episode begins: the last close of the one before; the first at its own entry."""
    return np.concatenate([entry[:1], after_close[:-1, -1]])


def brownian_warm_up(
    rng: np.random.Generator, begin: np.ndarray, entry: np.ndarray, warm: int, deviation: float
) -> np.ndarray:
    """[E, warm] closes of a Brownian bridge from `begin` [E] to `entry` [E]."""
    walk = deviation * rng.standard_normal((len(entry), warm)).cumsum(axis=1)
    share = np.arange(1, warm + 1) / warm
    miss = entry - begin - walk[:, -1]
    closes = begin[:, None] + walk + share * miss[:, None]
    closes[:, -1] = entry
    return closes


def lay_out(
    rng: np.random.Generator,
    *,
    warm_close: np.ndarray,
    after_open: np.ndarray,
    after_close: np.ndarray,
    deviation: float,
    side_of: np.ndarray,
    stop_pips: tuple[float, ...],
    spread_pips: float,
    origin: str,
    hidden: dict[str, np.ndarray] | None = None,
) -> Simulated:
    """Bars and trades of E episodes, the lead's included; all prices are mid prices.

    Args:
        rng: for extremes and stop distances.
        warm_close: [E, warm] closes up to the entry bar's.
        after_open: [E, horizon] opens of the trade's bars.
        after_close: [E, horizon] their closes.
        deviation: standard deviation of a bar's own move, price units: for the extremes.
        side_of: [E] +1 or -1: the direction of each episode's trade.
        stop_pips: initial stop distances, equally likely.
        spread_pips: constant.
        origin: what this is, for the summary.
        hidden: what no policy may see, [E] each.
    """
    episodes, warm = warm_close.shape
    horizon = after_close.shape[1]
    begin = left_at(warm_close[:, -1], after_close)
    warm_open = np.concatenate([begin[:, None], warm_close[:, :-1]], axis=1)
    opened = np.concatenate([warm_open, after_open], axis=1).ravel()
    closed = np.concatenate([warm_close, after_close], axis=1).ravel()
    high, low = bridge_extremes(rng, opened, closed, deviation)
    bars = bars_from_mid(
        np.stack([opened, high, low, closed], axis=1),
        spread_pips * PIP,
        START + np.arange(len(closed)) * MINUTE,
        origin,
    )
    lead = lead_episodes(warm, horizon)
    entry_bar = np.arange(lead, episodes) * (warm + horizon) + warm - 1
    return Simulated(
        bars=bars,
        trades=enter(rng, bars, entry_bar, side_of[lead:], stop_pips),
        horizon=horizon,
        hidden={name: values[lead:] for name, values in (hidden or {}).items()},
    )


def sides(side: str, trades: int, warm: int, horizon: int) -> np.ndarray:
    """[E] directions of `trades` trades and the lead in front of them."""
    return directions(side, trades + lead_episodes(warm, horizon))


def at_level(episodes: int) -> np.ndarray:
    """[E] entries at `LEVEL`."""
    return np.full(episodes, LEVEL)
