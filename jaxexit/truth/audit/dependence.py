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
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from jaxexit.truth.audit.market import (
    Array,
    Market,
    Spectrum,
    correlations,
    horizons,
    lagged,
    scores,
    spectrum,
)

OWN_LAGS = (1, 2, 3, 4, 6, 8, 12, 24, 48)
FEWEST_STRETCHES = 100  # of a series' own memory, for its level to be a witness
CLEAR = 7.0  # z: beyond doubt in any family
NOTHING_LEFT = 1e-3  # standard deviation of what remains of normal scores


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


def windows(longest: int) -> list[Window]:
    """Horizons 2, 4, ... and `longest`; the same without the next bar; and the later half of each."""
    spans = [Window(first, end) for end in horizons(longest) for first in (1, 2, end // 2 + 1)]
    return [window for window in dict.fromkeys(spans) if window.first < window.last]


def strongest(market: Market, column: Array) -> Iterator[tuple[str, Seen]]:
    """The strongest sign in a column [n] of each kind of later move: ("return" or "size", what was seen)."""
    x = scores(column)
    level = market.without_past(x)
    if level.std() < NOTHING_LEFT:
        return
    past = np.stack([lagged(level, k) for k in OWN_LAGS], axis=1)
    weights, *_ = np.linalg.lstsq(past, level, rcond=None)
    innovation = level - past @ weights
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
            statistic
            for each in series
            for words, news in targets
            for statistic in each.against(news, market.longest, words)
        ]
        seen += [
            each.at(target, market.longest, words)
            for each in series
            for words, (target_kind, target) in market.exits.items()
            if target_kind == kind
        ]
        best = max(seen, key=lambda statistic: abs(statistic.z))
        if abs(best.z) > CLEAR:  # of what is beyond doubt, what says most
            best = max(
                (statistic for statistic in seen if abs(statistic.z) > CLEAR),
                key=lambda statistic: abs(statistic.r),
            )
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


def _margin(count: int, longest: int) -> int:
    return min(3 * longest, count // 4)


def _null(statistic: Array, margin: int) -> float:
    """Root mean square at shifts of at least `margin` either way."""
    far = statistic[margin : len(statistic) - margin]
    return max(float(np.sqrt(far @ far / len(far))), 1e-12)


def _seen(statistic: float, null: float, words: str) -> Seen:
    return Seen(words, float(np.clip(statistic, -1.0, 1.0)), float(statistic / null), 1)
