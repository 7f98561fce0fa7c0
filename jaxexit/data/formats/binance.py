"""Binance: klines of data.binance.vision (CSV, with or without a header) and of its API (JSON).

Twelve columns: open time, open, high, low, close, volume, close time, quote volume, trades, taker buy volume,
taker buy quote volume, ignore. Stamps are opens in UTC: milliseconds, microseconds in spot files since 2025.
https://github.com/binance/binance-public-data
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jaxexit.data.formats.delimited import Head, read_delimited
from jaxexit.data.formats.format import Format
from jaxexit.data.formats.source import EPOCHS, Source
from jaxexit.data.sources import InMemory
from jaxexit.data.tables import Columns, table_of

NAMES = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "trades",
    "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip
FAMILY = "Binance klines"
_EPOCH, _NUMBER = r"\d{13}|\d{16}", r"\d+\.?\d*(?:[eE][+-]?\d+)?"


def recognise(head: Head) -> bool:
    """Whether the rows are klines without a header."""
    pattern = (_EPOCH, *[_NUMBER] * 5, _EPOCH, *[_NUMBER] * 5)
    return len(head.first) == len(NAMES) and head.all_rows(*pattern)


def read(path: Path, head: Head) -> Source:
    """Bars of the price that was traded: which side they are the user says."""
    return Source(FAMILY, read_delimited(path, head, names=NAMES), "UTC", EPOCHS)


def _recognise_table(columns: Columns) -> bool:
    if not columns.has("opentime", "open", "high", "low", "close", "closetime"):
        return False
    return "takerbuyvolume" in columns or "quotevolume" in columns or "quoteassetvolume" in columns


def _read_table(path: Path | InMemory, columns: Columns) -> Source:
    del path
    return Source(FAMILY, columns.table, "UTC", EPOCHS)


def _recognise_json(content: Any) -> bool:
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(row, list) and len(row) == len(NAMES) for row in content[:50])
    )


def _read_json(path: Path, content: Any) -> Source:
    del path
    return Source(FAMILY, table_of(content, NAMES), "UTC", EPOCHS)


FORMAT = Format(FAMILY, recognise, read)
TABLE = Format(FAMILY, _recognise_table, _read_table)
JSON = Format(FAMILY, _recognise_json, _read_json)
