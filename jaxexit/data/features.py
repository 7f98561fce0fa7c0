"""Features: which facts of a bar the agent sees, and how the bar table's columns make them.

`Market.features` holds raw columns, one value a bar. A `Feature` says how an entry of the
observation is read from one: from the present bar or the entry bar, divided by its value at the
entry bar or not, times the trade's direction or not. So that a trade and its mirror image look the
same, every column is either unchanged or sign-flipped when the market is mirrored.

A user adds a column of the bar file by naming it: {column, scale, center, directional}, read as
(value - center) / scale at the present bar.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from jaxexit.config.features import COLUMNS, FEATURE_RECORDS, SESSION_FEATURES
from jaxexit.config.trading import UserFeature
from jaxexit.data.bars import Bars, find_gaps
from jaxexit.data.calendars import Calendar
from jaxexit.data.indicators import Indicators, talib_indicators
from jaxexit.data.sessions import session_left
from jaxexit.data.tables import as_numbers
from jaxexit.errors import DataError, check_complete

SMALLEST_RATIO_BASE = 1e-12  # price units: a column that others are divided by is never 0


@dataclass(frozen=True)
class Feature:
    """One market entry of the observation, read from a column of `Market.features`.

    obs = clip((row[column] / row_e[column] if ratio_to_entry else row[column])
               * (direction if directional else 1), -10, 10)
    with row the bar e+k for `at="now"` and the entry bar e for `at="entry"`.
    """

    name: str
    column: str  # built-in column, or a column of the bar file where `from_bars`
    at: Literal["now", "entry"] = "now"
    directional: bool = False
    ratio_to_entry: bool = False
    from_bars: bool = False
    center: float = 0.0  # user columns: in the column's own units
    scale: float = 1.0
    divisor: float = 1.0  # of a built-in column: see env.feature_scales
    column_index: int = -1  # in `Market.features`; set by `resolve_features`

    @property
    def source(self) -> tuple[bool, str, float, float]:
        """What makes two features share a column."""
        return self.from_bars, self.column, self.center, self.scale


FEATURES: dict[str, Feature] = {
    record.name: Feature(
        record.name,
        record.column,
        at=record.at,
        directional=record.directional,
        ratio_to_entry=record.ratio_to_entry,
    )
    for record in FEATURE_RECORDS
}


def resolve_features(names: Iterable[str | UserFeature]) -> tuple[Feature, ...]:
    """`env.features` as features that know their column of `Market.features`.

    Each item is a name of `FEATURES`, or a column of the bar file and how it is scaled, all different: what
    an experiment has. Features of one source share a column; columns are numbered in order of first use.
    """
    features: list[Feature] = []
    columns: dict[tuple, int] = {}
    for item in names:
        feature = FEATURES[item] if isinstance(item, str) else _from_bars(item)
        index = columns.setdefault(feature.source, len(columns))
        features.append(replace(feature, column_index=index))
    return tuple(features)


def scales_of(features: tuple[Feature, ...], columns: np.ndarray, rows: slice) -> dict[str, float]:
    """What columns of the market's size are divided by: their median over rows of `columns` [T, F].

    Args:
        features: with divisors of 1.
        columns: of `feature_columns`.
        rows: of the training split, from the first that is defined on.
    """
    scales: dict[str, float] = {}
    for feature in features:
        if not feature.from_bars and COLUMNS[feature.column].market_sized:
            median = float(np.median(columns[rows, feature.column_index].astype(float)))
            scales[feature.column] = median if median > 0 else 1.0
    return scales


def with_scales(features: tuple[Feature, ...], scales: Mapping[str, float]) -> tuple[Feature, ...]:
    """The features with the divisors that were fixed at training."""
    return tuple(
        feature if feature.from_bars else replace(feature, divisor=scales.get(feature.column, 1.0))
        for feature in features
    )


def _from_bars(item: UserFeature) -> Feature:
    return Feature(
        name=item.column,
        column=item.column,
        directional=item.directional,
        from_bars=True,
        center=item.center,
        scale=item.scale,
    )


@dataclass(frozen=True)
class MidBars:
    """What the built-in columns are computed from besides indicators, float64 [T]."""

    times: pd.DatetimeIndex  # bar opens, UTC
    close: np.ndarray
    spread: np.ndarray  # at the close, price units
    calendar: Calendar


def feature_columns(
    features: tuple[Feature, ...], bars: Bars, indicators: Indicators | None = None
) -> tuple[np.ndarray, np.ndarray, int]:
    """The raw columns of `Market.features`; `indicators` of these bars, where they are known.

    Returns columns [T, F] float32, finite; ATR [T] float64, nan before it is defined; and the first
    bar from which every column is defined. Before that bar columns are 0, and no trade
    may begin there. Raises DataError for a user column that is missing, not a number, or undefined
    after it has begun.
    """
    mid = bars.mid
    market = MidBars(
        times=pd.DatetimeIndex(bars.times),
        close=mid[:, 3],
        spread=bars.ask[:, 3] - bars.bid[:, 3],
        calendar=bars.calendar,
    )
    if indicators is None:
        indicators = talib_indicators(mid[:, 1], mid[:, 2], mid[:, 3])
    sources: dict[int, Feature] = {feature.column_index: feature for feature in features}
    columns = np.zeros((len(bars.times), len(sources)), np.float32)
    first_ready = _first_finite(indicators.atr)
    for index, feature in sources.items():
        if feature.from_bars:
            values = _user_column(feature, bars.table)
        else:
            values = _COLUMNS[feature.column](market, indicators) / feature.divisor
        first_ready = max(first_ready, _first_finite(values))
        columns[:, index] = np.nan_to_num(values, nan=0.0)
    return columns, indicators.atr, first_ready


def _first_finite(values: np.ndarray) -> int:
    finite = np.isfinite(values)
    return int(np.argmax(finite)) if finite.any() else len(values)


def _user_column(feature: Feature, table: pd.DataFrame) -> np.ndarray:
    name = feature.column
    if name not in table.columns:
        near = difflib.get_close_matches(name, map(str, table.columns), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise DataError(f"env.features: the bar file has no column '{name}'{hint}")
    values = as_numbers(pd.Series(table[name]))
    undefined = ~np.isfinite(values)
    undefined[: _first_finite(values)] = False
    if undefined.any() or not np.isfinite(values).any():
        where = int(np.argmax(undefined)) + 1
        raise DataError(
            f"env.features: column '{name}' is not a finite number in row {where}; a column may only "
            "be undefined at the beginning"
        )
    return (values - feature.center) / feature.scale


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Numerator / denominator; 0 where a market that does not move makes the denominator 0."""
    still = denominator == 0
    return np.where(still, 0.0, numerator / np.where(still, 1.0, denominator))


