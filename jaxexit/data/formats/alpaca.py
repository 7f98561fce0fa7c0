"""Alpaca: bars of its market data API (JSON).

`{"bars": {"AAPL": [{"t", "o", "h", "l", "c", "v", "n", "vw"}]}}`, or `{"bars": [...], "symbol"}` of one
symbol; `t` is the bar's open, RFC 3339 in UTC. https://docs.alpaca.markets/reference/stockbars
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from jaxexit.data.formats.format import Format
from jaxexit.data.formats.source import LABELS, Source
from jaxexit.errors import DataError

_FIELDS = {
    "t": "time", "o": "open", "h": "high", "l": "low", "c": "close", "v": "volume", "vw": "vwap",
    "n": "trades",
}  # fmt: skip


def recognise(content: Any) -> bool:
    """Whether a JSON file's content is an answer with bars."""
    return isinstance(content, dict) and isinstance(content.get("bars"), dict | list)


def read(path: Path, content: Any) -> Source:
    """Bars of the price that was traded. Raises DataError for several symbols, and for none."""
    bars = content["bars"]
    symbols = bars if isinstance(bars, dict) else {str(content.get("symbol", "?")): bars}
    if len(symbols) != 1:
        some = ", ".join(list(symbols)[:4]) or "no symbol"
        raise DataError(f"{path}: bars of {some}, keep one symbol in a file")
    ((symbol, rows),) = symbols.items()
    if not rows:
        raise DataError(f"{path}: Alpaca's answer has no bars, ask for another range")
    table = pd.DataFrame(rows).rename(columns=_FIELDS)
    remarks = ("the answer goes on on a next page",) if content.get("next_page_token") else ()
    return Source(f"Alpaca bars ({symbol})", table, "UTC", LABELS, None, remarks)


FORMAT = Format("Alpaca bars", recognise, read)
