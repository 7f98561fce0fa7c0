"""Binance: klines of data.binance.vision (CSV, with or without a header) and of its API (JSON).

Twelve columns: open time, open, high, low, close, volume, close time, quote volume, trades, taker buy volume,
taker buy quote volume, ignore. Stamps are opens in UTC: milliseconds, microseconds in spot files since 2025.
https://github.com/binance/binance-public-data
"""

from __future__ import annotations

from pathlib import Path

from jaxexit.data.files.delimited import Head, read_delimited
from jaxexit.data.files.format import File, Format, Json, Layout
from jaxexit.data.files.source import EPOCHS, Source
from jaxexit.data.tables import Columns, table_of

NAMES = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "trades",
    "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip
FAMILY = "Binance klines"
_EPOCH, _NUMBER = r"\d{13}|\d{16}", r"\d+\.?\d*(?:[eE][+-]?\d+)?"


def _is_rows(head: Head) -> bool:
    pattern = (_EPOCH, *[_NUMBER] * 5, _EPOCH, *[_NUMBER] * 5)
    return len(head.first) == len(NAMES) and head.all_rows(*pattern)


def _read_rows(file: Path, head: Head) -> Source:
    return Source(FAMILY, read_delimited(file, head, names=NAMES))


def _is_table(columns: Columns) -> bool:
    if not columns.has("opentime", "open", "high", "low", "close", "closetime"):
        return False
    return "takerbuyvolume" in columns or "quotevolume" in columns or "quoteassetvolume" in columns


def _read_table(file: File, columns: Columns) -> Source:
    del file
    return Source(FAMILY, columns.table)


def _is_json(json: Json) -> bool:
    content = json.content
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(row, list) and len(row) == len(NAMES) for row in content[:50])
    )


def _read_json(file: File, json: Json) -> Source:
    del file
    return Source(FAMILY, table_of(json.content, NAMES))


FORMAT = Format(
    "Binance",
    EPOCHS,
    (
        Layout(Head, _is_rows, _read_rows),
        Layout(Columns, _is_table, _read_table),
        Layout(Json, _is_json, _read_json),
    ),
)
