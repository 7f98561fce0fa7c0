"""Finer bars inside the bars on which decisions are taken: in which order a bar's prices were reached.

They are checked against the bars that they lie in, and made to agree with them to the last digit: the first
opens where the bar opens, and together they reach the bar's high and low and nothing beyond. So whether a
level is reached in a bar is always the bar's own word; the finer bars say which was reached first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jaxexit.data.bar_files import read_quotes
from jaxexit.data.bars import Bars, duration, find_gaps, minute
from jaxexit.data.book import complete_book
from jaxexit.data.fingerprint import fingerprint_bars
from jaxexit.data.markets import asking_for
from jaxexit.data.quotes import ROUNDING, Quotes
from jaxexit.data.sample import SAMPLE, SAMPLE_READING, bar_reading_of, book_of, sample_path
from jaxexit.data.ticks import merge
from jaxexit.data.types import CLOSE, HIGH, LOW, OPEN
from jaxexit.errors import DataError

if TYPE_CHECKING:
    from jaxexit.config import Experiment

TICK_BARS = np.timedelta64(1, "s")  # ticks of one second become one bar: their order is not kept
MOST_UNLIKE = (
    0.05  # share of bars with other prices than their finer bars, beyond which a file is refused
)
MOST_BYTES = 2 << 30  # on the device
_SIDES, _FIELDS = ("bid", "ask"), ("open", "high", "low", "close")


@dataclass(frozen=True)
class Detail:
    """n finer bars inside T bars, in order, in agreement with them."""

    bar: np.ndarray  # [n] int64, rising: row of the bar that each lies in
    prices: np.ndarray  # [n, 2, 3] float64: bid and ask; open, high, low
    line: str  # what they are, for the summary
    fingerprint: dict[
        str, int | str
    ]  # of the file's bars; `bars_without`: bars that none of them is of


def read_detail(experiment: Experiment, bars: Bars) -> Detail | None:
    """The finer bars that `data.detail` names; None: it names none.

    Args:
        experiment: a validated experiment.
        bars: its bars, T of them.

    Raises:
        DataError: the file cannot be read, or is not of these bars.
    """
    name = experiment.data.detail
    if name is None:
        return None
    if name == SAMPLE:
        quotes = read_quotes(sample_path(), SAMPLE_READING)
    else:
        reading = bar_reading_of(experiment)._replace(tick_bars=TICK_BARS)
        quotes = read_quotes(Path(name), reading)
    where = f"data.detail: {name}"
    bid, ask = _book(where, experiment, quotes, bars)
    return fitted(where, quotes.times, bid, ask, bars)


def _book(
    where: str, experiment: Experiment, quotes: Quotes, bars: Bars
) -> tuple[np.ndarray, np.ndarray]:
    """Both sides of the finer bars [N, 4], completed as those of the bars were."""
    if bars.quoted == "auto":
        if len(quotes.sides) < len(_SIDES):
            raise DataError(
                f"{where}: has one side, expected bid and ask, since the bars of {bars.where} have both"
            )
        return quotes.sides["bid"], quotes.sides["ask"]
    if len(quotes.sides) == len(_SIDES):
        both = quotes.sides
        prices = both.get(bars.quoted, (both["bid"] + both["ask"]) / 2)
    else:
        ((named, prices),) = quotes.sides.items()
        if named not in ("unknown", bars.quoted):
            raise DataError(f"{where}: has the {named}, expected the {bars.quoted} as the bars")
        if experiment.data.timeframe is not None:
            # The bars were completed before they were lengthened.
            side = bars.quoted if named == "unknown" else "auto"
            book: Any = {**book_of(experiment), "price_side": side, "pip": bars.pip}
            own = complete_book(quotes, **book | asking_for(bars.unit))
            return own.bid, own.ask
    spread = (bars.ask - bars.bid)[:, CLOSE]
    at = np.maximum(np.searchsorted(bars.times, quotes.times, side="right") - 1, 0)
    below = {"bid": 0.0, "mid": 0.5, "ask": 1.0}[bars.quoted] * spread[at, None]
    return prices - below, prices - below + spread[at, None]


def fitted(where: str, times: np.ndarray, bid: np.ndarray, ask: np.ndarray, bars: Bars) -> Detail:
    """Finer bars laid into bars, and made to agree with them.

    A bar that the finer bars in it do not make, within a rounding of the file's last digit, gets none.

    Args:
        where: what they are, for messages.
        times: their opens [N] datetime64[ns] in UTC, rising.
        bid: [N, 4] open, high, low, close.
        ask: [N, 4].
        bars: T of them.

    Raises:
        DataError: they are no shorter than the bars, lie in none of them, or do not make more than one bar in
            twenty.
    """
    at = _places(where, times, bars)
    rows = np.flatnonzero(at >= 0)
    group, sides = at[rows], np.stack([bid, ask], axis=1)[rows]
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    made = np.stack([merge(sides[:, side], starts) for side in range(len(_SIDES))], axis=1)
    covered = group[starts]
    own = np.stack([bars.bid, bars.ask], axis=1)[covered]  # [bars with finer ones, 2, 4]
    unlike = np.abs(made - own) > ROUNDING * own
    wrong: np.ndarray = np.asarray(unlike.any(axis=(1, 2)))
    if wrong.mean() > MOST_UNLIKE:
        first = int(np.argmax(wrong))
        side, field = np.argwhere(unlike[first])[0]
        raise DataError(
            f"{where}: does not make {int(wrong.sum()):,} of {len(wrong):,} bars of {bars.where}, the first "
            f"{minute(bars.times[int(covered[first])])}: {_SIDES[side]} {_FIELDS[field]} "
            f"{own[first, side, field]:.6g}, of its finer bars {made[first, side, field]:.6g}; check that "
            "both are of one market, side, source and clock"
        )
    kept = ~np.repeat(wrong, np.diff(np.append(starts, len(group))))
    group, prices = group[kept], _snapped(sides[kept, :, :CLOSE], group[kept], bars)
    missing = len(bars.times) - len(covered)
    words = [
        f"{where}: {len(times):,} bars of {duration(find_gaps(times).step)} inside "
        f"{len(covered) - int(wrong.sum()):,} of {len(bars.times):,} bars"
    ]
    if missing:
        words.append(f"{missing:,} have none")
    if wrong.any():
        words.append(f"{int(wrong.sum()):,} have other prices")
    if len(words) > 1:
        words.append("in those stop and target in one bar is the stop")
    without = missing + int(wrong.sum())
    print_of = fingerprint_bars(times, bid, ask) | {"bars_without": without}
    return Detail(group, prices, "; ".join(words), print_of)


def _places(where: str, times: np.ndarray, bars: Bars) -> np.ndarray:
    """Row of the bar that each finer bar opens in, [N] int; -1: it opens in none."""
    step, finer = find_gaps(bars.times).step, find_gaps(times).step
    if finer >= step:
        raise DataError(
            f"{where}: bars of {duration(finer)}, expected shorter ones than the bars' {duration(step)}"
        )
    ends = bars.times + step
    ends[:-1] = np.minimum(ends[:-1], bars.times[1:])
    at = np.searchsorted(bars.times, times, side="right") - 1
    at = np.where((at >= 0) & (times < ends[at]), at, -1)
    if (at < 0).all():
        raise DataError(
            f"{where}: none of it lies inside the bars of {bars.where} ({minute(bars.times[0])} to "
            f"{minute(bars.times[-1])} UTC, the finer ones {minute(times[0])} to {minute(times[-1])}): check "
            "that both are of one time and clock"
        )
    return at


def _snapped(prices: np.ndarray, group: np.ndarray, bars: Bars) -> np.ndarray:
    """Finer bars [n, 2, 3] of the bars `group` [n] whose first open and extremes are the bars' own."""
    if not len(group):
        return prices
    own = np.stack([bars.bid, bars.ask], axis=1)[group]  # [n, 2, 4]
    prices = np.clip(prices, own[:, :, [LOW]], own[:, :, [HIGH]])
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    prices[starts, :, OPEN] = own[starts, :, OPEN]
    prices[:, :, HIGH] = prices.max(axis=2)
    prices[:, :, LOW] = prices.min(axis=2)
    number = np.cumsum(np.diff(group, prepend=-1) > 0) - 1  # of the group
    for side in range(len(_SIDES)):
        for field, extreme in ((HIGH, np.maximum), (LOW, np.minimum)):
            values = prices[:, side, field]
            reached = np.flatnonzero(values == extreme.reduceat(values, starts)[number])
            _, first = np.unique(number[reached], return_index=True)
            prices[reached[first], side, field] = own[reached[first], side, field]
    return prices


