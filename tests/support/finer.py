"""Made minutes and the hours that they make: one price path, seen twice."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jaxexit.data.bars import Bars
from jaxexit.data.simulated.types import LEVEL, PIP, START, bridge_extremes
from jaxexit.data.ticks import bins, merge

HOUR, MINUTE = np.timedelta64(1, "h"), np.timedelta64(1, "m")


def minutes(seed: int, hours: int, *, pips: float = 0.7, each: int = 60) -> np.ndarray:
    """Mid OHLC [hours x each, 4] of a Brownian motion, a martingale; `pips`: deviation of one bar's move."""
    rng = np.random.default_rng(seed)
    close = LEVEL + pips * PIP * rng.standard_normal(hours * each).cumsum()
    opened = np.concatenate([[LEVEL], close[:-1]])
    high, low = bridge_extremes(rng, opened, close, pips * PIP)
    return np.stack([opened, high, low, close], axis=1)


def times_of(bars: int, step: np.timedelta64 = MINUTE) -> np.ndarray:
    """Opens of so many bars in a row."""
    return START + np.arange(bars) * step.astype("timedelta64[ns]")


def hours_of(mid: np.ndarray, spread: float = 0.0, step: np.timedelta64 = MINUTE) -> Bars:
    """The hours that finer bars [N, 4] of mid prices make, with a constant spread in price units."""
    opens, starts = bins(times_of(len(mid), step), HOUR)
    whole = merge(mid, starts)
    return Bars(
        where="made",
        times=opens,
        bid=whole - spread / 2,
        ask=whole + spread / 2,
        pip=PIP,
        table=pd.DataFrame(),
        origin="made",
        widened=0,
    )
