"""Random inputs for the exam of the audit: honest ones, and ones that leak later bars by a known amount."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from jaxexit.data.bars import Bars
from jaxexit.truth.audit.market import Market, scores

BARS, LONGEST = 6_000, 48  # of a simulated market; horizon of exits
PIP, SPREAD = 0.0001, 1.0

Array = np.ndarray


def simulated_bars(rng: np.random.Generator, count: int = BARS) -> Bars:
    """Hourly bars without drift: stochastic volatility that persists for days and peaks at noon."""
    times = np.datetime64("2015-01-05T00", "ns") + np.arange(count) * np.timedelta64(1, "h")
    slow = np.asarray(lfilter([1.0], [1.0, -0.985], rng.standard_normal(count))) * 0.06
    hours = np.asarray(pd.DatetimeIndex(times).hour)
    deviation = 8 * PIP * np.exp(slow + 0.4 * np.sin(2 * np.pi * (hours - 6) / 24))
    steps = deviation[:, None] * rng.standard_normal((count, 16)) / 4.0
    path = 1.1 * np.exp(np.cumsum(steps.ravel()).reshape(count, 16))
    opened = np.concatenate([[1.1], path[:-1, -1]])
    inside = np.column_stack([opened, path])
    bid = np.column_stack([opened, inside.max(1), inside.min(1), path[:, -1]])
    return Bars("made", times, bid, bid + SPREAD * PIP, PIP, pd.DataFrame(), "made", 0)


def _after(x: Array, h: int) -> Array:
    padded = np.concatenate([x[1:], np.full(h, x[-1])])
    return np.lib.stride_tricks.sliding_window_view(padded, h)[: len(x)]


def _move(market: Market, first: int, last: int) -> Array:
    return _after(market.close, last)[:, -1] - (
        market.close if first == 1 else _after(market.close, first - 1)[:, -1]
    )


def _turns(market: Market, last: int) -> Array:
    """Which way the swing goes that a zigzag of so many typical bars has here."""
    close, size = market.close, np.sqrt(last) * float(np.diff(market.close).std())
    leg, start, extreme, side = np.zeros(len(close)), 0, 0, 1.0
    for i, price in enumerate(close):
        if (price - close[extreme]) * side > 0:
            extreme = i
        elif (close[extreme] - price) * side > size:
            leg[start : extreme + 1] = side
            start, extreme, side = extreme + 1, i, -side
    leg[start:] = side
    return leg


RETURNS: dict[str, Callable[[Market, int, int], Array]] = {
    "the move of bars first to last": _move,
    "its sign": lambda m, first, last: np.sign(_move(m, first, last)),
    "the best exit": lambda m, first, last: _after(m.close, last).max(1) - m.close,
    "the worst exit": lambda m, first, last: _after(m.close, last).min(1) - m.close,
    "the bar of the best exit": lambda m, first, last: (
        _after(m.close, max(last, 2)).argmax(1) * 1.0
    ),
    "the swing of a zigzag": lambda m, first, last: _turns(m, last),
    "a mean centred on the bar": lambda m, first, last: _after(m.close, last).mean(1) - m.close,
    "a later close": lambda m, first, last: _after(m.close, last)[:, -1],
}
RANGES: dict[str, Callable[[Market, int, int], Array]] = {
    "the range ahead": lambda m, first, last: np.log(
        _after(m.high, last).max(1) - _after(m.low, last).min(1) + 1e-9
    ),
    "the size of the move": lambda m, first, last: np.abs(_move(m, first, last)),
}


def _noise(rng: np.random.Generator, count: int) -> Array:
    memory = rng.choice([0.0, 0.5, 0.9, 0.97])
    values = np.asarray(lfilter([1.0], [1.0, -memory], rng.standard_normal(count)))
    return values / values.std()


def column_leak(rng: np.random.Generator, market: Market) -> tuple[str, Array, float]:
    """A column that knows later bars: (kind, values [n], strength)."""
    kind, functions = ("returns", RETURNS) if rng.random() < 0.7 else ("ranges", RANGES)
    last = int(np.exp(rng.uniform(0.0, np.log(LONGEST))))
    first = int(rng.integers(1, last + 1))
    function = functions[str(rng.choice(list(functions)))]
    leaked = scores(function(market, first, last))
    share = float(np.exp(rng.uniform(np.log(0.03), np.log(1.0))))
    values = share * leaked + np.sqrt(1.0 - share**2) * _noise(rng, len(leaked))
    if rng.random() < 0.3:  # blended with an honest indicator
        values = values + rng.uniform(0.2, 1.0) * scores(honest_column(rng, market))
    if rng.random() < 0.2:
        values = np.round(2.0 * values) / 2.0
    beyond = market.without_past(leaked)
    if beyond.std() < 1e-3:
        return kind, values, 0.0
    return kind, values, abs(float(np.corrcoef(scores(values), beyond)[0, 1]))


def _series(x: Array) -> Any:
    return pd.Series(x)


def honest_column(rng: np.random.Generator, market: Market) -> Any:
    """A column of what is known at each bar, or of nothing."""
    count = len(market.close)
    close, high, low = (_series(x) for x in (market.close, market.high, market.low))
    span = int(np.exp(rng.uniform(np.log(2.0), np.log(200.0))))
    move = close.diff().fillna(0.0)
    mean, wide = close.rolling(span).mean(), move.rolling(max(span, 3)).std()
    choice = int(rng.integers(13))
    if choice == 0:
        return close.to_numpy()
    if choice == 1:
        return (close - mean).fillna(0.0).to_numpy()
    if choice == 2:
        return (close - close.ewm(span=span).mean()).to_numpy()
    if choice == 3:
        return wide.fillna(0.0).to_numpy()
    if choice == 4:
        return (high - low).rolling(span).mean().fillna(0.0).to_numpy()
    if choice == 5:
        return ((close - mean) / wide).fillna(0.0).to_numpy()
    if choice == 6:
        lowest, highest = low.rolling(span).min(), high.rolling(span).max()
        return ((close - lowest) / (highest - lowest)).fillna(0.5).to_numpy()
    if choice == 7:
        return np.sin(2 * np.pi * np.arange(count) / rng.choice([24, 120, 1000]))
    if choice == 8:  # like tick volume: tells a little more of activity than the range does
        activity = np.log((high - low).to_numpy() + 1e-9)
        return activity + rng.uniform(0.2, 1.0) * rng.standard_normal(count)
    if choice == 9:
        return rng.standard_normal(count).cumsum()
    if choice == 10:
        return move.rolling(max(span, 8)).skew().fillna(0.0).to_numpy()
    memory = rng.choice([0.0, 0.9, 0.99, 0.999])
    return lfilter([1.0], [1.0, -memory], rng.standard_normal(count))


def entries(rng: np.random.Generator, market: Market, share: float) -> tuple[Array, Array]:
    """A list of 300 entries of which hindsight has chosen a share of the directions: (bars, sides)."""
    count, last = len(market.close), int(np.exp(rng.uniform(0.0, np.log(LONGEST))))
    rows = np.sort(rng.choice(count - LONGEST, 300, replace=False))
    honest = np.sign(market.close - pd.Series(market.close).ewm(span=30).mean().to_numpy())
    honest *= rng.choice([-1.0, 1.0])
    side = np.where(rng.random(count) < share, np.sign(_move(market, 1, last)), honest)
    side = np.where(side == 0, 1.0, side)
    return rows + market.first, side[rows]


def fills(rng: np.random.Generator, bars: Bars, kind: str) -> tuple[Array, Array, Array]:
    """Times, prices and sides of 200 fills: honest, of bars stamped otherwise, or the best of each bar."""
    rows = np.sort(rng.choice(np.arange(2, len(bars.times) - 2), 200, replace=False))
    side = rng.choice([-1.0, 1.0], len(rows))
    low, high = bars.bid[rows, 2], bars.ask[rows, 1]
    price = low + rng.beta(1.0, 1.0, len(rows)) * (high - low)
    if kind == "fills":
        price = np.where(side > 0, low, high)
    shift = int(rng.choice([-1, 1])) if kind == "stamps" else 0
    return bars.times[rows + shift], price, side
