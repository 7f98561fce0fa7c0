"""Alpaca: bars of its market data API (JSON).

`{"bars": {"AAPL": [{"t", "o", "h", "l", "c", "v", "n", "vw"}]}}`, or `{"bars": [...], "symbol"}` of one
symbol; `t` is the bar's open, RFC 3339 in UTC. https://docs.alpaca.markets/reference/stockbars
"""

from __future__ import annotations

import pandas as pd

from jaxexit.data.files.format import File, Format, Json, Layout
from jaxexit.data.files.source import LABELLED, Source
from jaxexit.errors import DataError

FIELDS = {
    "t": "time", "o": "open", "h": "high", "l": "low", "c": "close", "v": "volume", "vw": "vwap",
    "n": "trades",
}  # fmt: skip


def _sniff(file: Json) -> bool:
    content = file.content
    return isinstance(content, dict) and isinstance(content.get("bars"), dict | list)


def _read(file: File, json: Json) -> Source:
    """Bars of the price that was traded. Raises DataError for several symbols, and for none."""
    content, bars = json.content, json.content["bars"]
    symbols = bars if isinstance(bars, dict) else {str(content.get("symbol", "?")): bars}
    if len(symbols) != 1:
        some = ", ".join(list(symbols)[:4]) or "no symbol"
        raise DataError(f"{file}: bars of {some}, keep one symbol in a file")
    ((symbol, rows),) = symbols.items()
    if not rows:
        raise DataError(f"{file}: Alpaca's answer has no bars, ask for another range")
    table = pd.DataFrame(rows).rename(columns=FIELDS)
    remarks = (
        ("the response has further pages, which are not in this file",)
        if content.get("next_page_token")
        else ()
    )
    return Source(f"Alpaca bars ({symbol})", table, remarks=remarks)


FORMAT = Format("Alpaca", LABELLED, (Layout(Json, _sniff, _read),))
