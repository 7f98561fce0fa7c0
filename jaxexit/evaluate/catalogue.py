"""The catalogue's exits on a split: tuned in one sweep each, as many settings as every baseline has.

Settings are spaced geometrically where what matters is their ratio. Their scale is what the experiment's data
suggest before any result is known: the horizon, and the median ATR at the entries of training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd

from jaxexit.config import baselines
from jaxexit.data import Dataset
from jaxexit.data.hours import NEW_YORK
from jaxexit.data.indicators import talib_indicators
from jaxexit.data.types import Market
from jaxexit.env import EnvSpec, World, observation_size
from jaxexit.errors import check_complete
from jaxexit.evaluate import meta_label
from jaxexit.evaluate.tuning import EVALUATIONS
from jaxexit.policies import catalogue as c
from jaxexit.policies.swept import Sweep, swept
from jaxexit.policies.types import Policy

FEW, MANY = 4, 8  # settings of the second and of the first number: all pairs are tried
LEAST_R = (-1.0, 0.0, 0.5, 1.0)  # R; -1 is the stop itself: no condition
KEEP_R = (1.0, 10.0)  # R; nobody keeps a trade of less than 10: no condition


class Typical(NamedTuple):
    """What settings are made from."""

    horizon: int  # bars
    atr: float  # price units: median at the entries of training
    percent: float  # the same in percent of the entry
    observed: int  # numbers of an observation


Grid = Callable[[Typical], Any]


def _pairs(first: Any, second: Any) -> list[Any]:  # host arrays
    return [leaf.ravel().astype(np.float32) for leaf in np.meshgrid(first, second, indexing="ij")]


def _bars(first: float, last: float, count: int) -> Any:
    return np.geomspace(first, max(last, first), count).round()


def _behind(unit: float) -> Any:
    distances = np.geomspace(0.5, 8.0, MANY) * unit
    return c.Trailing(*_pairs(np.array([0.0, 1.0, 2.0, 4.0]) * unit, distances))


def _roi(typical: Typical) -> Any:
    horizon = typical.horizon
    start, bars = _pairs(np.geomspace(0.25, 6.0, MANY), _bars(1, horizon / 4, FEW))
    return c.RoiTable(start, bars.astype(np.int32))


def _time(typical: Typical) -> Any:
    bars, progress = _pairs(_bars(1, typical.horizon, MANY), (0.0, 0.25, 0.5, 1.0))
    return c.TimeStop(bars.astype(np.int32), progress)


def _volatility(typical: Typical) -> Any:
    multiple, bars = _pairs(np.geomspace(0.5, 4.0, MANY), (0.0, 3.0, 6.0, 12.0))
    return c.VolatilityStop(multiple, bars.astype(np.int32))


def _barriers(typical: Typical) -> Any:
    bars = _bars(max(typical.horizon / 16, 1), typical.horizon, FEW)
    found: Any = (
        leaf.ravel().astype(np.float32)
        for leaf in np.meshgrid(np.geomspace(0.5, 4.0, FEW), (0.5, 1.0), bars, indexing="ij")
    )
    target, stop, bars = found
    return c.TripleBarrier(target, stop, bars.astype(np.int32))


def _reversal(*levels: float) -> Grid:
    return lambda typical: c.Reversal(*_pairs(levels, LEAST_R))


def _close(typical: Typical) -> Any:
    return c.Close(*_pairs(np.linspace(1.5, 24.0, 2 * MANY), KEEP_R))


def _thresholds(typical: Typical) -> Any:
    """Before the fit nothing is known: even odds."""
    leaves: Any = (
        np.linspace(0.05, 0.95, EVALUATIONS, dtype=np.float32),
        np.zeros(EVALUATIONS, np.float32),
        np.zeros((EVALUATIONS, typical.observed), np.float32),
    )
    return c.MetaLabel(*leaves)


CATALOGUE: dict[str, tuple[Policy, Grid]] = {
    policy.name: (policy, grid)
    for policy, grid in (
        (
            c.CHANDELIER,
            lambda t: c.Chandelier(*_pairs(np.geomspace(1.0, 8.0, MANY), (0.0, 0.5, 1.0, 2.0))),
        ),
        (c.TRAILING_FIXED, lambda t: _behind(t.atr)),
        (c.TRAILING_PERCENT, lambda t: _behind(t.percent)),
        (c.TRAILING_ATR, lambda t: _behind(1.0)),
        (
            c.PARABOLIC_SAR,
            lambda t: c.ParabolicSar(
                *_pairs(np.geomspace(0.0025, 0.08, MANY), (0.05, 0.1, 0.2, 0.4))
            ),
        ),
        (
            c.BREAK_EVEN_AFTER_R,
            lambda t: c.BreakEvenAfterR(
                *_pairs(np.geomspace(0.25, 3.0, MANY), (-0.25, 0.0, 0.1, 0.2))
            ),
        ),
        (c.ROI_TABLE, _roi),
        (
            c.TARGET_LADDER,
            lambda t: c.TargetLadder(*_pairs(np.geomspace(0.25, 3.0, MANY), (0.5, 1.0, 2.0, 4.0))),
        ),
        (c.TIME_STOP, _time),
        (c.VOLATILITY_STOP, _volatility),
        (c.TRIPLE_BARRIER, _barriers),
        (c.RSI_REVERSAL, _reversal(50, 55, 60, 65, 70, 75, 80, 85)),
        (c.EMA_CROSS, _reversal(0.0, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)),
        (c.BAND_TOUCH, _reversal(0.0, 0.5, 1.0, 1.5, 2.0, 2.25, 2.5, 3.0)),
        (c.SESSION_CLOSE, _close),
        (c.WEEKEND_FLAT, _close),
        (c.META_LABEL, _thresholds),
    )
}
"""By name: the policy, and its settings, leaves [EVALUATIONS, ...] on the host."""

check_complete("evaluate.catalogue.CATALOGUE", CATALOGUE, baselines.CATALOGUE, no_more=True)


def columns_of(dataset: Dataset) -> c.Columns:
    """Indicators of mid prices and the clock at each bar's close, host arrays."""
    return columns_at(dataset.market, dataset.times)


