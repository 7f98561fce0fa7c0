"""The martingale looked into: finer bars on which it is made, and the bars that they make."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jaxexit.data.detail import Detail, packed
from jaxexit.data.simulated.brownian import brownian
from jaxexit.data.simulated.types import Simulated, bars_from_mid, enter
from jaxexit.data.ticks import merge


def finer_brownian(
    rng: np.random.Generator,
    trades: int,
    *,
    each: int = 5,
    horizon: int = 60,
    warm: int = 20,
    noise_pips: float = 5.0,
    jump_probability: float = 0.0,
    jump_pips: float = 10.0,
    spread_pips: float = 0.0,
    side: str = "both",
    stop_pips: tuple[float, ...],
) -> Simulated:
    """`brownian` in finer bars, and the bars that `each` of them make: which price came first is known.

    Jumps are at the opens of finer bars, most of them inside a bar. Arguments are `brownian`'s, of the bars.
    """
    fine = brownian(
        rng,
        trades,
        horizon=horizon * each,
        warm=warm * each,
        noise_pips=noise_pips / each**0.5,
        jump_probability=jump_probability / each,
        jump_pips=jump_pips,
        spread_pips=spread_pips,
        side=side,
        stop_pips=stop_pips,
    )
    starts = np.arange(0, len(fine.bars.times), each)
    bars = bars_from_mid(
        merge(fine.bars.mid, starts),
        (fine.bars.ask - fine.bars.bid)[starts, 0],
        fine.bars.times[0] + np.arange(len(starts)) * np.timedelta64(60_000_000_000, "ns"),
        fine.bars.origin + ", looked into",
    )
    entry_bar = fine.trades["entry_bar"].to_numpy(np.int64) // each
    inside = Detail(
        np.repeat(np.arange(len(starts)), each),
        np.stack([fine.bars.bid[:, :3], fine.bars.ask[:, :3]], axis=1),
        "",
        {},
    )
    return replace(
        fine,
        bars=bars,
        trades=enter(rng, bars, entry_bar, fine.trades["direction"].to_numpy(), stop_pips),
        horizon=horizon,
        detail=packed(inside, bars),
    )
