"""A subject's bars as the reference simulator takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import overload

import numpy as np

from jaxexit.data.detail import Detail
from jaxexit.truth.audit.subject import Subject
from jaxexit.truth.reference.records import Bar, Quote


def plain_bars(subject: Subject) -> Sequence[Bar]:
    """Every bar of the file, in single precision's prices; with all its finer bars, where it has any."""
    market = subject.dataset.market
    bid, ask = (side.astype(np.float32).tolist() for side in (subject.bars.bid, subject.bars.ask))
    nights, inside = np.asarray(market.nights).tolist(), np.asarray(market.nights_inside).tolist()
    none = [(0.0, 0.0)] * len(nights)
    carry, within = (
        none if leaf is None else [tuple(row) for row in np.asarray(leaf).tolist()]
        for leaf in (market.carry, market.carry_inside)
    )
    flat = [False] * len(nights) if market.flat is None else np.asarray(market.flat).tolist()
    bars = [
        Bar(Quote(*b), Quote(*a), *held)
        for b, a, *held in zip(bid, ask, nights, inside, carry, within, flat, strict=True)
    ]
    detail = subject.dataset.detail
    return bars if detail is None else _LookedInto(bars, detail)


class _LookedInto(Sequence[Bar]):
    """Bars that get their finer bars when they are asked for: few of them are, and there are many."""

    def __init__(self, bars: list[Bar], detail: Detail) -> None:
        self._bars, self._detail = bars, detail
        self._starts = np.searchsorted(detail.bar, np.arange(len(bars) + 1))
        self._made = lru_cache(maxsize=4_096)(self._make)

    def __len__(self) -> int:
        return len(self._bars)

    @overload
    def __getitem__(self, row: int) -> Bar: ...

    @overload
    def __getitem__(self, row: slice) -> Sequence[Bar]: ...

    def __getitem__(self, row: int | slice) -> Bar | Sequence[Bar]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        return self._made(row)

    def _make(self, row: int) -> Bar:
        first, after = self._starts[row], self._starts[row + 1]
        prices = self._detail.prices[first:after].astype(np.float32).tolist()
        finer = tuple(Bar(_quote(*bid), _quote(*ask)) for bid, ask in prices)
        return replace(self._bars[row], finer=finer)


def _quote(opened: float, high: float, low: float) -> Quote:
    """A finer bar's close decides nothing."""
    return Quote(opened, high, low, opened)
