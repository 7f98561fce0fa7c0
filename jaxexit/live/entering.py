"""A trade to be followed: read from its description, and placed among the bars fed so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from jaxexit.config import Experiment
from jaxexit.data.entries import exit_side_closes, priced, tradable
from jaxexit.data.matching import match_bars
from jaxexit.data.times import to_utc
from jaxexit.errors import DataError
from jaxexit.limits import HELD, is_held
from jaxexit.live.feed import Feed

BLANK = {"entry_price": np.nan, "stop": np.nan, "target": np.nan, "exit_price": np.nan}


def described(trade: Mapping[str, Any]) -> tuple[np.datetime64, pd.DataFrame]:
    """When a trade is entered (UTC), and its row as `data.trades.load_trades` has it.

    Args:
        trade: `trade` (its name), `entry_time` (as in a file), `direction` ("long" or "short"), and if there
            are any `entry_price`, `stop`, `target`.

    Raises:
        DataError: something is missing, or of no use.
    """
    odd = sorted(set(trade) - {"trade", "entry_time", "direction", *BLANK})
    if odd:
        raise DataError(f"unknown key {odd[0]!r}")
    if not trade.get("trade") or trade.get("direction") not in ("long", "short"):
        raise DataError("needs a name (trade) and a direction: long or short")
    try:
        time = to_utc(pd.Series([trade["entry_time"]]), "UTC", "entry_time")[0]
        prices = {key: float(trade.get(key, blank)) for key, blank in BLANK.items()}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(str(error)) from None
    for key, price in prices.items():
        if not np.isnan(price) and not is_held(price):
            raise DataError(f"{key} is {price:g}, which single precision does not hold ({HELD})")
    row = pd.DataFrame(
        {
            "direction": [1 if trade["direction"] == "long" else -1],
            "entry_time": [time],
            "exit_time": [pd.NaT],
            **{key: [value] for key, value in prices.items()},
        }
    )
    return time, row


def placed(row: pd.DataFrame, feed: Feed, experiment: Experiment) -> tuple[pd.DataFrame, int]:
    """A trade with prices, stop and target as a backtest would give it, and its bar of decision 0.

    Args:
        row: as `data.trades.load_trades` has it.
        feed: the bars so far, its entry's among them.
        experiment: how entries are filled.

    Raises:
        DataError: a backtest would leave it out, and why.
    """
    given, filled_at = experiment.env.entry_fill == "given", experiment.data.filled_at
    bars = feed.bars()
    _, first = feed.rows()
    bar, astray, _ = match_bars(row, bars, "the trade", filled_at, experiment.data.align)
    if given and astray.any():
        raise DataError("has a given price outside its bar")
    if filled_at == "bar_open":
        bar = np.maximum(bar - 1, 0)
    trade = priced(
        row,
        bar,
        bars,
        feed.atr(),
        given=given,
        stop_atr=experiment.env.initial_stop_atr,
        filled_at=filled_at,
    )
    at_close = experiment.env.entry_fill != "next_open" and "given_fill" not in trade
    sound, counts = tradable(trade, first, exit_side_closes(bars, trade) if at_close else None)
    if sound.empty:
        reason = next(reason for reason, count in counts.items() if count)
        raise DataError(f"is one of those that {reason}")
    return sound, int(bar[0])
