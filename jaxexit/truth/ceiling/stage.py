"""Simulated paths as a data set: bars, trades and splits, which the environment and every policy play."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxexit.arrays import on_device
from jaxexit.config import Experiment
from jaxexit.data import Dataset
from jaxexit.data.bars import Bars
from jaxexit.data.entries import TABLE_COLUMNS
from jaxexit.data.features import Feature, feature_columns
from jaxexit.data.simulated.types import START, Simulated, to_dataset
from jaxexit.truth.ceiling.scene import Path, laid_out

MINUTE = np.timedelta64(60_000_000_000, "ns")


class History(NamedTuple):
    """What stands before the simulated bars, and what of the real ones after the entry is kept.

    Attributes:
        bars: whose pip, unit and calendar the simulated bars have.
        before: [N, L, 5] up to the entry bar: mid open, high, low, close, and spread; price units.
        rows: [N, L + H] the real bars at whose times the bars stand; None: no clock is kept.
        side: [N] +1 or -1.
        stop: [N] price.
        target: [N] price, nan where there is none.
    """

    bars: Bars
    before: np.ndarray
    rows: np.ndarray | None
    side: np.ndarray
    stop: np.ndarray
    target: np.ndarray


def staged(
    experiment: Experiment,
    history: History,
    path: Path,
    features: tuple[Feature, ...],
    real: Dataset | None,
    tuning: int,
) -> Dataset:
    """The data set of some paths.

    Its training split are the first `tuning` trades, its test split all others but one.

    Args:
        experiment: whose costs and horizon.
        history: of the N trades.
        path: of the same.
        features: of the observation; none may be a column of the user's.
        real: the experiment's own data: nights, funding and sessions are theirs; None: there are none.
        tuning: trades to tune simple rules on.
    """
    mid, spread = laid_out(path, history.before)
    count, lead = history.before.shape[:2]
    length = lead + experiment.env.max_bars
    half = 0.5 * spread[:, None]
    bars = replace(
        history.bars,
        where="simulated bars",
        times=START + np.arange(len(mid)) * MINUTE,
        bid=mid - half,
        ask=mid + half,
        table=pd.DataFrame(index=range(len(mid))),
        origin="simulated",
        remarks=(),
    )
    entry = np.arange(count) * length + lead - 1
    rows = np.arange(len(mid)) if history.rows is None else history.rows.ravel()
    times = bars.times if real is None else real.times[rows]
    own = np.where(history.side > 0, bars.ask[entry, 3], bars.bid[entry, 3])
    table = pd.DataFrame(
        {
            "trade_id": np.arange(count),
            "entry_bar": entry,
            "entry_time": times[entry],
            "direction": history.side,
            "entry_price": own,
            "stop": history.stop,
            "target": history.target,
            "exit_time": np.datetime64("NaT", "ns"),
            "exit_price": np.nan,
            "exit_reason": "",
        },
        columns=list(TABLE_COLUMNS),
    )
    made = to_dataset(
        Simulated(bars, table, experiment.env.max_bars),
        train=(tuning + 0.5) / count,
        validation=1.0 / count,
    )
    timed = replace(bars, times=times)
    columns, _, _ = feature_columns(features, timed)
    kept: dict[str, Any] = {"features": columns}
    if real is not None:
        for name in ("nights", "nights_inside", "carry", "carry_inside", "flat"):
            leaf = getattr(real.market, name)
            kept[name] = None if leaf is None else np.asarray(leaf)[rows]
    market = made.market._replace(**on_device(kept))
    given = {} if real is None else {"charges": real.charges, "costs": real.costs}
    return replace(made, market=market, times=times, features=features, **given)
