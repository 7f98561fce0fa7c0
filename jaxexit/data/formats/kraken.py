"""Kraken: its downloadable OHLCVT files (`XBTUSD_60.csv`) and the answers of its API (JSON).

Files without a header: time (seconds, UTC, the bar's open), open, high, low, close, volume, trades; bars
without a trade are not there. The API's rows have a mean price before the volume, and its last row is of the
bar that still grows.
https://support.kraken.com/articles/360047124832
"""

from __future__ import annotations

from pathlib import Path

from jaxexit.data.files.delimited import Head, read_delimited
from jaxexit.data.files.format import File, Format, Json, Layout
from jaxexit.data.files.source import EPOCHS, Source
from jaxexit.data.tables import table_of
from jaxexit.errors import DataError

NAMES = ("time", "open", "high", "low", "close", "volume", "trades")
FAMILY = "Kraken OHLCVT"
_SECONDS, _NUMBER, _COUNT = r"\d{9,10}", r"\d+\.?\d*(?:[eE][+-]?\d+)?", r"\d+"


def _is_rows(head: Head) -> bool:
    pattern = (_SECONDS, *[_NUMBER] * 5, _COUNT)
    return len(head.first) == len(NAMES) and head.all_rows(*pattern)


def _read_rows(file: Path, head: Head) -> Source:
    return Source(FAMILY, read_delimited(file, head, names=NAMES))


def _is_json(json: Json) -> bool:
    content = json.content
    result = content.get("result") if isinstance(content, dict) else None
    return isinstance(result, dict) and "error" in content and "last" in result


def _read_json(file: File, json: Json) -> Source:
    content = json.content
    pairs = {name: rows for name, rows in content["result"].items() if name != "last"}
    if len(pairs) != 1:
        raise DataError(f"{file}: bars of {', '.join(pairs) or 'no pair'}, keep one pair in a file")
    ((pair, rows),) = pairs.items()
    names = [*NAMES[:5], "vwap", *NAMES[5:]]
    table = table_of(rows[:-1], names)
    remarks = ("the last bar, which still grew, left out",)
    return Source(f"{FAMILY} ({pair})", table, remarks=remarks)


FORMAT = Format(
    "Kraken", EPOCHS, (Layout(Head, _is_rows, _read_rows), Layout(Json, _is_json, _read_json))
)
