"""Whether a model's bars are like the real ones: the same statistics of both, side by side."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import kurtosis, skew

from jaxexit.truth.ceiling.scene import Path
from jaxexit.truth.ceiling.source import Source

BPS = 1e4
LAGS = (1, 2, 5, 10, 24)  # bars


class Check(NamedTuple):
    """A statistic of bars: of the real ones, of the model's, and how far equal data would differ."""

    name: str
    bars: float
    model: float
    error: float | None  # standard error of the difference, None: not estimated


class Spread(NamedTuple):
    """Mean spread by hour of the New York day, [24] bps; nan where there are no bars."""

    bars: np.ndarray
    model: np.ndarray


def _statistics(bars: np.ndarray) -> dict[str, float]:
    """Statistics of bars [5, B, N]: open, high, low, close, half spread, shares; spans of B that follow."""
    opened, high, low, close, half = bars
    change, body = close, close - opened
    found = {
        "standard deviation of a bar's change (bps)": BPS * change.std(),
        "skewness": float(skew(change.ravel())),
        "kurtosis": float(kurtosis(change.ravel(), fisher=False)),
        "mean range, high to low (bps)": BPS * (high - low).mean(),
        "mean body over mean range": np.abs(body).mean() / max((high - low).mean(), 1e-12),
        "autocorrelation of changes, lag 1": _autocorrelation(change, 1),
    }
    squares = np.minimum(change**2, np.quantile(change**2, 0.999))
    for lag in LAGS:
        if lag < len(change) - 2:
            found[f"autocorrelation of squares, lag {lag}"] = _autocorrelation(squares, lag)
    mean, long = _runs(change)
    found["mean run of one direction (bars)"] = mean
    found["share of bars in runs of 5 or more"] = long
    gaps = np.abs(opened)
    found["mean gap at the open (bps)"] = BPS * gaps.mean()
    found["gap, 99th percentile (bps)"] = BPS * float(np.quantile(gaps, 0.99))
    found["gap, 99.9th percentile (bps)"] = BPS * float(np.quantile(gaps, 0.999))
    found["mean spread (bps)"] = 2 * BPS * half.mean()
    found["spread, 99th percentile (bps)"] = 2 * BPS * float(np.quantile(half, 0.99))
    return {name: float(value) for name, value in found.items()}


def _autocorrelation(values: np.ndarray, lag: int) -> float:
    """Of [B, N] spans."""
    values = values - values.mean()
    return float((values[lag:] * values[:-lag]).mean() / max(np.square(values).mean(), 1e-30))


def _runs(change: np.ndarray) -> tuple[float, float]:
    """Mean length of runs of one sign in [B, N] spans, and the share of bars in runs of 5 or more."""
    rises = change > 0
    lengths = []
    for column in rises.T:
        turns = np.flatnonzero(np.diff(column)) + 1
        lengths.append(np.diff(np.concatenate([[0], turns, [len(column)]])))
    every = np.concatenate(lengths)
    return float(every.mean()), float(every[every >= 5].sum() / every.sum())


def checks(
    source: Source, path: Path, entry_bar: np.ndarray, hours: np.ndarray
) -> tuple[list[Check], Spread]:
    """The model's bars against the real ones after the same entries.

    Args:
        source: the real bars.
        path: the simulated trades' bars.
        entry_bar: [N] the entries' rows of the data.
        hours: [T] hour of the New York day of each bar of the data.
    """
    made = np.stack([np.asarray(leaf, float) for leaf in path.moves])  # [5, H, N]
    length = made.shape[1]
    # A source's bar i is row i + 1 of the data: the bar after entry e is its bar e.
    rows = np.minimum(
        entry_bar + np.arange(length)[:, None], len(source.close) - 1
    )  # [H, N], a later trade may end after the part that is fitted
    names = ("open", "high", "low", "close", "half")
    real = np.stack([getattr(source, name)[rows] for name in names])
    of_real, of_model = _statistics(real), _statistics(made)
    errors = _errors(real, np.argsort(entry_bar))
    found = [
        Check(name, value, of_model[name], errors.get(name)) for name, value in of_real.items()
    ]
    at = hours[rows + 1]
    return found, Spread(_by_hour(real[4], at), _by_hour(made[4], at))


def _errors(real: np.ndarray, order: np.ndarray, pieces: int = 8) -> dict[str, float]:
    """Standard errors of the real bars' statistics: trades in order of entry, in pieces."""
    parts = np.array_split(real[:, :, order], pieces, axis=2)
    each = [_statistics(part) for part in parts if part.shape[2] > 2]
    return {
        name: float(np.std([found[name] for found in each], ddof=1) / len(each) ** 0.5)
        for name in each[0]
    }


def _by_hour(half: np.ndarray, hour: np.ndarray) -> np.ndarray:
    count = np.bincount(hour.ravel(), minlength=24)
    total = np.bincount(hour.ravel(), half.ravel(), 24)
    return np.where(count > 0, 2 * BPS * total / np.maximum(count, 1), np.nan)
