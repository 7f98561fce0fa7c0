"""The martingale: driftless Brownian bars with exact extremes, and jumps between bars if wanted."""

from __future__ import annotations

import numpy as np

from jaxexit.data.simulated.episodes import at_level, brownian_warm_up, lay_out, left_at, sides
from jaxexit.data.simulated.types import FAR_PIPS, PIP, Simulated


def brownian(
    rng: np.random.Generator,
    trades: int,
    *,
    horizon: int = 60,
    warm: int = 20,
    noise_pips: float = 5.0,
    jump_probability: float = 0.0,
    jump_pips: float = 10.0,
    spread_pips: float = 0.0,
    side: str = "both",
    stop_pips: tuple[float, ...] = (FAR_PIPS,),
) -> Simulated:
    """Trades on which, by the optional stopping theorem, every exit rule earns minus its costs.

    Args:
        rng: the only source of randomness.
        trades: number of trades N.
        horizon: bars of each trade.
        warm: bars before each entry.
        noise_pips: standard deviation of a bar's own move.
        jump_probability: chance of a gap at an open, independent of everything.
        jump_pips: standard deviation of a gap, normal with mean 0.
        spread_pips: constant.
        side: "long", "short" or "both" (in turn).
        stop_pips: initial stop distances, equally likely.
    """
    side_of = sides(side, trades, warm, horizon)
    episodes = len(side_of)
    deviation = noise_pips * PIP
    entry = at_level(episodes)
    moves = deviation * rng.standard_normal((episodes, horizon))
    gaps = np.zeros_like(moves)
    if jump_probability > 0:
        happens = rng.random(moves.shape) < jump_probability
        gaps = happens * (jump_pips * PIP) * rng.standard_normal(moves.shape)
    after_close = entry[:, None] + (moves + gaps).cumsum(axis=1)
    before = np.concatenate([entry[:, None], after_close[:, :-1]], axis=1)
    warm_close = brownian_warm_up(rng, left_at(entry, after_close), entry, warm, deviation)
    return lay_out(
        rng,
        warm_close=warm_close,
        after_open=before + gaps,
        after_close=after_close,
        deviation=deviation,
        side_of=side_of,
        stop_pips=stop_pips,
        spread_pips=spread_pips,
        origin="simulated Brownian bars" + (" with jumps" if jump_probability > 0 else ""),
    )
