"""ccxt: candles of any exchange, `[milliseconds, open, high, low, close, volume]`, as JSON or as rows.

freqtrade keeps its candles this way too. Rows without a header are taken only where each bar's high and low
enclose its open and close: other programs order the prices differently.
https://docs.ccxt.com/#/?id=ohlcv-structure
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from jaxexit.data.formats.delimited import Head, read_delimited
from jaxexit.data.formats.format import Format
from jaxexit.data.formats.source import EPOCHS, Source

NAMES = ("time", "open", "high", "low", "close", "volume")
FAMILY = "ccxt candles"
_EPOCH, _NUMBER = r"\d{10}|\d{13}|\d{16}", r"\d+\.?\d*(?:[eE][+-]?\d+)?"


def recognise(head: Head) -> bool:
    """Whether the rows are candles without a header."""
    if len(head.first) not in (5, 6) or not head.all_rows(_EPOCH, *[_NUMBER] * 4):
        return False
    prices = [[float(cell) for cell in row[1:5]] for row in head.rows]
    return all(low <= min(o, c) and high >= max(o, c) for o, high, low, c in prices)


def read(path: Path, head: Head) -> Source:
    """Bars of the price that was traded: which side they are the user says."""
    table = read_delimited(path, head, names=NAMES[: len(head.first)])
    return Source(FAMILY, table, "UTC", EPOCHS)


def _recognise_json(content: Any) -> bool:
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


def _read_json(path: Path, content: Any) -> Source:
    del path
    names = list(NAMES[: min(len(row) for row in content)])
    table = pd.DataFrame([row[: len(names)] for row in content], columns=names)
    return Source(FAMILY, table, "UTC", EPOCHS)


FORMAT = Format(FAMILY, recognise, read)
JSON = Format(FAMILY, _recognise_json, _read_json)
