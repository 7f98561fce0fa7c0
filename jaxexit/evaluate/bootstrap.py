"""Intervals for figures of trades that overlap in time: a block bootstrap of calendar time.

Trades that are open together share the same market, so a thousand of them may hold the information of ten.
Results are therefore summed in cells of calendar time by time of entry, and whole blocks of cells are
resampled (stationary bootstrap, Politis and Romano 1994), on average as long as trades last or longer
(Politis and White 2004, library `arch`).

An interval is estimate -+ critical value x standard error. The standard error is the bootstrap's own, in
closed form. The critical value is the larger of two 95% quantiles of |t|:

1. of the bootstrap (studentised: Goetze and Kuensch 1996, Goncalves and Vogelsang 2011): skewness, fat
   tails, changing volatility;
2. of trades with the same times and directions in a Brownian market: what blocks alone miss, because
   resampling cuts overlapping trades apart and because few blocks say little about the standard error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 1000
CELLS_A_HOLDING = 8
MOST_CELLS = 1000
STEPS_A_CELL = 4
AT_ONCE = 100  # resamples
STEPS_AT_ONCE = 5000  # of Brownian paths, shared by all policies of a backtest

Rows = TypeVar("Rows", range, np.ndarray)
DAY = np.timedelta64(1, "D")
Statistic = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(sums, counts), each [..., cells] -> value [...] and each cell's influence on it [..., cells]."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95% interval; unbounded where the data do not allow one.

    Attributes:
        value: the estimate, in the unit of the column or as an annual Sharpe ratio.
        low: lower end of the interval.
        high: upper end.
        standard_error: of the value.
        blocks: span of the data over the mean length of a block: roughly, independent periods.
        block_days: mean length of a block (calendar days; weekdays for the Sharpe ratio).
    """

    value: float
    low: float
    high: float
    standard_error: float
    blocks: float
    block_days: float

    def as_json(self) -> dict[str, float | None]:
        """The attributes, None for what is not finite."""
        return {k: v if math.isfinite(v) else None for k, v in asdict(self).items()}


def interval(
    statistic: Statistic,
    sums: np.ndarray,
    counts: np.ndarray,
    null: np.ndarray,
    floor: float,
    cell_days: float,
    resamples: int,
    seed: int,
) -> Estimate:
    """Estimate and interval of a statistic of cells.

    Args:
        statistic: see `Statistic`.
        sums: of results by cell.
        counts: of trades by cell.
        null: [resamples, cells] sums without any edge.
        floor: least mean length of a block, in cells.
        cell_days: length of a cell in days.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    from arch.bootstrap import optimal_block_length

    value, influence = statistic(sums, counts)
    cells = len(sums)
    block = max(math.ceil(floor), 1)
    if cells >= 4 * CELLS_A_HOLDING and influence.std() > 1e-9 * (1e-9 + np.abs(sums).max()):
        optimal = float(optimal_block_length(influence)["stationary"].iloc[0])
        block = max(block, math.ceil(optimal)) if math.isfinite(optimal) else block
    blocks = cells / block
    block = min(block, max(cells // 2, 1))
    if cells < 3:
        return Estimate(float(value), -math.inf, math.inf, math.inf, blocks, block * cell_days)

    spectrum = _spectrum(cells, block)
    error = float(_standard_error(influence, spectrum))
    rng = np.random.default_rng(seed)
    draws = (stationary_draws(cells, block, len(few), rng) for few in _few(range(resamples)))
    drawn = (statistic(sums[chosen], counts[chosen]) for chosen in draws)
    idle = (statistic(few, counts) for few in _few(null))
    critical = max(_critical(drawn, float(value), spectrum), _critical(idle, 0.0, spectrum))
    half = critical * error if error > 0 else 0.0
    low, high = float(value) - half, float(value) + half
    return Estimate(float(value), low, high, error, blocks, block * cell_days)


def stationary_draws(
    cells: int, block: float, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Cells of each resample of the stationary bootstrap (1994, section 2): int [resamples, cells].

    Each place continues its left neighbour's block with probability 1 - 1 / block, in a circle, and begins
    at a cell of its own otherwise. (`arch` draws the same, one resample at a time: three times as long.)

    Args:
        cells: how many there are.
        block: mean length of a block, in cells; at least 1.
        resamples: how many to draw.
        rng: the only source of randomness.
    """
    begins = rng.random((resamples, cells), dtype=np.float32) * block < 1
    begins[:, 0] = True
    at = np.flatnonzero(begins)
    first = rng.integers(cells, size=len(at))
    chosen = np.repeat(first - at, np.diff(at, append=begins.size)) + np.arange(begins.size)
    return np.where(chosen < cells, chosen, chosen - cells).reshape(begins.shape)


def _few(resamples: Rows) -> Iterator[Rows]:
    """Some at a time: what is computed of them stays in the processor's cache."""
    return (resamples[i : i + AT_ONCE] for i in range(0, len(resamples), AT_ONCE))


