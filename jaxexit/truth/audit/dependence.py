"""Dependence of a series on what comes after it, at every horizon, beyond what the past explains.

For a series x (a column, entries, exits) and the moves of later bars:

1. *Past.* What the market's own past and present explain is taken out of both by least squares: returns and
   ranges of the last bars and over longer spans, the price itself, the time of day and of the week. Ranks are
   used throughout, as normal scores.
2. *Own past.* Of a column also its innovation is tested: what its own last values do not explain either. A
   slow column that knows the future learns it bit by bit; there its innovations are all but white, and a
   correlation of a few hundredths is visible where its level would need years. The level of a column that
   hardly forgets within the sample is no witness at all: a trend is correlated with whatever trends.
3. *Null.* The same statistic at all circular shifts of the series against the market, but those near 0
   (Politis and Romano 1992: blocks as long as the sample, so that either side keeps its own memory). They are
   sums of many products and nearly normal: z is the statistic over their root mean square.
4. *Family.* p values are Bonferroni's over all statistics of all series that are tested together.

Correlations at all shifts come from one FFT a pair. A move over bars h0 to h1 is the sum of single ones.
"""

from __future__ import annotations

from collections.abc import Iterator
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
OWN_LAGS = (1, 2, 3, 4, 6, 8, 12, 24, 48)
SPANS = (4, 8, 16, 32, 48, 96)
MEMORIES = (4, 12, 24, 48, 120, 480)  # bars, of exponential means
FEWEST_STRETCHES = 100  # of a series' own memory, for its level to be a witness
CLEAR = 7.0  # z: beyond doubt in any family
NOTHING_LEFT = 1e-3  # standard deviation of what remains of normal scores

Array = np.ndarray


class Seen(NamedTuple):
    """The strongest statistic of a series against one kind of later move."""

    what: str  # of the later bars
    r: float  # correlation
    z: float
    tests: int  # statistics looked at for it

    def p(self, family: int) -> float:
        """Two-sided p value among `family` statistics."""
        return min(1.0, 2.0 * float(norm.sf(abs(self.z))) * family)


class Window(NamedTuple):
    """Bars `first` to `last` after the present one."""

    first: int
    last: int

    @property
    def words(self) -> str:
        """The same for people."""
        if self.first == self.last:
            return "the next bar" if self.last == 1 else f"bar {self.last} ahead"
        if self.first == 1:
            return f"the next {self.last} bars"
        return f"bars {self.first} to {self.last} ahead"


def scores(x: Array) -> Array:
    """Ranks as normal scores, [n]."""
    return norm.ppf((rankdata(x) - 0.5) / len(x))


