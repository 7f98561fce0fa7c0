"""`benchmark backtest`: the classical exits of backtesting.py, timed and compared with ours."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.peers.backtesting_py import LONG, SHORT, replay
from jaxexit.benchmark.timing import Timing, timed
from jaxexit.data import Dataset


def against(dataset: Dataset, ours: pd.DataFrame, horizon: int) -> tuple[Timing, float]:
    """Seconds of backtesting.py on the classical exits, and the share that it closes in the same bar as we.

    It knows one side of the book: longs leave on the bid bars, shorts on the ask bars, in two runs that are
    timed together. It gets the test split's bars only.
    """
    table = dataset.tables["test"]
    first = int(table["entry_bar"].to_numpy().min()) - 1
    orders = table.filter(["entry_bar", "direction", "stop", "target"])
    orders["entry_bar"] -= first
    market = dataset.market
    sides = {LONG: np.asarray(market.bid, float), SHORT: np.asarray(market.ask, float)}

    def run() -> pd.DataFrame:
        parts = [
            replay(side[first:], orders.loc[orders["direction"] == way], horizon, at_close=False)
            for way, side in sides.items()
        ]
        return pd.concat(parts).loc[orders.index]

    runs = [timed(run) for _ in range(2)]
    theirs = runs[-1][1]["exit_bar"].to_numpy() + first
    exits = np.searchsorted(dataset.times, ours["exit_time"].dt.tz_localize(None).to_numpy())
    return Timing(tuple(seconds for seconds, _ in runs)), float((theirs == exits).mean())
