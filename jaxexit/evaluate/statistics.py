"""Is a result luck? Intervals, comparisons on the same trades, and a verdict in words.

How the intervals are made, and why, is in `evaluate.bootstrap`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from jaxexit import units
from jaxexit.errors import DataError
from jaxexit.evaluate.bootstrap import (
    CONFIDENCE,
    DAY,
    RESAMPLES,
    Estimate,
    annual_sharpe_of_days,
    brownian_sums,
    cells_of,
    holding_time,
    interval,
    ratio,
    sums_by_cell,
)
from jaxexit.evaluate.metrics import annual_sharpe

TOO_LITTLE = "too little data"
FEWEST_BLOCKS = 8
"""Below this many independent periods there is no verdict, however narrow the interval."""


@dataclass(frozen=True)
class Comparison:
    """One policy against another on the same trades: first minus second."""

    trades: int
    unit: str  # name of the unit of results
    net: Estimate  # in it
    r: Estimate
    verdict: str

    def as_json(self) -> dict[str, Any]:
        """Nested objects of plain numbers, and the verdict in words."""
        both = {self.unit: self.net.as_json(), "r": self.r.as_json()}
        return {"trades": self.trades, "unit": self.unit, **both, "verdict": self.verdict}


@dataclass(frozen=True)
class Superiority:
    """Hansen's test: is the best of several versions better than the benchmark, given how many there are?

    Attributes:
        best: the version with the highest mean.
        p_value: the consistent one. A small one speaks against "none is better than the benchmark".
        p_lower: liberal bound.
        p_upper: conservative bound (White's reality check).
        blocks: see `Estimate`.
        verdict: in words.
    """

    best: str
    p_value: float
    p_lower: float
    p_upper: float
    blocks: float
    verdict: str


def mean_per_trade(
    table: pd.DataFrame,
    column: str | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Mean of a trade table's column over trades, with its interval.

    Args:
        table: with trade_id, entry_time, exit_time, direction (+1, -1) and the column.
        column: what to average, such as net_r; None: the net result in the table's unit.
        resamples: of the bootstrap.
        seed: the same seed, the same interval.
    """
    entry, exit_ = _moments(table, "entry_time"), _moments(table, "exit_time")
    column = units.key(units.of_table(table), "net") if column is None else column
    means = _means(entry, entry, exit_, table, [table[column].to_numpy(float)], resamples, seed)
    return means[0]


def compare(
    table: pd.DataFrame, other: pd.DataFrame, *, resamples: int = RESAMPLES, seed: int = 0
) -> Comparison:
    """Paired difference of two policies' net results on the same trades.

    Rows are matched by trade_id. What both did alike cancels: a difference lives in the time between the
    two exits, which is what the intervals are computed from.

    Raises:
        DataError: the tables do not hold the same trades.
    """
    other = _matched(table, other)
    ends = np.stack([_moments(table, "exit_time"), _moments(other, "exit_time")])
    entry, first, last = _moments(table, "entry_time"), ends.min(0), ends.max(0)

    unit = units.of_table(table)
    if units.of_table(other) != unit:
        raise DataError(
            f"the two tables are in {units.words(unit)} and in {units.words(units.of_table(other))}: "
            "backtest both again"
        )
    names = (units.key(unit, "net"), "net_r")
    gained = [table[name].to_numpy(float) - other[name].to_numpy(float) for name in names]
    net, r = _means(entry, first, last, table, gained, resamples, seed)
    return Comparison(len(table), unit, net, r, verdict(net, unit))


def share_kept(
    table: pd.DataFrame, other: pd.DataFrame, *, resamples: int = RESAMPLES, seed: int = 0
) -> Estimate:
    """Net result of one policy as a share of another's on the same trades, with its interval.

    1 + sum of paired differences / sum of the other's results; both are resampled together. It says something
    only where the other's result can be told from zero.

    Raises:
        DataError: the tables do not hold the same trades.
    """
    other = _matched(table, other)
    ends = np.stack([_moments(table, "exit_time"), _moments(other, "exit_time")])
    entry, first, last = _moments(table, "entry_time"), ends.min(0), ends.max(0)
    name = units.key(units.of_table(table), "net")
    earned = other[name].to_numpy(float)
    gained = table[name].to_numpy(float) - earned
    more = _means(entry, first, last, table, [gained], resamples, seed, weights=earned)[0]
    return replace(more, value=1 + more.value, low=1 + more.low, high=1 + more.high)


def verdict(difference: Estimate, unit: str) -> str:
    """Better, worse or not distinguishable, with the interval; of too little data neither of the first two.

    Args:
        difference: of two policies, a trade.
        unit: name of its unit.
    """
    few = difference.blocks < FEWEST_BLOCKS
    word = TOO_LITTLE if few else "not distinguishable"
    if not few and (difference.low > 0 or difference.high < 0):
        word = "better" if difference.low > 0 else "worse"
    form = units.mean_form(unit)
    said = (
        f"{word}: {difference.value:{form}} {units.words(unit)} a trade "
        f"(95% interval {difference.low:{form}} to {difference.high:{form}})"
    )
    if few:
        said += f" on {difference.blocks:.1f} independent periods, at least {FEWEST_BLOCKS} needed"
    return said


def sharpe_interval(
    daily: pd.Series,
    days_a_year: float = units.WEEKDAYS_A_YEAR,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate | None:
    """Annualised Sharpe ratio of daily net results (`metrics.annual_sharpe`) with its interval.

    The standard error is that of the ratio's influence function, z - SR (z^2 - 1) / 2 with z the
    standardised day; blocks are as long as the days' own dependence asks for (Politis and White 2004).
    Days marked to market do not share results of trades, however long those are held.

    Args:
        daily: net results by day (`metrics.daily_net`).
        days_a_year: trading days.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        None with fewer than two days or without variation.
    """
    net = daily.to_numpy(float)
    if annual_sharpe(net) is None:
        return None
    null = np.random.default_rng([seed, 1]).standard_normal((resamples, len(net)))
    ones = np.ones_like(net)
    statistic = partial(annual_sharpe_of_days, days_a_year=days_a_year)
    return interval(statistic, net, ones, null, 1.0, 1.0, resamples, seed)


def superior(
    benchmark: pd.DataFrame,
    versions: Mapping[str, pd.DataFrame],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Superiority:
    """Hansen's test of superior predictive ability (2005; `arch.bootstrap.SPA`), of net results.

    Args:
        benchmark: trade table of what is to be beaten.
        versions: trade tables of its rivals on the same trades, by name.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        DataError: the tables do not hold the same trades.
    """
    from arch.bootstrap import SPA

    tables = [benchmark, *(_matched(benchmark, table) for table in versions.values())]
    entry = _moments(benchmark, "entry_time")
    longest = np.max([_moments(table, "exit_time") for table in tables], axis=0)
    cell, cells, width = cells_of(entry, holding_time(entry, longest))
    block = max(math.ceil(holding_time(entry, longest) / width), 1)
    unit = units.of_table(benchmark)
    net = np.stack(
        [
            sums_by_cell(cell, table[units.key(unit, "net")].to_numpy(float), cells)
            for table in tables
        ],
        1,
    )
    test = SPA(-net[:, 0], -net[:, 1:], block_size=block, reps=resamples, seed=seed)
    test.compute()
    lower, consistent, upper = (float(p) for p in test.pvalues)
    means = net[:, 1:].sum(0) / len(benchmark)
    best = list(versions)[int(means.argmax())]
    gain = float(means.max() - net[:, 0].sum() / len(benchmark))
    superior = consistent <= 1 - CONFIDENCE
    word = "better than the benchmark" if superior else "not distinguishable from the benchmark"
    said = f"the best of {len(versions)}, {best}, is {word}: "
    said += f"{gain:{units.mean_form(unit)}} {units.words(unit)} a trade"
    said += f" (p = {consistent:.3f} after counting all {len(versions)})"
    return Superiority(best, consistent, lower, upper, cells / block, said)


def _means(
    entry: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    table: pd.DataFrame,
    results: Sequence[np.ndarray],
    resamples: int,
    seed: int,
    weights: np.ndarray | None = None,
) -> list[Estimate]:
    """Means of `results` [trades], each earned between `first` and `last`, resampled by `entry`.

    With `weights` [trades] sums over their sum, in place of the number of trades.
    """
    if len(entry) == 0 or not all(np.isfinite(values).all() for values in results):
        raise DataError("statistics need at least one trade, and a finite result for every trade")
    holding = holding_time(entry, last)
    cell, cells, width = cells_of(entry, holding)
    counts = sums_by_cell(cell, np.ones(len(entry)) if weights is None else weights, cells)
    null = brownian_sums(first, last, _directions(table), cell, cells, width, resamples, seed)
    block, days = holding / width, float(width / DAY)
    return [
        interval(
            ratio, sums_by_cell(cell, values, cells), counts, null, block, days, resamples, seed
        )
        for values in results
    ]


def _directions(table: pd.DataFrame) -> np.ndarray:
    return np.sign(table["direction"].to_numpy(float))


def _moments(table: pd.DataFrame, column: str) -> np.ndarray:
    return table[column].to_numpy("datetime64[s]")


def _matched(table: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """`other` in the order of `table`; both must hold the same trades, each once."""
    ids, theirs = pd.Index(table["trade_id"]), pd.Index(other["trade_id"])
    if not (ids.is_unique and theirs.is_unique):
        raise DataError("a trade_id occurs twice: pairing trades needs unique ids")
    missing = len(ids.difference(theirs)) + len(theirs.difference(ids))
    if missing:
        raise DataError(f"the two tables hold different trades: {missing} are in one only")
    aligned = other.set_index(theirs).loc[ids]
    same = _moments(aligned, "entry_time") == _moments(table, "entry_time")
    if not (same & (_directions(aligned) == _directions(table))).all():
        raise DataError("the same trade_id has another entry time or direction in the other table")
    return aligned