def windows(longest: int) -> list[Window]:
    """Horizons 2, 4, ... and `longest`; the same without the next bar; and the later half of each."""
    found = [Window(first, end) for end in horizons(longest) for first in (1, 2, end // 2 + 1)]
    return [window for window in dict.fromkeys(found) if window.first < window.last]


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
        """What could not be foretold of a bar's own x one bar before, as normal scores."""
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
        found: dict[str, tuple[str, Spectrum]] = {}
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
                found[words] = (kind, spectrum(self.without_past(scores(values))))
        return found


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


def strongest(market: Market, column: Array) -> Iterator[tuple[str, Seen]]:
    """The strongest sign in a column [n] of each kind of later move: ("return" or "size", what was seen)."""
    x = scores(column)
    level = market.without_past(x)
    if level.std() < NOTHING_LEFT:
        return
    own = np.stack([_lagged(level, k) for k in OWN_LAGS], axis=1)
    weights, *_ = np.linalg.lstsq(own, level, rcond=None)
    innovation = level - own @ weights
    series = [Series(level)] if _forgets(level) else []
    if innovation.std() > NOTHING_LEFT:
        series.append(Series(scores(innovation), weights))
    if not series:
        return
    for kind, targets in (
        ("return", (("the move of ", market.returns),)),
        ("size", (("the range of ", market.ranges), ("the size of ", market.sizes))),
    ):
        seen = [
            one
            for each in series
            for words, news in targets
            for one in each.against(news, market.longest, words)
        ]
        seen += [
            each.at(target, market.longest, words)
            for each in series
            for words, (own_kind, target) in market.exits.items()
            if own_kind == kind
        ]
        best = max(seen, key=lambda one: abs(one.z))
        if abs(best.z) > CLEAR:  # of what is beyond doubt, what says most
            best = max((one for one in seen if abs(one.z) > CLEAR), key=lambda one: abs(one.r))
        yield kind, best._replace(tests=len(seen))


def _forgets(x: Array) -> bool:
    """Whether a series has many independent stretches: of a slow one the level proves nothing.

    A trend beside a random walk is correlated with its later moves in any sample (Stambaugh 1999).
    """
    memory = float(x[1:] @ x[:-1]) / max(float(x @ x), 1e-300)
    return (1.0 + memory) * FEWEST_STRETCHES < (1.0 - memory) * len(x)


class Series:
    """A series, and what its own past was given as weight in it (`OWN_LAGS`; None: nothing)."""

    def __init__(self, x: Array, weights: Array | None = None) -> None:
        self.spectrum, self.weights = spectrum(x), weights

    def against(self, news: Spectrum, longest: int, words: str) -> Iterator[Seen]:
        """Every window of later news."""
        shifts = correlations(self.spectrum, news)
        n, margin = len(shifts), _margin(len(shifts), longest)
        single = _null(shifts, margin)
        for k in range(1, longest + 1):
            yield _seen(shifts[k], single, words + Window(k, k).words)
        cumulated = np.cumsum(np.concatenate([shifts, shifts[: longest + 1]]))
        for span in windows(longest):
            total = (
                cumulated[span.last : span.last + n]
                - cumulated[span.first - 1 : span.first - 1 + n]
            )
            total /= np.sqrt(span.last - span.first + 1)
            yield _seen(total[0], _null(total, margin), words + span.words)
        if self.weights is None:
            return
        # The sum over h bars, leaked into a column with a memory, has these weights in its innovation.
        transformed = np.fft.rfft(shifts)
        for h in horizons(longest):
            ks = np.arange(1, h + 1)
            lags = zip(self.weights, OWN_LAGS, strict=True)
            shape = np.ones(h)
            for weight, lag in lags:
                shape -= weight * (ks <= h - lag)
            kernel = np.zeros(n)
            kernel[ks] = shape / max(float(np.sqrt(shape @ shape)), 1e-12)
            total = np.fft.irfft(transformed * np.conj(np.fft.rfft(kernel)), n)
            yield _seen(total[0], _null(total, margin), words + Window(1, h).words)

    def at(self, target: Spectrum, longest: int, words: str) -> Seen:
        """Against something that each bar has of its own future."""
        shifts = correlations(self.spectrum, target)
        return _seen(shifts[0], _null(shifts, _margin(len(shifts), longest)), words)


def spectrum(x: Array) -> Spectrum:
    """The transform of a series after standardising, and its length."""
    return Spectrum(np.fft.rfft((x - x.mean()) / max(float(x.std()), 1e-300)), len(x))


def correlations(x: Spectrum, y: Spectrum) -> Array:
    """Mean of x_t y_{t+s} of standardised series, at every circular shift s, [n]."""
    return np.fft.irfft(np.conj(x.values) * y.values, x.bars) / x.bars


def _fast(count: int) -> int:
    """The largest number up to `count` that a Fourier transform takes fast."""
    return next(n for n in range(count, 0, -1) if next_fast_len(n, real=True) == n)


def _margin(count: int, longest: int) -> int:
    return min(3 * longest, count // 4)


def _null(statistic: Array, margin: int) -> float:
    """Root mean square at shifts of at least `margin` either way."""
    far = statistic[margin : len(statistic) - margin]
    return max(float(np.sqrt(far @ far / len(far))), 1e-12)


def _seen(statistic: float, null: float, words: str) -> Seen:
    return Seen(words, float(np.clip(statistic, -1.0, 1.0)), float(statistic / null), 1)


def _ahead(x: Array, h: int) -> Array:
    """The next h values after each, [n, h]; the last again where there are no more."""
    padded = np.concatenate([x[1:], np.full(h, x[-1])])
    return np.lib.stride_tricks.sliding_window_view(padded, h)[: len(x)]


def _lagged(x: Array, k: int) -> Array:
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
    spans = [(close - _lagged(close, k)) / scale for k in SPANS]
    known = [width, *(_lagged(width, k) for k in (1, 2, 3)), *(_mean(width, k) for k in MEMORIES)]
    known += [size, *(_mean(size, k) for k in (4, 24, 120))]
    known += [returns, *(_lagged(returns, k) for k in (1, 2, 3, 4, 5)), *spans]
    known += [(close - _mean(close, k)) / scale for k in (12, 48, 200)]
    known += [np.abs(spans[i]) for i in (0, 2, 4)]
    known += [close, _mean(returns, 6), _mean(returns, 24)]
    columns = [np.ones(len(close)), *(scores(one) for one in known)]
    minutes = np.asarray(times.hour * 60 + times.minute)
    half_hours = minutes // max(30, int(np.median(np.diff(times.asi8)) // 60_000_000_000) or 1)
    for slot in (half_hours, np.asarray(times.day_of_week)):
        columns += [(slot == one).astype(float) for one in np.unique(slot)[1:]]
    return np.column_stack(columns)
