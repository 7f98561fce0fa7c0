"""The exam of the audit: random leaks it must catch, and honest inputs that it must let pass.

Nobody's audit finds everything; this says how much it finds. On made markets (volatility that clusters, hours
that differ) or on given bars, leaks are drawn at random: what of the future is known, over which horizon,
buried how deep in which noise, blended with an honest indicator, by a column, by the direction of entries, by
the stamps of bars, or by the prices of fills. Of each it is known how strong it is: for a column the rank
correlation with what it leaks, beyond what the past explains; for entries the share of directions that
hindsight chose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy.signal import lfilter
from scipy.stats import binom

from jaxexit.data.bars import Bars
from jaxexit.truth.audit.brought import judge_fills
from jaxexit.truth.audit.dependence import Market, market_of, scores
from jaxexit.truth.audit.finding import Finding
from jaxexit.truth.audit.foresight import judge_columns, judge_entries

BARS, FIRST, LONGEST = 6_000, 300, 48  # of a made market; first entry; horizon of exits
MARKETS = 20
LEAKS, QUICK_LEAKS = 400, 60
CLEAN, QUICK_CLEAN = 1_000, 60
STRENGTHS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.01)  # edges of the power curve
PIP, SPREAD = 0.0001, 1.0

Array = np.ndarray


@dataclass(frozen=True)
class Tried:
    """One row of the power curve, or the false alarms."""

    kind: str  # "column: returns", "column: ranges", "entries", "stamps", "fills"; "honest inputs"
    low: float  # strength from
    high: float
    tried: int
    caught: int
    asked: (
        float | None
    )  # share that must be caught, or for honest inputs may be at most; None: nothing

    @property
    def share(self) -> float:
        """Of those tried."""
        return self.caught / max(self.tried, 1)

    @property
    def passed(self) -> bool:
        """Whether it is what is asked; of few tries (the quick exam) whether it may be."""
        if self.asked is None or not self.tried:
            return True
        if self.kind == HONEST:
            few = self.tried < MANY / self.asked
            chance = float(binom.sf(self.caught - 1, self.tried, self.asked))
            return self.share < self.asked or (few and chance > UNLIKELY)
        if self.tried >= MANY:
            return self.share >= self.asked
        return bool(binom.cdf(self.caught, self.tried, self.asked) > UNLIKELY)

    def as_json(self) -> dict[str, Any]:
        """The attributes, `share` and `passed`."""
        return asdict(self) | {"share": self.share, "passed": self.passed}


HONEST = "honest inputs"
MANY, UNLIKELY = 30, 0.01  # tries that a share is judged of as it is; else this chance decides
# Asked of leaks from the strength on that `KINDS` has; and, at most, of honest inputs.
CAUGHT, ALARMS = 0.95, 0.01
# Edges of the power curve, and from where on `CAUGHT` is asked: of ranges from higher up, since what tick
# volume honestly foretells of them (0.13 on real bars) hides weak leaks.
KINDS: dict[str, tuple[tuple[float, ...], float]] = {
    "column: returns": (STRENGTHS, 0.1),
    "column: ranges": (STRENGTHS, 0.3),
    "entries": ((0.0, 0.25, 0.5, 0.75, 1.01), 0.5),
    "stamps": ((0.0, 1.01), 0.0),
    "fills": ((0.0, 1.01), 0.0),
}


def made_bars(rng: np.random.Generator, count: int = BARS) -> Bars:
    """Hourly bars without drift: stochastic volatility with a memory of days, livelier at noon."""
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


# --- what leaks ------------------------------------------------------------------------------


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
        values = values + rng.uniform(0.2, 1.0) * scores(_honest(rng, market))
    if rng.random() < 0.2:
        values = np.round(2.0 * values) / 2.0
    beyond = market.without_past(leaked)
    if beyond.std() < 1e-3:
        return kind, values, 0.0
    return kind, values, abs(float(np.corrcoef(scores(values), beyond)[0, 1]))


def _series(x: Array) -> Any:
    return pd.Series(x)


def _honest(rng: np.random.Generator, market: Market) -> Any:
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


def _entries(rng: np.random.Generator, market: Market, share: float) -> tuple[Array, Array]:
    """A list of 300 entries of which hindsight has chosen a share of the directions: (bars, sides)."""
    count, last = len(market.close), int(np.exp(rng.uniform(0.0, np.log(LONGEST))))
    rows = np.sort(rng.choice(count - LONGEST, 300, replace=False))
    honest = np.sign(market.close - pd.Series(market.close).ewm(span=30).mean().to_numpy())
    honest *= rng.choice([-1.0, 1.0])
    side = np.where(rng.random(count) < share, np.sign(_move(market, 1, last)), honest)
    side = np.where(side == 0, 1.0, side)
    return rows + market.first, side[rows]


def _fills(rng: np.random.Generator, bars: Bars, kind: str) -> tuple[Array, Array, Array]:
    """Times, prices and sides of 200 fills: honest, of bars stamped otherwise, or the best of each bar."""
    rows = np.sort(rng.choice(np.arange(2, len(bars.times) - 2), 200, replace=False))
    side = rng.choice([-1.0, 1.0], len(rows))
    low, high = bars.bid[rows, 2], bars.ask[rows, 1]
    price = low + rng.beta(1.0, 1.0, len(rows)) * (high - low)
    if kind == "fills":
        price = np.where(side > 0, low, high)
    shift = int(rng.choice([-1, 1])) if kind == "stamps" else 0
    return bars.times[rows + shift], price, side


def _failed(findings: list[Finding]) -> bool:
    return any(finding.severity == "fail" for finding in findings)


# --- the exam --------------------------------------------------------------------------------


def sit(
    *,
    quick: bool,
    seed: int,
    bars: Bars | None = None,
    on_step: Callable[[str], None] = lambda what: None,
) -> list[Tried]:
    """Caught leaks by strength, and false alarms.

    Args:
        quick: fewer of both.
        seed: of markets, leaks and honest inputs.
        bars: on which; None: made ones, `MARKETS` of them.
        on_step: called with what is being done.
    """
    leaks, clean = (QUICK_LEAKS, QUICK_CLEAN) if quick else (LEAKS, CLEAN)
    markets = 1 if bars is not None else MARKETS // 4 if quick else MARKETS
    found: list[tuple[str, float, bool]] = []
    for number in range(markets):
        rng = np.random.default_rng([seed, number])
        own = made_bars(rng) if bars is None else bars
        market = market_of(own, FIRST, LONGEST)
        on_step(f"market {number + 1} of {markets}: leaks")
        found += _leaks(rng, own, market, leaks // markets)
        for done in range(clean // markets):
            if done % 10 == 0:
                on_step(f"market {number + 1} of {markets}: honest inputs, {done}")
            found.append((HONEST, 0.0, _honest_alarm(rng, own, market)))
    return list(_curve(found))


def _leaks(
    rng: np.random.Generator, bars: Bars, market: Market, count: int
) -> Iterator[tuple[str, float, bool]]:
    """(kind, strength, caught) of random leaks."""
    for _ in range(count):
        where = rng.random()
        if where < 0.7:
            kind, values, strength = column_leak(rng, market)
            yield f"column: {kind}", strength, _failed(judge_columns(market, {"leak": values}))
        elif where < 0.85:
            share = float(rng.uniform(0.05, 1.0))
            yield "entries", share, _failed(judge_entries(market, *_entries(rng, market, share)))
        else:
            kind = "stamps" if where < 0.93 else "fills"
            yield kind, 1.0, _failed(judge_fills(bars, *_fills(rng, bars, kind), "a list"))


def _honest_alarm(rng: np.random.Generator, bars: Bars, market: Market) -> bool:
    """Whether the audit fails five honest columns, a list of entries, or its fills."""
    columns = {f"column {i}": _honest(rng, market) for i in range(5)}
    return (
        _failed(judge_columns(market, columns))
        or _failed(judge_entries(market, *_entries(rng, market, 0.0)))
        or _failed(judge_fills(bars, *_fills(rng, bars, HONEST), "a list"))
    )


def _curve(found: list[tuple[str, float, bool]]) -> Iterator[Tried]:
    for kind, (edges, asked_from) in KINDS.items():
        own = [(strength, caught) for which, strength, caught in found if which == kind]
        spans: list[tuple[float, float, float | None]] = []
        if len(edges) > 2:
            spans += [(low, high, None) for low, high in pairwise(edges)]
        spans.append((asked_from, 1.01, CAUGHT))
        for low, high, asked in spans:
            inside = [caught for strength, caught in own if low <= strength < high]
            yield Tried(kind, low, high, len(inside), sum(inside), asked)
    honest = [caught for which, _, caught in found if which == HONEST]
    yield Tried(HONEST, 0.0, 0.0, len(honest), sum(honest), ALARMS)
