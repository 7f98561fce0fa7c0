"""Bybit: klines of its API (JSON, or saved as rows) and of public.bybit.com/kline_for_metatrader4.

The API's rows are start time (milliseconds, UTC), open, high, low, close, volume, turnover, the newest first.
Those for MetaTrader are `2024.01.02 10:00,open,high,low,close,volume` without a header, in UTC+3; the same
layout without Bybit's name (`BTCUSDT_15_2024-01-01_2024-01-31.csv`) is any MetaTrader's, of an unknown clock.
https://bybit-exchange.github.io/docs/v5/market/kline
"""

from __future__ import annotations

import re
from pathlib import Path

from jaxexit.data.files.delimited import Head, read_delimited
from jaxexit.data.files.format import File, Format, Json, Layout
from jaxexit.data.files.source import EPOCHS, SERVER, Clock, Source
from jaxexit.data.tables import table_of
from jaxexit.errors import DataError

NAMES = ("time", "open", "high", "low", "close", "volume", "turnover")
FAMILY = "Bybit klines"
_MILLISECONDS, _STAMP, _NUMBER = r"\d{13}", r"\d{4}\.\d{2}\.\d{2} \d{2}:\d{2}", r"\d+\.?\d*"
_OWN_NAME = re.compile(r"[A-Z0-9]+_\d+_\d{4}-\d{2}-\d{2}_\d{4}-\d{2}-\d{2}.*")


def _is_rows(head: Head) -> bool:
    return len(head.first) == len(NAMES) and head.all_rows(_MILLISECONDS, *[_NUMBER] * 6)


def _read_rows(file: Path, head: Head) -> Source:
    return Source(FAMILY, read_delimited(file, head, names=NAMES))


def _is_for_metatrader(head: Head) -> bool:
    return len(head.first) == 6 and head.all_rows(_STAMP, *[_NUMBER] * 5)


def _read_for_metatrader(file: Path, head: Head) -> Source:
    table = read_delimited(file, head, names=NAMES[:-1])
    if _OWN_NAME.fullmatch(file.name):
        clock = Clock("UTC+3", "Bybit's files for MetaTrader are in UTC+3")
        return Source("Bybit klines for MetaTrader", table, clock)
    return Source("MetaTrader bars without a header", table, SERVER)


def _is_json(json: Json) -> bool:
    content = json.content
    return isinstance(content, dict) and "retCode" in content and "result" in content


def _read_json(file: File, json: Json) -> Source:
    content = json.content
    result = content["result"] if isinstance(content["result"], dict) else {}
    rows = result.get("list")
    if not (isinstance(rows, list) and rows):
        raise DataError(f"{file}: Bybit's answer has no klines: {content.get('retMsg', '?')}")
    family = f"{FAMILY} ({result.get('symbol', '?')})"
    return Source(family, table_of(rows, NAMES))


FORMAT = Format(
    "Bybit",
    EPOCHS,
    (
        Layout(Head, _is_rows, _read_rows),
        Layout(Head, _is_for_metatrader, _read_for_metatrader),
        Layout(Json, _is_json, _read_json),
    ),
)
