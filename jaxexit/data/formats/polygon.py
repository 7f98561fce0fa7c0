"""Polygon (Massive): aggregates of its API (JSON) and its flat files (CSV).

API: `{"ticker", "results": [{"t", "o", "h", "l", "c", "v", "vw", "n"}]}`, `t` the bar's open in milliseconds.
Flat files: `ticker,volume,open,close,high,low,window_start,transactions`, nanoseconds, read by their header.
https://polygon.io/docs/rest/stocks/aggregates/custom-bars
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from jaxexit.data.formats.format import Format
from jaxexit.data.formats.source import EPOCHS, Source
from jaxexit.errors import DataError

_FIELDS = {
    "t": "time", "o": "open", "h": "high", "l": "low", "c": "close", "v": "volume", "vw": "vwap",
    "n": "trades",
}  # fmt: skip


def recognise(content: Any) -> bool:
    """Whether a JSON file's content is an answer with aggregates."""
    if not isinstance(content, dict):
        return False
    results = content.get("results")
    return isinstance(results, list) and ("ticker" in content or "resultsCount" in content)


def read(path: Path, content: Any) -> Source:
    """Bars of the price that was traded. Raises DataError where there are none."""
    if not content["results"]:
        raise DataError(f"{path}: Polygon's answer has no bars, ask for another range")
    table = pd.DataFrame(content["results"]).rename(columns=_FIELDS)
    remarks = ("the answer goes on on a next page",) if content.get("next_url") else ()
    name = f"Polygon aggregates ({content.get('ticker', '?')})"
    return Source(name, table, "UTC", EPOCHS, None, remarks)


FORMAT = Format("Polygon aggregates", recognise, read)
