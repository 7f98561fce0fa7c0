"""A market that looks like one: clustered volatility, a daily rhythm, weekends, a spread that widens."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jaxexit.data.indicators import exponential_mean
from jaxexit.data.market import ROLLOVER_HOUR, ROLLOVER_ZONE
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

VOLATILITY_MEMORY = 0.995  # of the log volatility, from one bar to the next
VOLATILITY_SPREAD = 0.4  # stationary standard deviation of the log volatility
DAILY_RHYTHM = 0.5  # log volatility: quietest at the rollover, liveliest twelve hours from it
ROLLOVER_HOURS = 1.0  # how long either side of 17:00 New York the spread is wide
ROLLOVER_WIDENING = 5.0  # times the usual spread, at the rollover itself
LEAD = 100  # bars before the first entry, so that every built-in indicator is defined


def realistic(
    rng: np.random.Generator,
    bars: int,
    *,
    minutes: int = 15,
    every: int = 0,
    horizon: int = 200,
    noise_pips: float = 4.0,
    weekend_gap_pips: float = 15.0,
    spread_pips: float = 0.8,
    side: str = "both",
    stop_pips: tuple[float, ...] = (20.0,),
) -> Simulated:
    """One continuous market, a martingale in its mid price, for whatever needs much data.

    The log price moves by a normal step with the bar's own deviation v[t] and mean -v[t]^2 / 2: so the
    expected price is the present one. log v is an AR(1) plus a daily wave, known before the bar; given v
    the extremes are those of the bridge in the log price, exact one side at a time. Trading stops from
    Friday to Sunday 17:00 New York; the first open after it is a normal gap away.

    Args:
        rng: the only source of randomness.
        bars: number of bars T.
        minutes: length of a bar.
        every: bars from one entry to the next; 0: `horizon` + 1, so that trades share no bars.
        horizon: bars of each trade.
        noise_pips: typical standard deviation of a bar's move at a price of 1.
        weekend_gap_pips: standard deviation of the gap over a weekend.
        spread_pips: usual spread; it widens around the rollover.
        side: "long", "short" or "both" (in turn).
        stop_pips: initial stop distances, equally likely.
    """
    times, hour = _trading_times(bars, minutes)
    memory, innovations = VOLATILITY_MEMORY, rng.standard_normal(bars)
    innovations[1:] *= np.sqrt(1.0 - memory**2)
    innovations[0] *= 1.0 - memory  # the mean starts from its first value: make that stationary
    level = exponential_mean(innovations, 1.0 - memory) / (1.0 - memory)
    from_rollover = 2 * np.pi * (hour - ROLLOVER_HOUR) / 24
    deviation = noise_pips * PIP
    volatility = deviation * np.exp(
        VOLATILITY_SPREAD * level - DAILY_RHYTHM * np.cos(from_rollover)
    )

    after_weekend = np.diff(times, prepend=times[:1]) > np.timedelta64(1, "D")
    gap = weekend_gap_pips * PIP
    gaps = after_weekend * (gap * rng.standard_normal(bars) - 0.5 * gap**2)
    moves = volatility * rng.standard_normal(bars) - 0.5 * volatility**2
    closed = (gaps + moves).cumsum()
    opened = np.concatenate([[0.0], closed[:-1]]) + gaps
    high, low = bridge_extremes(rng, opened, closed, volatility)
    mid = LEVEL * np.exp(np.stack([opened, high, low, closed], axis=1))

    away = np.abs((hour - ROLLOVER_HOUR + 12) % 24 - 12)  # hours from the rollover
    widening = 1.0 + (ROLLOVER_WIDENING - 1.0) * np.maximum(0.0, 1.0 - away / ROLLOVER_HOURS)
    made = bars_from_mid(mid, spread_pips * PIP * widening, times, "simulated realistic bars")
    entry_bar = np.arange(LEAD, bars - horizon, every or horizon + 1)
    return Simulated(
        bars=made,
        trades=enter(rng, made, entry_bar, directions(side, len(entry_bar)), stop_pips),
        horizon=horizon,
        hidden={"volatility_pips": volatility[entry_bar] / PIP},
    )


def _trading_times(bars: int, minutes: int) -> tuple[np.ndarray, np.ndarray]:
    """[bars] opens in UTC without the weekends, and the hour of the New York day at each."""
    step = np.timedelta64(minutes * 60_000_000_000, "ns")
    wanted = int(bars * 1.5) + 3 * 24 * 60 // minutes  # five of seven days are traded
    every_bar = pd.DatetimeIndex(START + np.arange(wanted) * step).tz_localize("UTC")
    local = every_bar.tz_convert(ROLLOVER_ZONE)
    weekday, hour = np.asarray(local.day_of_week), np.asarray(local.hour + local.minute / 60)
    closed = (
        (weekday == 5)
        | ((weekday == 4) & (hour >= ROLLOVER_HOUR))
        | ((weekday == 6) & (hour < ROLLOVER_HOUR))
    )
    traded = np.flatnonzero(~closed)[:bars]
    stamps = every_bar.tz_localize(None).as_unit("ns").to_numpy()
    return stamps[traded], hour[traded]