def _critical(
    resamples: Iterable[tuple[np.ndarray, np.ndarray]], truth: float, spectrum: np.ndarray
) -> float:
    """95% quantile of |t|; a resample without trades or variation counts as arbitrarily far off."""
    parts = []
    for values, influence in resamples:
        off = np.abs(values - truth)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = off / _standard_error(influence, spectrum)
        parts.append(np.where(off <= 1e-12, 0.0, np.nan_to_num(t, nan=math.inf, posinf=math.inf)))
    return float(np.quantile(np.concatenate(parts), CONFIDENCE, method="higher"))


def _spectrum(cells: int, block: int) -> np.ndarray:
    """Half the spectrum of the stationary bootstrap's weights of lags (1994, lemma 1)."""
    lag, stay = np.arange(cells), 1 - 1 / block
    weights = (1 - lag / cells) * stay**lag + lag / cells * stay ** (cells - lag)
    spectrum = np.fft.rfft(weights).real
    spectrum[1 : (cells + 1) // 2] *= 2  # each stands for its mirror image too
    return spectrum


def _standard_error(influence: np.ndarray, spectrum: np.ndarray) -> np.ndarray:
    """Exact standard deviation of the bootstrap of mean(influence): [..., cells] -> [...]."""
    cells = influence.shape[-1]
    waves = np.fft.rfft(influence, axis=-1)
    power = waves.real**2 + waves.imag**2
    return np.sqrt(np.maximum(power @ spectrum, 0)) / cells**1.5


def ratio(sums: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A `Statistic`: mean per trade, sum of sums over sum of counts."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = sums.sum(-1) / counts.sum(-1)
        influence = (sums - value[..., None] * counts) / counts.mean(-1)[..., None]
    return value, influence


def annual_sharpe_of_days(
    sums: np.ndarray, counts: np.ndarray, *, days_a_year: float
) -> tuple[np.ndarray, np.ndarray]:
    """A `Statistic`: annualised Sharpe ratio of cells that are days; `counts` play no part."""
    with np.errstate(divide="ignore", invalid="ignore"):
        deviation = sums.std(-1, ddof=1)
        value = sums.mean(-1) / deviation
        z = (sums - sums.mean(-1, keepdims=True)) / deviation[..., None]
        influence = z - value[..., None] * (z**2 - 1) / 2
    return value * math.sqrt(days_a_year), influence * math.sqrt(days_a_year)


def brownian_sums(
    first: np.ndarray,
    last: np.ndarray,
    direction: np.ndarray,
    cell: np.ndarray,
    cells: int,
    width: np.timedelta64,
    resamples: int,
    seed: int,
) -> np.ndarray:
    """Sums by cell of trades held from `first` to `last` in Brownian motion: [resamples, cells]."""
    from scipy.sparse import coo_array

    step = width / np.timedelta64(1, "s") / STEPS_A_CELL
    opened, closed = ((moment - first.min()) / np.timedelta64(1, "s") for moment in (first, last))
    bought, sold = (opened / step).astype(int), np.ceil(closed / step).astype(int)
    steps = int(sold.max()) + 1
    sign = np.concatenate([direction, -direction])
    rows, columns = np.tile(cell, 2), np.concatenate([sold, bought])
    earned = coo_array((sign, (rows, columns)), shape=(cells, steps)).tocsr()
    paths = _brownian_paths(-(-steps // STEPS_AT_ONCE) * STEPS_AT_ONCE, resamples, seed)
    return np.ascontiguousarray((earned @ paths[:steps]).T)


@lru_cache(maxsize=2)  # those of a verdict, and the fewer of its power
def _brownian_paths(steps: int, resamples: int, seed: int) -> np.ndarray:
    """Driftless markets: [steps, resamples]. More steps only extend the same paths."""
    noise = np.random.default_rng([seed, 1]).standard_normal((steps, resamples))
    return np.cumsum(noise, axis=0, out=noise)


def cells_of(entry: np.ndarray, holding: np.timedelta64) -> tuple[np.ndarray, int, np.timedelta64]:
    """Cell of each entry, number of cells and their width: an eighth of a holding, at most 1,000 cells."""
    span = entry.max() - entry.min() + np.timedelta64(1, "s")
    width = max(holding / CELLS_A_HOLDING, span / MOST_CELLS, np.timedelta64(1, "s"))
    cell = ((entry - entry.min()) / width).astype(int)
    return cell, int(cell.max()) + 1, width


def holding_time(entry: np.ndarray, last: np.ndarray) -> np.timedelta64:
    """Length of the trade that is open at a random time: sum of squares over sum."""
    seconds = (last - entry) / np.timedelta64(1, "s")
    total = seconds.sum()
    return np.timedelta64(int((seconds**2).sum() / total) if total > 0 else 0, "s")


def sums_by_cell(cell: np.ndarray, values: np.ndarray, cells: int) -> np.ndarray:
    """Sum of `values` [trades] in each cell: [cells]."""
    return np.bincount(cell, values, minlength=cells)
