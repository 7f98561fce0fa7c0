"""`ema_bb`: the built-in close-based strategy, checked against a list of real trades.

Long: EMA 30 above EMA 50 on each of the last 3 bars, close at or below the lower Bollinger band (20
bars, 2 sample standard deviations), ADX 14 from 20 to 50. Short: mirrored. Filled at the signal
bar's close, stop 1.1 x ATR (14-bar simple mean of the true range), target 1.5 x the stop's
distance, both checked from the next bar on, stop first. One position at a time, the next signal no
earlier than the bar after the exit, at most 10 entries a UTC day. Indicators are computed on mid
prices.

Its exits decide when it enters again and make the list's classical exits; the environment fills
nothing from here.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from jaxexit.data.bars import Bars
from jaxexit.data.indicators import strategy_indicators

TREND_BARS = 3
ADX_LOW, ADX_HIGH = 20.0, 50.0
STOP_ATR = 1.1
TARGET_OF_STOP = 1.5
MAX_ENTRIES_A_DAY = 10

_SEARCH_BARS = 64  # how many bars are searched at once for the first exit


def ema_bb_entries(bars: Bars, warmup: int) -> pd.DataFrame:
    """The strategy's trades, from bar `warmup` (bars of indicator history) on.

    Returns one row a trade: entry_bar, direction (+1, -1), entry_price (entry side), stop, target,
    exit_bar (-1: still open at the end of the bars), exit_price (nan likewise), exit_reason (SL,
    TP, "").
    """
    signals, atr = _signals(bars)
    times = bars.times
    days = times.astype("datetime64[D]")
    rows: list[tuple] = []
    free, today, entries_today = warmup, None, 0
    for entry in np.flatnonzero(signals).tolist():
        if entry < free or not atr[entry] > 0:
            continue
        if days[entry] != today:
            today, entries_today = days[entry], 0
        if entries_today == MAX_ENTRIES_A_DAY:
            continue
        entries_today += 1
        direction = int(signals[entry])
        price = float((bars.ask if direction > 0 else bars.bid)[entry, 3])
        stop = price - direction * STOP_ATR * atr[entry]
        target = price + direction * STOP_ATR * TARGET_OF_STOP * atr[entry]
        exit_bar, exit_price, reason = _classical_exit(bars, entry + 1, direction, stop, target)
        rows.append((entry, direction, price, stop, target, exit_bar, exit_price, reason))
        if exit_bar < 0:
            break
        free = exit_bar + 1
    names = ["entry_bar", "direction", "entry_price", "stop", "target"]
    return pd.DataFrame(rows, columns=[*names, "exit_bar", "exit_price", "exit_reason"])


def _signals(bars: Bars) -> tuple[np.ndarray, np.ndarray]:
    """Signal of each bar's close (+1, -1, 0) and the strategy's ATR; [T] each."""
    mid = bars.mid
    close = mid[:, 3]
    indicators = strategy_indicators(mid[:, 1], mid[:, 2], close)
    trending = (indicators.adx >= ADX_LOW) & (indicators.adx <= ADX_HIGH)
    up = _lasting(indicators.ema_fast > indicators.ema_slow)
    down = _lasting(indicators.ema_fast < indicators.ema_slow)
    long = trending & up & (close <= indicators.band_lower)
    short = trending & down & (close >= indicators.band_upper)
    return long.astype(np.int8) - short.astype(np.int8), indicators.atr


def _lasting(condition: np.ndarray) -> np.ndarray:
    """Where a condition [T] held on each of the last `TREND_BARS` bars."""
    run = pd.Series(condition).rolling(TREND_BARS).sum()
    return np.asarray(run) == TREND_BARS


def _classical_exit(
    bars: Bars, first: int, direction: int, stop: float, target: float
) -> tuple[int, float, str]:
    """The first bar from `first` on in which the stop or the target is met: bar, price, reason."""
    # Long form: a short is a long on the negated book, so that below is worse for both.
    opened, high, low = (0, 1, 2) if direction > 0 else (0, 2, 1)
    side = bars.bid if direction > 0 else bars.ask
    stop, target = direction * stop, direction * target
    window = _SEARCH_BARS
    while first < len(side):
        prices = direction * side[first : first + window]
        stopped, reached = prices[:, low] <= stop, prices[:, high] >= target
        met = stopped | reached
        if met.any():
            at = int(np.argmax(met))
            opening = float(prices[at, opened])
            # A gap beyond the level fills at the open.
            if stopped[at]:
                return first + at, direction * min(stop, opening), "SL"
            return first + at, direction * max(target, opening), "TP"
        first += window
        window *= 2
    return -1, float("nan"), ""
