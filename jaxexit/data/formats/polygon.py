"""Polygon (Massive): aggregates of its API (JSON) and its flat files (CSV).

API: `{"ticker", "results": [{"t", "o", "h", "l", "c", "v", "vw", "n"}]}`, `t` the bar's open in milliseconds.
Flat files: `ticker,volume,open,close,high,low,window_start,transactions`, nanoseconds, read by their header.
https://polygon.io/docs/rest/stocks/aggregates/custom-bars
"""

from __future__ import annotations

import pandas as pd

from jaxexit.data.files.format import File, Format, Json, Layout
from jaxexit.data.files.source import EPOCHS, Source
from jaxexit.data.formats.alpaca import FIELDS
from jaxexit.errors import DataError


def _sniff(json: Json) -> bool:
    content = json.content
    if not isinstance(content, dict):
        return False
    results = content.get("results")
    return isinstance(results, list) and ("ticker" in content or "resultsCount" in content)


def _read(file: File, json: Json) -> Source:
    """Bars of the price that was traded. Raises DataError where there are none."""
    content = json.content
    if not content["results"]:
        raise DataError(f"{file}: Polygon's answer has no bars, ask for another range")
    table = pd.DataFrame(content["results"]).rename(columns=FIELDS)
    remarks = (
        ("the response has further pages, which are not in this file",)
        if content.get("next_url")
        else ()
    )
    name = f"Polygon aggregates ({content.get('ticker', '?')})"
    return Source(name, table, remarks=remarks)


FORMAT = Format("Polygon", EPOCHS, (Layout(Json, _sniff, _read),))
