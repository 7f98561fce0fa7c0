"""Indicators: TA-Lib's for the features, the built-in strategy's for its entries.

All are causal: the value at bar t depends on bars up to and including t. Prices are float64 [T];
what is not defined yet is nan. The two families differ on purpose: TA-Lib seeds its averages with a
simple mean, the strategy starts them from the first value.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import talib

from jaxexit.config.features import (
    ADX_BARS,
    ATR_BARS,
    BAND_BARS,
    BAND_DEVIATIONS,
    EMA_FAST,
    EMA_SLOW,
    RSI_BARS,
)

Series = np.ndarray  # float64 [T]


class Indicators(NamedTuple):
    """TA-Lib indicators on mid prices, float64 [T] each, nan before they are defined."""

    ema_fast: Series  # price, 30 bars
    ema_slow: Series  # price, 50 bars
    atr: Series  # price units, 14 bars
    adx: Series  # 0..100, 14 bars
    rsi: Series  # 0..100, 14 bars
    band_upper: Series  # price, 20 bars, 2 population standard deviations
    band_middle: Series
    band_lower: Series


def talib_indicators(high: Series, low: Series, close: Series) -> Indicators:
    """The indicators behind the built-in features. Inputs float64 [T], without nan."""
    high, low, close = (np.ascontiguousarray(side, np.float64) for side in (high, low, close))
    upper, middle, lower = talib.BBANDS(close, BAND_BARS, BAND_DEVIATIONS, BAND_DEVIATIONS)
    rsi = talib.RSI(close, RSI_BARS)
    # TA-Lib gives 0, "only losses", where nothing has moved at all: then the mirror image is 0 too.
    rsi[(rsi == 0) & (talib.RSI(-close, RSI_BARS) == 0)] = 50.0
    return Indicators(
        ema_fast=talib.EMA(close, EMA_FAST),
        ema_slow=talib.EMA(close, EMA_SLOW),
        atr=talib.ATR(high, low, close, ATR_BARS),
        adx=talib.ADX(high, low, close, ADX_BARS),
        rsi=rsi,
        band_upper=upper,
        band_middle=middle,
        band_lower=lower,
    )


class StrategyIndicators(NamedTuple):
    """What the built-in EMA/Bollinger strategy looks at, float64 [T] each."""

    ema_fast: Series
    ema_slow: Series
    atr: Series  # simple mean of the true range
    adx: Series
    band_upper: Series  # sample standard deviation
    band_lower: Series


def exponential_mean(values: Series, alpha: float) -> Series:
    """y[0] = x[0], y[t] = alpha x[t] + (1 - alpha) y[t-1]."""
    return np.asarray(pd.Series(values).ewm(alpha=alpha, adjust=False).mean())


def true_range(high: Series, low: Series, close: Series) -> Series:
    """max(high, previous close) - min(low, previous close); high - low at the first bar."""
    previous = np.concatenate([close[:1], close[:-1]])
    ranges = np.maximum(high - low, np.maximum(np.abs(high - previous), np.abs(low - previous)))
    ranges[:1] = high[:1] - low[:1]
    return ranges


def strategy_adx(high: Series, low: Series, close: Series) -> Series:
    """Wilder's ADX with smoothing 1/n from the first value; a bar without movement counts 0."""
    up, down = np.diff(high, prepend=np.nan), -np.diff(low, prepend=np.nan)
    plus = np.where((up > down) & (up > 0), up, 0.0)
    minus = np.where((down > up) & (down > 0), down, 0.0)
    alpha = 1.0 / ADX_BARS
    average_range = exponential_mean(true_range(high, low, close), alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        plus = 100 * exponential_mean(plus, alpha) / average_range
        minus = 100 * exponential_mean(minus, alpha) / average_range
        directional_index = 100 * np.abs(plus - minus) / (plus + minus)
    return exponential_mean(np.nan_to_num(directional_index, nan=0.0), alpha)


def strategy_indicators(high: Series, low: Series, close: Series) -> StrategyIndicators:
    """The strategy's indicators, exactly those behind the trade lists."""
    window = pd.Series(close).rolling(BAND_BARS)
    middle, deviation = np.asarray(window.mean()), np.asarray(window.std(ddof=1))
    ranges = pd.Series(true_range(high, low, close))
    return StrategyIndicators(
        ema_fast=exponential_mean(close, 2.0 / (EMA_FAST + 1)),
        ema_slow=exponential_mean(close, 2.0 / (EMA_SLOW + 1)),
        atr=np.asarray(ranges.rolling(ATR_BARS).mean()),
        adx=strategy_adx(high, low, close),
        band_upper=middle + BAND_DEVIATIONS * deviation,
        band_lower=middle - BAND_DEVIATIONS * deviation,
    )
