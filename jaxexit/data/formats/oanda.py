"""OANDA: candles of its v20 API (JSON).

`{"instrument", "granularity", "candles": [{"time", "complete", "volume", "bid"|"ask"|"mid":
{"o","h","l","c"}}]}`; times RFC 3339 or seconds (UNIX), in UTC. A candle that is not complete is left out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from jaxexit.data.files.format import File, Format, Json, Layout
from jaxexit.data.files.source import LABELLED, Source
from jaxexit.data.tables import as_numbers
from jaxexit.errors import DataError
from jaxexit.limits import LAST_SECOND, not_of_a_market

_FIELDS = {"o": "open", "h": "high", "l": "low", "c": "close"}


def _sniff(json: Json) -> bool:
    content = json.content
    return isinstance(content, dict) and isinstance(content.get("candles"), list)


def _read(file: File, json: Json) -> Source:
    """Candles of whichever sides were asked for; both if both are there."""
    content = json.content
    candles = [candle for candle in content["candles"] if candle.get("complete", True)]
    left_out = len(content["candles"]) - len(candles)
    if not candles:
        raise DataError(f"{file}: no complete candle in it")
    present = {side for candle in candles for side in ("bid", "ask", "mid") if side in candle}
    sides = ("bid", "ask") if {"bid", "ask"} <= present else tuple(present)[:1]
    if not sides:
        raise DataError(f"{file}: candles without bid, ask or mid, ask for price=BA")
    table = pd.DataFrame({"time": [candle.get("time") for candle in candles]})
    seconds = as_numbers(pd.Series(table["time"]))
    if np.isfinite(seconds).all():
        far = np.abs(seconds) > LAST_SECOND
        if far.any():
            row = int(np.argmax(far))
            raise not_of_a_market(str(file), seconds[row], row)
        table["time"] = pd.DatetimeIndex((seconds * 1e9).astype("datetime64[ns]"), tz="UTC")
    for side in sides:
        for letter, field in _FIELDS.items():
            column = "" if side == "mid" else f"{side}_"
            table[column + field] = [candle.get(side, {}).get(letter) for candle in candles]
    table["volume"] = [candle.get("volume") for candle in candles]
    remarks = (f"{left_out:,} candles not complete, left out",) if left_out else ()
    if present > set(sides):
        remarks += ("mid not used beside bid and ask",)
    name = f"OANDA v20 ({content.get('instrument', '?')} {content.get('granularity', '?')})"
    return Source(name, table, side="mid" if sides == ("mid",) else None, remarks=remarks)


FORMAT = Format("OANDA v20", LABELLED, (Layout(Json, _sniff, _read),))
