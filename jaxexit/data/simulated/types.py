"""A simulated market: bars like the loader's, trades like a candidate table, and both on the device.

Prices lie near 1.0, so that a pip of 0.0001 is also about a ten-thousandth of the entry.

Rounding. Prices are made in float64 and are float32 on the device, in steps of 0.0006 pips below 1.0
and 0.0012 above. Rounding to nearest keeps order, so no bar has its close above its high, and an open
that equals the last close still does; each price is off by at most half a step, 0.0006 pips, to either
side. A mean over trades can therefore be off by no more than about that much. Exams judge means with
standard errors of 0.01 pips and more.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from jaxexit.data.bars import Bars, describe
from jaxexit.data.charges import FREE
from jaxexit.data.dataset import Dataset, device_trades
from jaxexit.data.entries import TABLE_COLUMNS, entry_side_closes
from jaxexit.data.features import Feature, feature_columns
from jaxexit.data.fingerprint import fingerprint_bars, fingerprint_trades
from jaxexit.data.market import build_market
from jaxexit.data.split import SPLITS
from jaxexit.data.types import Market, Trades, padded_size

LEVEL = 1.0  # price around which simulated markets live
PIP = 0.0001  # price units
FAR_PIPS = 5000.0  # distance of a stop that is never reached
START = np.datetime64("2000-01-03T00:00", "ns")  # a Monday


@dataclass(frozen=True)
class Simulated:
    """A market of T bars and the N trades entered in it, in order of entry."""

    bars: Bars
    trades: pd.DataFrame  # [N] rows, columns of `entries.TABLE_COLUMNS`
    horizon: int  # bars after the entry bar that belong to a trade
    # What no policy may see, a value for each trade: [N] each.
    hidden: dict[str, np.ndarray] = field(default_factory=dict)
    detail: np.ndarray | None = None  # finer bars inside the bars: see `data.detail.packed`


def bars_from_mid(
    mid: np.ndarray, spread: float | np.ndarray, times: np.ndarray, origin: str
) -> Bars:
    """`Bars` around mid prices.

    Args:
        mid: [T, 4] open, high, low, close.
        spread: price units, or [T]: the same throughout a bar.
        times: [T] datetime64[ns], UTC.
        origin: what the bars are, for the summary.

    The table's own column `deviation_pips` is the mid close's distance from `LEVEL`: a feature for
    markets where the level says something.
    """
    half = 0.5 * np.broadcast_to(np.asarray(spread, np.float64), len(mid))[:, None]
    return Bars(
        where=origin,
        times=times,
        bid=mid - half,
        ask=mid + half,
        pip=PIP,
        table=pd.DataFrame({"deviation_pips": (mid[:, 3] - LEVEL) / PIP}),
        origin=origin,
        widened=0,
    )


def enter(
    rng: np.random.Generator,
    bars: Bars,
    entry_bar: np.ndarray,
    direction: np.ndarray,
    stop_pips: tuple[float, ...],
) -> pd.DataFrame:
    """A candidate table: trades entered at the closes of `entry_bar` [N], stops away by a random choice.

    `direction` [N]: +1 long, -1 short. `stop_pips`: distances from the entry price, equally likely.
    """
    price = entry_side_closes(bars, entry_bar, direction)
    distance = bars.pip * rng.choice(np.asarray(stop_pips, np.float64), len(entry_bar))
    return pd.DataFrame(
        {
            "trade_id": np.arange(len(entry_bar)),
            "entry_bar": entry_bar,
            "entry_time": bars.times[entry_bar],
            "direction": direction,
            "entry_price": price,
            "stop": price - direction * distance,
            "target": np.nan,
            "exit_time": np.datetime64("NaT", "ns"),
            "exit_price": np.nan,
            "exit_reason": "",
        },
        columns=list(TABLE_COLUMNS),
    )


def directions(side: str, count: int) -> np.ndarray:
    """[count] of +1 for "long", -1 for "short", in turn for "both"."""
    turns = {"long": (1,), "short": (-1,), "both": (1, -1)}[side]
    return np.resize(np.array(turns), count)


def bridge_extremes(
    rng: np.random.Generator, start: np.ndarray, end: np.ndarray, deviation: float | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """High and low of a Brownian motion over one bar, given its two ends.

    By the reflection principle P(max >= h | ends) = exp(-2 (h - start) (h - end) / deviation^2) for
    h above both ends; solved for h with a uniform number in the probability's place. Whatever the
    drift, the law is the same. The low likewise, with a uniform number of its own: so each extreme
    is exact alone, and their joint law is not (a stop needs one side only).

    Args:
        rng: source of the uniform numbers.
        start: price at the bar's open, any shape; `end` at its close, the same shape.
        end: see `start`.
        deviation: standard deviation of a bar's move, price units, broadcast.

    Returns:
        (high, low), never inside [start, end].
    """
    width = np.square(end - start)
    reach = 2.0 * np.square(deviation)
    high, low = (np.sqrt(width - reach * np.log1p(-rng.random(np.shape(start)))) for _ in range(2))
    middle = start + end
    return (
        np.maximum(0.5 * (middle + high), np.maximum(start, end)),
        np.minimum(0.5 * (middle - low), np.minimum(start, end)),
    )


def device(simulated: Simulated, features: tuple[Feature, ...] = ()) -> tuple[Market, Trades]:
    """The market and all its trades as device arrays. `features`: see `data.resolve_features`."""
    columns, atr, _ = feature_columns(features, simulated.bars)
    market = build_market(simulated.bars, columns, atr, detail=simulated.detail)
    return market, device_trades(simulated.trades)


def to_dataset(
    simulated: Simulated,
    features: tuple[Feature, ...] = (),
    *,
    train: float = 0.70,
    validation: float = 0.15,
) -> Dataset:
    """The `Dataset` of a simulated market: for the whole pipeline, as if it had been read from files.

    Args:
        simulated: a market whose trades share no bars, so that splits need no purging.
        features: what the observation reads; see `data.resolve_features`.
        train: share of the trades in the first split.
        validation: share of the trades in the second; the rest is the test split.
    """
    market, _ = device(simulated, features)
    count = len(simulated.trades)
    first, second = int(train * count), int((train + validation) * count)
    pieces = (slice(0, first), slice(first, second), slice(second, count))
    tables = {
        name: simulated.trades.iloc[piece].reset_index(drop=True)
        for name, piece in zip(SPLITS, pieces, strict=True)
    }
    bars = simulated.bars
    return Dataset(
        market=market,
        times=bars.times,
        features=features,
        splits={name: device_trades(table) for name, table in tables.items()},
        tables=tables,
        unit=bars.unit,
        calendar=bars.calendar,
        charges=FREE,
        costs=None,
        market_description=bars.market.description,
        scales={},
        summary=(
            describe(bars),
            f"entries simulated: {count:,} trades of at most {simulated.horizon} bars",
            *(f"{name}: {len(table):,} trades" for name, table in tables.items()),
        ),
        fingerprint={
            "bars": fingerprint_bars(bars.times, bars.bid, bars.ask),
            "trades": fingerprint_trades(simulated.trades),
        },
        counts={},
        padded_to=padded_size(max(len(table) for table in tables.values())),
    )