def columns_at(market: Market, times: np.ndarray) -> c.Columns:
    """The same of a market of T bars that open at `times` [T], UTC."""
    bid, ask = np.asarray(market.bid, float), np.asarray(market.ask, float)
    _, high, low, close = (0.5 * (bid + ask)).T
    found = talib_indicators(high, low, close)
    step = np.median(np.diff(times))
    local = pd.DatetimeIndex(times + step, tz="UTC").tz_convert(NEW_YORK)
    hour = np.asarray(local.hour + local.minute / 60.0, float)
    days = np.asarray(local.tz_localize(None).normalize().as_unit("s").asi8 // 86_400)
    deviation = 0.5 * (found.band_upper - found.band_middle)
    with np.errstate(divide="ignore", invalid="ignore"):
        columns: list[Any] = [
            found.rsi,
            (found.ema_fast - found.ema_slow) / found.atr,
            (close - found.band_middle) / deviation,
            hour,
            days,
            24.0 * np.asarray(local.day_of_week) + hour,
        ]
    leaves: Any = (np.asarray(column, np.float32) for column in columns)
    return c.Columns(*leaves)


def typical_of(spec: EnvSpec, dataset: Dataset, horizon: int) -> Typical:
    """What the settings of an experiment's data are made from."""
    trades = dataset.splits["train"]
    atr = np.asarray(dataset.market.atr, float)[np.asarray(trades.entry_bar)]
    price = np.abs(np.asarray(trades.entry_price, float))
    percent = float(np.median(100.0 * atr / price))
    return Typical(horizon, float(np.median(atr)), percent, observation_size(spec))


class Catalogue:
    """Some exits of the catalogue for one experiment's data: one program tunes and plays them."""

    def __init__(self, spec: EnvSpec, dataset: Dataset, horizon: int, names: Sequence[str]) -> None:
        """Nothing is computed.

        Args:
            spec: structure of the environment.
            dataset: bars and trades.
            horizon: `max_bars`.
            names: of `CATALOGUE`, at least one.
        """
        self._spec, self._dataset, self._horizon = spec, dataset, horizon
        self.names = tuple(names)
        self.policy = swept(tuple(CATALOGUE[name][0] for name in names))

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What is tried of each, leaves [EVALUATIONS, ...]."""
        typical = typical_of(self._spec, self._dataset, self._horizon)
        return {name: CATALOGUE[name][1](typical) for name in self.names}

    @cached_property
    def _columns(self) -> c.Columns:
        return columns_of(self._dataset)

    def fit(self, world: World) -> None:
        """Fit what has to be fitted before it is tuned, on the training split's world."""
        if c.META_LABEL.name not in self.names:
            return
        weights, bias = meta_label.fitted(self._spec, world, self._horizon)
        before = self.settings[c.META_LABEL.name]
        self.settings[c.META_LABEL.name] = before._replace(
            bias=np.full_like(before.bias, bias), weights=np.tile(weights, (EVALUATIONS, 1))
        )

    def sweep(self, name: str, trades: int) -> Sweep:
        """The params of `policy` over `repeated` trades: all settings of one exit."""
        return self._params(name, trades, self.settings)

    def played(self, name: str, numbers: Mapping[str, Any], trades: int) -> Sweep:
        """The params of `policy` over the trades as they are, with one setting."""
        tried = self.settings[name]
        one = type(tried)(
            *(
                np.full_like(leaf, numbers[field])
                for field, leaf in zip(tried._fields, tried, strict=True)
            )
        )
        return self._params(name, trades, {**self.settings, name: one})

    def _params(self, name: str, trades: int, settings: Mapping[str, Any]) -> Sweep:
        which: Any = np.int32(self.names.index(name))
        number: Any = np.int32(trades)
        return Sweep(which, number, tuple(settings[n] for n in self.names), self._columns)

    def best(self, name: str, net: np.ndarray) -> dict[str, Any]:
        """The setting with the highest mean. Of equals the first counts.

        Args:
            name: of the exit.
            net: [EVALUATIONS, N] results of the sweep, in the unit of results.
        """
        first = int(np.argmax(net.mean(axis=1)))
        return {
            field: np.asarray(leaf[first], float).tolist()
            for field, leaf in self.settings[name]._asdict().items()
        }


def repeated(world: World) -> World:
    """The world with its trades EVALUATIONS times, one list after the other."""

    def tiled(leaf: Any) -> Any:
        return np.tile(np.asarray(leaf), EVALUATIONS)

    trades, hindsight = (jax.tree.map(tiled, tree) for tree in (world.trades, world.hindsight))
    return world._replace(trades=trades, hindsight=hindsight)
