"""Made minutes and the hours that they make: one price path, seen twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from jaxexit.data.bars import Bars
from jaxexit.data.simulated.types import LEVEL, PIP, START, bridge_extremes
from jaxexit.data.ticks import bins, merge

MARKET = """\
description: hours and their minutes
data: {{bars: '{h1}', detail: '{m1}', price_side: mid, entries: trades, trades: '{trades}', warmup: 60}}
env: {{max_bars: 20}}
costs: {{spread_pips: 0.5}}
ppo: {{num_envs: 4, num_steps: 64, minibatch_size: 64, num_epochs: 2, total_timesteps: 512}}
network: {{hidden_sizes: [16]}}
"""
HOUR, MINUTE = np.timedelta64(1, "h"), np.timedelta64(1, "m")


def minutes(seed: int, hours: int, *, pips: float = 0.7, each: int = 60) -> np.ndarray:
    """Mid OHLC [hours x each, 4] of a Brownian motion, a martingale; `pips`: deviation of one bar's move."""
    rng = np.random.default_rng(seed)
    close = LEVEL + pips * PIP * rng.standard_normal(hours * each).cumsum()
    opened = np.concatenate([[LEVEL], close[:-1]])
    high, low = bridge_extremes(rng, opened, close, pips * PIP)
    return np.stack([opened, high, low, close], axis=1)


def times_of(bars: int, step: np.timedelta64 = MINUTE) -> np.ndarray:
    """Opens of so many bars in a row."""
    return START + np.arange(bars) * step.astype("timedelta64[ns]")


def hours_of(mid: np.ndarray, spread: float = 0.0, step: np.timedelta64 = MINUTE) -> Bars:
    """The hours that finer bars [N, 4] of mid prices make, with a constant spread in price units."""
    opens, starts = bins(times_of(len(mid), step), HOUR)
    whole = merge(mid, starts)
    return Bars(
        where="made",
        times=opens,
        bid=whole - spread / 2,
        ask=whole + spread / 2,
        pip=PIP,
        table=pd.DataFrame(),
        origin="made",
        widened=0,
    )


def table_of(prices: np.ndarray, times: np.ndarray, prefix: str = "") -> pd.DataFrame:
    """A bar file's table of one side [T, 4]."""
    table = pd.DataFrame(prices, columns=[f"{prefix}{f}" for f in ("open", "high", "low", "close")])
    table.insert(0, "time", pd.DatetimeIndex(times, tz="UTC"))
    return table


def write_market(folder: Path, hours: int, *, seed: int = 0, every: int = 2) -> Path:
    """Hours, their minutes with some jumps, and a list of trades with near stops and targets; a YAML file."""
    rng = np.random.default_rng(seed)
    mid = minutes(seed, hours)
    jumps = np.where(rng.random(len(mid)) < 0.01, 3 * PIP * rng.standard_normal(len(mid)), 0.0)
    mid = (mid + jumps.cumsum()[:, None]).round(6)
    bars = hours_of(mid)
    entry = np.arange(60, hours - 30, every)
    side = rng.choice([1, -1], len(entry))
    price = bars.bid[entry, 3]
    trades = pd.DataFrame(
        {
            "entry_time": pd.DatetimeIndex(bars.times[entry], tz="UTC"),
            "direction": np.where(side > 0, "long", "short"),
            "stop": price - side * 3.5 * PIP,
            "target": price + side * 3.5 * PIP,
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    names = {name: folder / f"eurusd_{name}.csv" for name in ("h1", "m1", "trades")}
    table_of(bars.bid, bars.times).to_csv(names["h1"], index=False)
    table_of(mid, times_of(len(mid))).to_csv(names["m1"], index=False)
    trades.to_csv(names["trades"], index=False)
    yaml = folder / "v1_finer.yaml"
    yaml.write_text(MARKET.format(**names))
    return yaml
