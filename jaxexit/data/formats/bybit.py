"""Bybit: klines of its API (JSON, or saved as rows) and of public.bybit.com/kline_for_metatrader4.

The API's rows are start time (milliseconds, UTC), open, high, low, close, volume, turnover, the newest first.
Those for MetaTrader are `2024.01.02 10:00,open,high,low,close,volume` without a header, in UTC+3; the same
layout without Bybit's name (`BTCUSDT_15_2024-01-01_2024-01-31.csv`) is any MetaTrader's, of an unknown clock.
https://bybit-exchange.github.io/docs/v5/market/kline
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jaxexit.data.formats.delimited import Head, read_delimited
from jaxexit.data.formats.format import Format
from jaxexit.data.formats.source import EPOCHS, SERVER, Source
from jaxexit.data.tables import table_of
from jaxexit.data.zones import AUTO
from jaxexit.errors import DataError

NAMES = ("time", "open", "high", "low", "close", "volume", "turnover")
FAMILY = "Bybit klines"
_MILLISECONDS, _STAMP, _NUMBER = r"\d{13}", r"\d{4}\.\d{2}\.\d{2} \d{2}:\d{2}", r"\d+\.?\d*"
_OWN_NAME = re.compile(r"[A-Z0-9]+_\d+_\d{4}-\d{2}-\d{2}_\d{4}-\d{2}-\d{2}.*")


def recognise(head: Head) -> bool:
    """Whether the rows are klines without a header, of seven columns."""
    return len(head.first) == len(NAMES) and head.all_rows(_MILLISECONDS, *[_NUMBER] * 6)


def read(path: Path, head: Head) -> Source:
    """Bars of the price that was traded."""
    return Source(FAMILY, read_delimited(path, head, names=NAMES), "UTC", EPOCHS)


def _recognise_metatrader(head: Head) -> bool:
    return len(head.first) == 6 and head.all_rows(_STAMP, *[_NUMBER] * 5)


def _read_metatrader(path: Path, head: Head) -> Source:
    table = read_delimited(path, head, names=NAMES[:-1])
    if _OWN_NAME.fullmatch(path.name):
        rule = "Bybit's files for MetaTrader are in UTC+3"
        return Source("Bybit klines for MetaTrader", table, "UTC+3", rule)
    return Source("MetaTrader bars without a header", table, AUTO, SERVER)


def _recognise_json(content: Any) -> bool:
    return isinstance(content, dict) and "retCode" in content and "result" in content


def _read_json(path: Path, content: Any) -> Source:
    result = content["result"] if isinstance(content["result"], dict) else {}
    rows = result.get("list")
    if not (isinstance(rows, list) and rows):
        raise DataError(f"{path}: Bybit's answer has no klines: {content.get('retMsg', '?')}")
    family = f"{FAMILY} ({result.get('symbol', '?')})"
    return Source(family, table_of(rows, NAMES), "UTC", EPOCHS)


FORMAT = Format(FAMILY, recognise, read)
METATRADER = Format("Bybit klines for MetaTrader", _recognise_metatrader, _read_metatrader)
JSON = Format(FAMILY, _recognise_json, _read_json)
