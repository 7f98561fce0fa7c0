"""A market as the dependence tests see it: its later moves, and what its own past explains of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.fft import next_fast_len
from scipy.signal import lfilter
from scipy.stats import norm, rankdata

from jaxexit.data.bars import Bars

MOST_BARS = 50_000  # the latest, of more: enough to see a correlation of 0.03
LONGEST = 200  # bars ahead
SPANS = (4, 8, 16, 32, 48, 96)
MEMORIES = (4, 12, 24, 48, 120, 480)  # bars, of exponential means

Array = np.ndarray


def scores(x: Array) -> Array:
    """Ranks as normal scores, [n]."""
    return norm.ppf((rankdata(x) - 0.5) / len(x))


def horizons(longest: int) -> list[int]:
    """2, 4, 8, ... and `longest`, bars."""
    return sorted({*(2**i for i in range(1, 12) if 2**i < longest), longest})


class Spectrum(NamedTuple):
    """A standardised series, transformed."""

    values: Array  # [n // 2 + 1] complex
    bars: int  # n


@dataclass(frozen=True)
class Market:
    """What is known of n bars, and what came after each; made by `market_of`."""

    first: int  # bar of the file that is row 0 here
    longest: int  # bars ahead
    high: Array  # [n] logarithms
    low: Array
    close: Array
    past: Array  # [n, p] orthonormal: what the past explains

    def without_past(self, x: Array) -> Array:
        """What the past does not explain of x, [n]."""
        return x - self.past @ (self.past.T @ x)

    def _news(self, x: Array) -> Spectrum:
        """The part of each bar's x that could not be predicted one bar before, as normal scores."""
        before = np.vstack([self.past[:1], self.past[:-1]])
        basis, _ = np.linalg.qr(before)
        return spectrum(scores(x - basis @ (basis.T @ x)))

    @cached_property
    def returns(self) -> Spectrum:
        """News in each bar's return."""
        move = np.diff(self.close, prepend=self.close[0])
        return self._news(scores(move / _scale(self.high - self.low)))

    @cached_property
    def ranges(self) -> Spectrum:
        """News in each bar's range."""
        return self._news(scores(self.high - self.low))

    @cached_property
    def sizes(self) -> Spectrum:
        """News in the size of each bar's return."""
        return self._news(scores(np.abs(np.diff(self.close, prepend=self.close[0]))))

    @cached_property
    def exits(self) -> dict[str, tuple[str, Spectrum]]:
        """Best and worst exits and ranges at each horizon: words: (kind, what the past leaves of it)."""
        exits: dict[str, tuple[str, Spectrum]] = {}
        for h in horizons(self.longest):
            ahead = _ahead(self.close, h)
            scale = _scale(self.high - self.low)
            best, worst = (ahead.max(1) - self.close) / scale, (ahead.min(1) - self.close) / scale
            wide = (_ahead(self.high, h).max(1) - _ahead(self.low, h).min(1)) / scale
            for words, kind, values in (
                (f"the best exit within {h} bars", "return", best),
                (f"the worst exit within {h} bars", "return", worst),
                (f"the bar of the best exit within {h}", "return", ahead.argmax(1)),
                (f"the bar of the worst exit within {h}", "return", ahead.argmin(1)),
                (f"the range of the next {h} bars", "size", wide),
                (
                    f"the size of the move over {h} bars",
                    "size",
                    np.abs(ahead[:, -1] - self.close) / scale,
                ),
            ):
                exits[words] = (kind, spectrum(self.without_past(scores(values))))
        return exits


def market_of(bars: Bars, first: int, longest: int) -> Market:
    """The latest bars from `first` on.

    Args:
        bars: T of them.
        first: the first that counts: before it columns need not be defined.
        longest: bars ahead that matter; at most `LONGEST`.
    """
    count = len(bars.times)
    first = count - _fast(min(count - first, MOST_BARS))
    rows = slice(first, None)
    high, low, close = (np.log(bars.mid[rows, column]) for column in (1, 2, 3))
    longest = max(2, min(longest, LONGEST, len(close) // 20))
    basis, _ = np.linalg.qr(_past(pd.DatetimeIndex(bars.times[rows]), high, low, close))
    return Market(first, longest, high, low, close, basis)


def spectrum(x: Array) -> Spectrum:
    """The transform of a series after standardising, and its length."""
    return Spectrum(np.fft.rfft((x - x.mean()) / max(float(x.std()), 1e-300)), len(x))


def correlations(x: Spectrum, y: Spectrum) -> Array:
    """Mean of x_t y_{t+s} of standardised series, at every circular shift s, [n]."""
    return np.fft.irfft(np.conj(x.values) * y.values, x.bars) / x.bars


def _fast(count: int) -> int:
    """The largest number up to `count` that a Fourier transform takes fast."""
    return next(n for n in range(count, 0, -1) if next_fast_len(n, real=True) == n)


def _ahead(x: Array, h: int) -> Array:
    """The next h values after each, [n, h]; the last again where there are no more."""
    padded = np.concatenate([x[1:], np.full(h, x[-1])])
    return np.lib.stride_tricks.sliding_window_view(padded, h)[: len(x)]


def lagged(x: Array, k: int) -> Array:
    """The value k bars before, the first one where there is none, [n]."""
    return np.concatenate([np.full(min(k, len(x)), x[0]), x[:-k]])[: len(x)]


def _mean(x: Array, span: int) -> Array:
    """Exponential mean over some `span` bars, [n]."""
    alpha = 2.0 / (span + 1.0)
    return lfilter([alpha], [1.0, alpha - 1.0], x, zi=[(1.0 - alpha) * x[0]])[0]


def _scale(ranges: Array) -> Array:
    """What a bar usually moves here and now: a geometric mean of the last ranges, [n]."""
    floor = max(0.02 * float(np.median(ranges)), 1e-12)
    return np.exp(_mean(np.log(np.maximum(ranges, floor)), 24))


def _past(times: pd.DatetimeIndex, high: Array, low: Array, close: Array) -> Array:
    """What is known at each bar's close of market and clock, [n, p]."""
    ranges = high - low
    floor = max(0.02 * float(np.median(ranges)), 1e-12)
    width = np.log(np.maximum(ranges, floor))
    move = np.diff(close, prepend=close[0])
    size = np.log(np.maximum(np.abs(move), floor))
    scale = np.exp(_mean(width, 24))
    returns = move / scale
    spans = [(close - lagged(close, k)) / scale for k in SPANS]
    known = [width, *(lagged(width, k) for k in (1, 2, 3)), *(_mean(width, k) for k in MEMORIES)]
    known += [size, *(_mean(size, k) for k in (4, 24, 120))]
    known += [returns, *(lagged(returns, k) for k in (1, 2, 3, 4, 5)), *spans]
    known += [(close - _mean(close, k)) / scale for k in (12, 48, 200)]
    known += [np.abs(spans[i]) for i in (0, 2, 4)]
    known += [close, _mean(returns, 6), _mean(returns, 24)]
    columns = [np.ones(len(close)), *(scores(column) for column in known)]
    minutes = np.asarray(times.hour * 60 + times.minute)
    half_hours = minutes // max(30, int(np.median(np.diff(times.asi8)) // 60_000_000_000) or 1)
    for slot in (half_hours, np.asarray(times.day_of_week)):
        columns += [(slot == value).astype(float) for value in np.unique(slot)[1:]]
    return np.column_stack(columns)
