"""What the environment reads of each bar fed so far: computed once a bar, by the functions of a backtest.

Indicators remember, so TA-Lib's run over the whole history at each bar: milliseconds where it is long. All
else looks back a few bars only, and is computed of those. On the same bars from the same first bar on every
number is the same to the bit as a backtest's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxexit.config import Experiment
from jaxexit.config.features import SESSION_FEATURES
from jaxexit.data.bars import Bars
from jaxexit.data.charges import Charges, carry
from jaxexit.data.features import Feature, feature_columns
from jaxexit.data.indicators import Indicators, talib_indicators
from jaxexit.data.market import rollover_nights
from jaxexit.data.recipe import completed
from jaxexit.data.sessions import session_left

_LOOKED_BACK = 32  # bars: what lies before them changes no column but through indicators


class Rows(NamedTuple):
    """What the environment reads of each bar fed so far; all [T, ...] float32, as in `Market`."""

    bid: np.ndarray
    ask: np.ndarray
    features: np.ndarray
    atr: np.ndarray
    nights: np.ndarray
    nights_inside: np.ndarray
    carry: np.ndarray | None = None
    carry_inside: np.ndarray | None = None
    flat: np.ndarray | None = None


class Mids:
    """Middle of the book, float64 [T] each: what indicators are computed from."""

    def __init__(self) -> None:
        self.length = 0
        self._columns = [np.zeros(0)] * 3

    def extend(self, mid: np.ndarray) -> None:
        """Take further bars [n, 4]."""
        end = self.length + len(mid)
        self._columns = [
            put(column, self.length, mid[:, place + 1])
            for place, column in enumerate(self._columns)
        ]
        self.length = end

    def indicators(self) -> Indicators:
        """Of all bars."""
        high, low, close = (column[: self.length] for column in self._columns)
        return talib_indicators(high, low, close)


class KnownRows:
    """The rows of the bars fed so far, and the first bar in which a trade may begin."""

    def __init__(self, experiment: Experiment, features: tuple[Feature, ...]) -> None:
        """Args: sets warm-up, recipe and sessions; what the observation shows."""
        self._experiment, self._features = experiment, features
        by_session = experiment.env.flat_overnight or any(
            feature.name in SESSION_FEATURES for feature in features
        )
        # A recipe's columns and a session's length may look at any earlier bar.
        self._local = not experiment.recipe and not by_session
        self._kept: Rows | None = None
        self._atr = np.zeros(0)
        self._length = self._first = 0
        self._step = np.timedelta64(0, "ns")

    def upto(
        self,
        length: int,
        step: np.timedelta64,
        mids: Mids,
        charges: Charges,
        bars: Callable[[int], Bars],
    ) -> tuple[Rows, np.ndarray, int]:
        """Rows [length, ...], ATR [length] float64 (nan before it is defined), and that first bar.

        Args:
            length: bars fed so far.
            step: length of a bar.
            mids: of them all.
            charges: costs.
            bars: gives the bars from a number on.
        """
        local = self._local and not charges.carries and step == self._step
        if self._kept is not None and local and self._first < self._length:
            if self._length < length:
                self._add(length, mids.indicators(), bars)
        elif self._length != length or self._kept is None:
            self._all(length, step, charges, bars(0))
        assert self._kept is not None
        shown = (None if column is None else column[:length] for column in self._kept)
        first = max(self._experiment.data.warmup, self._first)
        return Rows(*shown), self._atr[:length], first  # type: ignore[arg-type]

    def _all(self, length: int, step: np.timedelta64, charges: Charges, bars: Bars) -> None:
        whole = completed(self._experiment.recipe, bars)
        columns, atr, ready = feature_columns(self._features, whole)
        nights, inside = rollover_nights(bars.times, step)
        held = carry(charges, bars, step) if charges.carries else (None, None)
        flat = None
        if self._experiment.env.flat_overnight:
            flat = session_left(bars.calendar, bars.times, step, "env.flat_overnight")[1]
        self._kept = Rows(*_prices(bars), columns, _defined(atr), nights, inside, *held, flat)
        self._atr, self._length, self._first, self._step = atr, length, ready, step

    def _add(self, length: int, indicators: Indicators, bars: Callable[[int], Bars]) -> None:
        """The further bars; the last one before them once more, since its end is known only now."""
        assert self._kept is not None
        begin = max(0, self._length - _LOOKED_BACK)
        some = bars(begin)
        columns, atr, _ = feature_columns(
            self._features, some, Indicators(*(series[begin:] for series in indicators))
        )
        nights, inside = rollover_nights(some.times, self._step)
        new = (*_prices(some), columns, _defined(atr), nights, inside)
        at = self._length - 1
        kept = self._kept
        self._kept = Rows(
            *(put(old, at, values[at - begin :]) for old, values in zip(kept[:6], new, strict=True))
        )
        self._atr = put(self._atr, at, atr[at - begin :])
        self._length = length


def put(column: np.ndarray, at: int, values: np.ndarray) -> np.ndarray:
    """The column with values from place `at` on: itself, or a longer copy where it has no room."""
    end = at + len(values)
    if end > len(column):
        grown = np.zeros((max(2 * end, 1024), *column.shape[1:]), column.dtype)
        grown[:at] = column[:at]
        column = grown
    column[at:end] = values
    return column


def _prices(bars: Bars) -> tuple[np.ndarray, np.ndarray]:
    return bars.bid.astype(np.float32), bars.ask.astype(np.float32)


def _defined(atr: np.ndarray) -> np.ndarray:
    return np.nan_to_num(atr, nan=0.0).astype(np.float32)
