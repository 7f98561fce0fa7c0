"""ccxt: candles of any exchange, `[milliseconds, open, high, low, close, volume]`, as JSON or as rows.

freqtrade keeps its candles this way too. Rows without a header are taken only where each bar's high and low
enclose its open and close: other programs order the prices differently.
https://docs.ccxt.com/#/?id=ohlcv-structure
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from jaxexit.data.files.delimited import Head, read_delimited
from jaxexit.data.files.format import File, Format, Json, Layout
from jaxexit.data.files.source import EPOCHS, Source

NAMES = ("time", "open", "high", "low", "close", "volume")
FAMILY = "ccxt candles"
_EPOCH, _NUMBER = r"\d{10}|\d{13}|\d{16}", r"\d+\.?\d*(?:[eE][+-]?\d+)?"


def _is_rows(head: Head) -> bool:
    if len(head.first) not in (5, 6) or not head.all_rows(_EPOCH, *[_NUMBER] * 4):
        return False
    prices = [[float(cell) for cell in row[1:5]] for row in head.rows]
    return all(low <= min(o, c) and high >= max(o, c) for o, high, low, c in prices)


def _read_rows(file: Path, head: Head) -> Source:
    table = read_delimited(file, head, names=NAMES[: len(head.first)])
    return Source(FAMILY, table)


def _is_json(json: Json) -> bool:
    content = json.content
    return (
        isinstance(content, list)
        and bool(content)
        and all(
            isinstance(row, list)
            and len(row) in (5, 6)
            and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in row)
            for row in content
        )
    )


def _read_json(file: File, json: Json) -> Source:
    del file
    content = json.content
    names = list(NAMES[: min(len(row) for row in content)])
    table = pd.DataFrame([row[: len(names)] for row in content], columns=names)
    return Source(FAMILY, table)


FORMAT = Format(
    "ccxt", EPOCHS, (Layout(Head, _is_rows, _read_rows), Layout(Json, _is_json, _read_json))
)
