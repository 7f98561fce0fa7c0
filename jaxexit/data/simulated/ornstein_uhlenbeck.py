"""A market that returns to its mean: Ornstein-Uhlenbeck, discretised exactly."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from jaxexit.data.simulated.episodes import lay_out, left_at, sides
from jaxexit.data.simulated.types import FAR_PIPS, LEVEL, PIP, Simulated


def ornstein_uhlenbeck(
    rng: np.random.Generator,
    trades: int,
    *,
    horizon: int = 200,
    warm: int = 20,
    half_life: float = 20.0,
    deviation_pips: float = 20.0,
    entry_pips: tuple[float, float] = (-30.0, 10.0),
    spread_pips: float = 1.0,
    side: str = "both",
    stop_pips: tuple[float, ...] = (FAR_PIPS,),
) -> Simulated:
    """Trades entered at a known distance from the mean, which is `LEVEL`.

    x[t+1] = phi x[t] + deviation sqrt(1 - phi^2) z, phi = 2^(-1 / half_life): the exact law of the
    closes. Opens are the last closes. Extremes are drawn from the Brownian bridge with the diffusion's
    own deviation over a bar, sigma^2 = 2 kappa deviation^2: the pull within a bar is neglected, which
    moves an extreme by less than kappa / 8 of the distance from the mean (0.1 pips at 20 pips).

    Args:
        rng: the only source of randomness.
        trades: number of trades N.
        horizon: bars of each trade.
        warm: bars before each entry.
        half_life: bars.
        deviation_pips: stationary standard deviation.
        entry_pips: entries lie between these as the stationary price itself does (a normal law, cut off), on
            the trade's side: below the mean is cheap for a long, above it for a short. Mid price.
        spread_pips: constant.
        side: "long", "short" or "both" (in turn).
        stop_pips: initial stop distances, equally likely.
    """
    side_of = sides(side, trades, warm, horizon)
    episodes = len(side_of)
    kappa = np.log(2.0) / half_life
    phi, stationary = np.exp(-kappa), deviation_pips * PIP
    noise = stationary * np.sqrt(1.0 - phi**2)

    def run(begin: np.ndarray, bars: int) -> np.ndarray:
        """[E, bars] deviations from the mean that follow `begin` [E]."""
        path = noise * rng.standard_normal((bars, episodes))
        last = begin
        for row in path:
            row += phi * last
            last = row
        return np.ascontiguousarray(path.T)

    lowest, highest = (ndtr(pips / deviation_pips) for pips in entry_pips)
    entry = side_of * stationary * ndtri(rng.uniform(lowest, highest, episodes))
    after = run(entry, horizon)
    # Led to the entry by the process's own bridge: its covariance with the end, over the end's variance.
    free = run(left_at(entry, after), warm)
    share = np.sinh(kappa * np.arange(1, warm + 1)) / np.sinh(kappa * warm)
    led = free + share * (entry - free[:, -1])[:, None]
    led[:, -1] = entry
    before = np.concatenate([entry[:, None], after[:, :-1]], axis=1)
    return lay_out(
        rng,
        warm_close=LEVEL + led,
        after_open=LEVEL + before,
        after_close=LEVEL + after,
        deviation=stationary * float(np.sqrt(2.0 * kappa)),
        side_of=side_of,
        stop_pips=stop_pips,
        spread_pips=spread_pips,
        origin="simulated Ornstein-Uhlenbeck bars",
        hidden={"entry_deviation_pips": entry / PIP},
    )
