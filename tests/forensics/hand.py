"""A few bars and trades whose every number can be worked out on paper; and the same in a mirror."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from jaxexit.diagnosing import diagnose
from jaxexit.forensics import Diagnosis

FIRST = 40  # bars before the story, for the ATR
PIP = 0.0001
# Bid, from the bar in whose close the trade is entered on: open, high, low, close. The ask is a pip above.
STORY = (
    (1.0999, 1.1001, 1.0997, 1.0999),
    (1.0999, 1.1006, 1.0997, 1.1004),
    (1.1004, 1.1012, 1.1001, 1.1002),
    (1.1002, 1.1030, 1.0988, 1.0995),
    (1.0995, 1.1008, 1.0993, 1.1006),
    (1.1006, 1.1025, 1.1004, 1.1022),
)
QUIET = (1.0999, 1.1001, 1.0997, 1.0999)
AFTERWARDS = (1.1022, 1.1023, 1.1021, 1.1022)
START = pd.Timestamp("2024-03-04 06:00")


def bars(story: tuple = STORY, *, count: int = 130) -> pd.DataFrame:
    """Bars of 15 minutes with both sides: quiet ones, the story, and its last price."""
    after = count - FIRST - len(story)
    rows = np.array([QUIET] * FIRST + list(story) + [AFTERWARDS] * after)
    table = pd.DataFrame({"time": pd.date_range(START, periods=len(rows), freq="15min")})
    for i, name in enumerate(("open", "high", "low", "close")):
        table[f"bid_{name}"], table[f"ask_{name}"] = rows[:, i], rows[:, i] + PIP
    return table


def time_of(bar: int) -> Any:
    """Open of a bar of the story, counted from the entry's."""
    return START + pd.Timedelta(minutes=15) * (FIRST + bar)


def trade(**changed: Any) -> dict[str, Any]:
    """A long, bought at 1.1000 with a risk of 10 pips, stopped out in the third bar after."""
    return {
        "entry_time": time_of(0),
        "direction": 1,
        "entry_price": 1.1000,
        "sl": 1.0990,
        "tp": 1.1020,
        "exit_time": time_of(3),
        "exit_price": 1.0990,
        "exit_reason": "SL",
    } | changed


def mirrored_bars(table: pd.DataFrame) -> pd.DataFrame:
    """Prices p become 2.2 - p: bids become asks, highs lows."""
    other = pd.DataFrame({"time": table["time"]})
    for side, theirs in (("bid", "ask"), ("ask", "bid")):
        for name, its in (("open", "open"), ("high", "low"), ("low", "high"), ("close", "close")):
            other[f"{side}_{name}"] = 2.2 - table[f"{theirs}_{its}"]
    return other


def mirrored(one: dict[str, Any]) -> dict[str, Any]:
    """The same trade in the mirror: a short."""
    prices = {name: 2.2 - one[name] for name in ("entry_price", "sl", "tp", "exit_price")}
    return one | prices | {"direction": -one["direction"]}


def diagnosed(
    *trades: dict[str, Any], story: tuple = STORY, overrides: Any = (), **more: Any
) -> Diagnosis:
    """The trades on the story's bars."""
    texts = [*overrides, "data.bars=EURUSD", "data.filled_at=bar_close"]
    return diagnose(pd.DataFrame(trades), bars(story), overrides=texts, **more)


def ratio_values(found: Diagnosis) -> dict[str, Any]:
    """Values of the ratios, by key."""
    return {ratio.key: ratio.value for ratio in found.ratio_list}
