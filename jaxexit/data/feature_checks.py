"""Features with little information in this market: clipped, or constant over decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jaxexit.data.features import Feature

if TYPE_CHECKING:
    import pandas as pd

CLIP = 10.0  # of `env.observation`
MOST = 0.01  # share of the decisions above which a warning is given
DECISIONS = 20_000  # sampled


def feature_warnings(
    features: tuple[Feature, ...], columns: np.ndarray, trades: pd.DataFrame, horizon: int
) -> tuple[str, ...]:
    """A line for each kind of problem, over uniformly sampled decisions of the training trades.

    Args:
        features: of the observation.
        columns: of the market, [T, F].
        trades: of the training split, with entry_bar and direction.
        horizon: decisions that a trade has at most.
    """
    random = np.random.default_rng(0)
    row = random.integers(len(trades), size=DECISIONS)
    entry = trades["entry_bar"].to_numpy(int)[row]
    now = entry + random.integers(horizon, size=DECISIONS)
    direction = trades["direction"].to_numpy(float)[row]
    clipped, constant = [], []
    for feature in features:
        column = columns[:, feature.column_index]
        # float64: a ratio or a rounding of what single precision just holds must not overflow
        values = column[entry if feature.at == "entry" else now].astype(float)
        if feature.ratio_to_entry:
            values = values / column[entry]
        size = np.abs(values)
        share = float((size >= CLIP).mean())
        if share > MOST:
            clipped.append(f"{feature.name} on {share:.0%}")
        shown = values * (direction if feature.directional else 1.0)
        most = np.unique(np.round(shown, 6), return_counts=True)[1].max()
        if most >= (1.0 - MOST) * DECISIONS:
            constant.append(feature.name)
    warnings = []
    if clipped:
        warnings.append(
            f"warning: clipped at {CLIP:g}, {', '.join(clipped)} of the training decisions: scale your own "
            "columns (scale in env.features), or set env.feature_scales: training"
        )
    if constant:
        warnings.append(
            f"warning: constant over 99% or more of the training decisions: {', '.join(constant)}: remove "
            "from env.features"
        )
    return tuple(warnings)
