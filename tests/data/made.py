"""Made bars, files and experiments for the tests of the room `data`."""

from pathlib import Path

import numpy as np
import pandas as pd

from jaxexit.config import Experiment, load_experiment
from jaxexit.data.bars import Bars

START = np.datetime64("2022-01-03T00:00", "ns")  # a Monday
PIP = 0.0001


def walk(seed: int, rows: int, *, pips: float = 4.0, price: float = 1.1) -> np.ndarray:
    """OHLC [rows, 4] of a driftless walk: open is the last close, extremes lie beyond both."""
    rng = np.random.default_rng(seed)
    close = price + PIP * pips * rng.standard_normal(rows).cumsum()
    opened = np.concatenate([[price], close[:-1]])
    reach = PIP * pips * rng.exponential(0.5, (2, rows))
    high, low = np.maximum(opened, close) + reach[0], np.minimum(opened, close) - reach[1]
    return np.stack([opened, high, low, close], axis=1)


def quarter_hours(rows: int) -> np.ndarray:
    """Opens of `rows` bars of 15 minutes, without weekends."""
    return START + np.arange(rows) * np.timedelta64(15, "m")


def bars_of(bid: np.ndarray, spread: float = 1.3 * PIP, times: np.ndarray | None = None) -> Bars:
    """Bars with a constant spread (price units) on given bid prices [T, 4]."""
    return Bars(
        where="made",
        times=quarter_hours(len(bid)) if times is None else times,
        bid=bid,
        ask=bid + spread,
        pip=PIP,
        table=pd.DataFrame(),
        origin="made",
        widened=0,
    )


def bar_table(seed: int = 0, rows: int = 1500) -> pd.DataFrame:
    """A bar file's table: time (UTC), open, high, low, close, to five digits."""
    prices = walk(seed, rows).round(5)
    prices[:, 1] = prices.max(axis=1)
    prices[:, 2] = prices.min(axis=1)
    table = pd.DataFrame(prices, columns=["open", "high", "low", "close"])
    table.insert(0, "time", pd.DatetimeIndex(quarter_hours(rows)).tz_localize("UTC"))
    return table


def write_bars(folder: Path, table: pd.DataFrame | None = None, name: str = "eurusd.csv") -> Path:
    """A bar file of mid prices."""
    path = folder / name
    (bar_table() if table is None else table).to_csv(path, index=False)
    return path


def experiment(folder: Path, *overrides: str, bars: Path | str | None = None) -> Experiment:
    """An experiment on a made bar file (mid), with overrides as on the command line."""
    path = folder / "v1_made.yaml"
    path.write_text("description: made\nhypothesis: none\nenv: {max_bars: 20}\n")
    bars = write_bars(folder) if bars is None else bars
    side = "auto" if bars == "sample" else "mid"
    return load_experiment(
        path, [f"data.bars={bars}", f"data.price_side={side}", "data.warmup=100", *overrides]
    )