def _change(bars: int) -> Callable[[MidBars, Indicators], np.ndarray]:
    """Change of the mid close over the last `bars` bars, in ATR."""

    def column(market: MidBars, indicators: Indicators) -> np.ndarray:
        change = np.full_like(market.close, np.nan)
        change[bars:] = market.close[bars:] - market.close[:-bars]
        return _ratio(change, indicators.atr)

    return column


def _wave(
    wave: Callable[[np.ndarray], np.ndarray], phase: Callable[[pd.DatetimeIndex], np.ndarray]
) -> Callable[[MidBars, Indicators], np.ndarray]:
    return lambda bars, _: wave(2 * np.pi * phase(bars.times))


def _hour(times: pd.DatetimeIndex) -> np.ndarray:
    """Share of the UTC day gone at the bar's open."""
    return (np.asarray(times.hour) * 60 + np.asarray(times.minute)) / 1440


def _weekday(times: pd.DatetimeIndex) -> np.ndarray:
    """Share of the week gone at the bar's day, Monday 0."""
    return np.asarray(times.day_of_week) / 7


def _session(market: MidBars, which: int) -> np.ndarray:
    if len(market.times) < 2:  # a feed's first bar: no length is known yet
        return np.full(len(market.times), np.nan)
    step = find_gaps(market.times.to_numpy()).step
    key = f"env.features: {SESSION_FEATURES[which]}"
    left_and_overnight = session_left(market.calendar, market.times.to_numpy(), step, key)
    return np.asarray(left_and_overnight[which], float)


# How each built-in column is computed; its formula in words is in `config.features`.
_COLUMNS: dict[str, Callable[[MidBars, Indicators], np.ndarray]] = {
    "atr": lambda bars, i: np.maximum(i.atr, SMALLEST_RATIO_BASE),
    "atr_share": lambda bars, i: 1000 * i.atr / bars.close,
    "adx": lambda bars, i: i.adx / 100,
    "rsi": lambda bars, i: (i.rsi - 50) / 50,
    "bollinger_b": lambda bars, i: _ratio(bars.close - i.band_middle, i.band_upper - i.band_lower),
    "bollinger_width": lambda bars, i: np.maximum(i.band_upper - i.band_lower, SMALLEST_RATIO_BASE),
    "bollinger_width_share": lambda bars, i: 100 * (i.band_upper - i.band_lower) / bars.close,
    "ema_spread": lambda bars, i: _ratio(i.ema_fast - i.ema_slow, i.atr),
    "return_1": _change(1),
    "return_4": _change(4),
    "return_16": _change(16),
    "spread": lambda bars, i: _ratio(bars.spread, i.atr),
    "session_left": lambda bars, _: _session(bars, 0),
    "overnight": lambda bars, _: _session(bars, 1),
    "hour_sin": _wave(np.sin, _hour),
    "hour_cos": _wave(np.cos, _hour),
    "weekday_sin": _wave(np.sin, _weekday),
    "weekday_cos": _wave(np.cos, _weekday),
}

check_complete("data.features._COLUMNS", _COLUMNS, COLUMNS, no_more=True)
check_complete("config.features.COLUMNS", COLUMNS, (record.column for record in FEATURE_RECORDS))
