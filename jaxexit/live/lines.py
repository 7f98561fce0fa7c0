"""What a line may say: read strictly, or refused with what was expected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from jaxexit.errors import DataError
from jaxexit.live.entering import WaitingTrade

BLANK = {"entry_price": np.nan, "stop": np.nan, "target": np.nan, "exit_price": np.nan}


def described(trade: Mapping[str, Any]) -> WaitingTrade:
    """A trade from its description.

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
        time = pd.Timestamp(trade["entry_time"])
        prices = {key: float(trade.get(key, blank)) for key, blank in BLANK.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(str(error)) from None
    if not isinstance(time, pd.Timestamp):
        raise DataError("entry_time is no time")
    time = (time if time.tz is None else time.tz_convert("UTC").tz_localize(None)).as_unit("ns")
    return WaitingTrade(
        str(trade["trade"]),
        time.to_datetime64(),
        1 if trade["direction"] == "long" else -1,
        prices["entry_price"],
        prices["stop"],
        prices["target"],
    )
