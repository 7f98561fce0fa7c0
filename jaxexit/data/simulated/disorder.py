"""Disorder: a drift in the trade's favour that turns against it at a time nobody sees (Shiryaev)."""

from __future__ import annotations

import numpy as np

from jaxexit.data.simulated.episodes import at_level, brownian_warm_up, lay_out, left_at, sides
from jaxexit.data.simulated.types import FAR_PIPS, PIP, Simulated


def disorder(
    rng: np.random.Generator,
    trades: int,
    *,
    horizon: int = 200,
    warm: int = 20,
    drift_pips: float = 1.0,
    noise_pips: float = 5.0,
    mean_bars: float = 40.0,
    spread_pips: float = 1.0,
    side: str = "both",
    stop_pips: tuple[float, ...] = (FAR_PIPS,),
) -> Simulated:
    """Trades whose first G bars drift in their favour and all later ones against them.

    The drift turns at the beginning of bar G + 1 after the entry, geometric on 1, 2, 3, ... with mean
    `mean_bars`: P(G = n) = p (1 - p)^n, p = 1 / mean_bars. So each bar, the first included, turns with
    chance p if the one before had not. Before the entry there is no drift. Extremes are exact one side at
    a time: the bridge does not depend on the drift. Opens are the last closes.

    Args:
        rng: the only source of randomness.
        trades: number of trades N.
        horizon: bars of each trade.
        warm: bars before each entry.
        drift_pips: a bar, towards the trade and then against it.
        noise_pips: standard deviation of a bar's move around its drift.
        mean_bars: mean of G + 1.
        spread_pips: constant.
        side: "long", "short" or "both" (in turn).
        stop_pips: initial stop distances, equally likely.

    Returns:
        The market; `hidden["favourable_bars"]` [N] int64 is G, also where it exceeds the horizon.
    """
    side_of = sides(side, trades, warm, horizon)
    episodes = len(side_of)
    deviation = noise_pips * PIP
    entry = at_level(episodes)
    favourable = rng.geometric(1.0 / mean_bars, episodes) - 1
    sign = np.where(np.arange(1, horizon + 1) <= favourable[:, None], 1.0, -1.0)
    moves = sign * side_of[:, None] * (drift_pips * PIP)
    moves += deviation * rng.standard_normal((episodes, horizon))
    after_close = entry[:, None] + moves.cumsum(axis=1)
    warm_close = brownian_warm_up(rng, left_at(entry, after_close), entry, warm, deviation)
    return lay_out(
        rng,
        warm_close=warm_close,
        after_open=np.concatenate([entry[:, None], after_close[:, :-1]], axis=1),
        after_close=after_close,
        deviation=deviation,
        side_of=side_of,
        stop_pips=stop_pips,
        spread_pips=spread_pips,
        origin="simulated disorder bars",
        hidden={"favourable_bars": favourable},
    )