def packed(detail: Detail, bars: Bars) -> np.ndarray:
    """Finer bars as a device takes them, [T, 2, 3, m] float32 (see `Market.detail`).

    A level that is there from a bar's open on is first reached by a finer bar that goes beyond all before it
    on one side or the other: only those are kept, which changes no fill.

    Args:
        detail: what lies in them.
        bars: T of them.

    Raises:
        DataError: it is too much for a device.
    """
    kept = _news(detail)
    group, prices = detail.bar[kept], detail.prices[kept]
    alone = np.setdiff1d(np.arange(len(bars.times)), group)
    group = np.concatenate([group, alone])
    order = np.argsort(group, kind="stable")
    prices = np.concatenate([prices, _whole(bars)[alone]])[order].astype(np.float32)
    counts = np.bincount(group, minlength=len(bars.times))
    width = int(counts.max())
    needed = len(counts) * width * prices[0].nbytes
    if needed > MOST_BYTES:
        raise DataError(
            f"data.detail: needs {needed / 2**30:.1f} GB on the device, expected at most "
            f"{MOST_BYTES / 2**30:.0f}: give coarser bars, M1 in place of ticks"
        )
    place = np.minimum(np.arange(width), counts[:, None] - 1)
    rows = (np.cumsum(counts) - counts)[:, None] + place
    return np.ascontiguousarray(np.moveaxis(prices[rows], 1, 3))


def unresolved(bid: np.ndarray, ask: np.ndarray, width: int) -> np.ndarray:
    """`Market.detail` [T, 2, 3, width] of bars that are not looked into, from both sides [T, 4]."""
    whole = np.stack([bid, ask], axis=1)[:, :, :CLOSE, None].astype(np.float32)
    return np.ascontiguousarray(np.broadcast_to(whole, (*whole.shape[:3], width)))


def _whole(bars: Bars) -> np.ndarray:
    """The bars as their own finer bars, [T, 2, 3]."""
    return np.stack([bars.bid, bars.ask], axis=1)[:, :, :CLOSE]


def _news(detail: Detail) -> np.ndarray:
    """[n] bool: the first finer bar of each bar, and each that goes beyond all before it."""
    first = np.diff(detail.bar, prepend=-1) > 0
    kept = first.copy()
    for side in range(len(_SIDES)):
        for field, sign in ((HIGH, 1.0), (LOW, -1.0)):
            values = pd.Series(sign * detail.prices[:, side, field])
            so_far = values.groupby(detail.bar).cummax().to_numpy()
            before = np.concatenate([[-np.inf], so_far[:-1]])
            kept |= ~first & (values.to_numpy() > before)
    return kept
