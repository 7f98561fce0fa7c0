"""yfinance: its frames as `to_csv` writes them, with a row of fields and one of tickers above the bars.

The fields stand in the first row or, where frames are grouped by ticker, in the second; a third row may hold
nothing but the name of the index (`Date,,,`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from jaxexit.data.files.delimited import Head, is_number, numbered, read_delimited
from jaxexit.data.files.format import Format, Layout
from jaxexit.data.files.source import UNSTATED, Source
from jaxexit.data.formats import plain_tables
from jaxexit.data.tables import Columns
from jaxexit.errors import DataError

_FIELDS = {"Open", "High", "Low", "Close"}
_INDEX = ("Date", "Datetime")


def _fields_row(head: Head) -> int | None:
    """Which of the first two rows has the fields; None where they are not such a header."""
    if len(head.rows) < 3:
        return None
    for at in (0, 1):
        fields, tickers = head.rows[at], head.rows[1 - at]
        words = tickers[1:]
        if set(fields) >= _FIELDS and len(tickers) == len(fields) and all(words):
            same = words[0] not in fields and not any(map(is_number, words))
            return at if same else None
    return None


def _sniff(head: Head) -> bool:
    return _fields_row(head) is not None


def _read(file: Path, head: Head) -> Source:
    """The bars of one ticker. Raises DataError where there are several."""
    at = int(_fields_row(head) or 0)
    tickers = sorted(set(head.rows[1 - at][1:]))
    if len(tickers) > 1:
        raise DataError(f"{file}: bars of {', '.join(tickers[:4])}, keep one ticker in a file")
    third = head.rows[2]
    rows = 3 if third[0] in _INDEX and not any(third[1:]) else 2
    index = third[0] if rows == 3 else head.rows[0][0] or "Date"
    names = numbered(["Date" if index in ("Price", "Ticker") else index, *head.rows[at][1:]])
    layout = Head(
        head.encoding,
        head.delimiter,
        head.decimal,
        [names, *head.rows[rows:]],
        head.start + rows - 1,
    )
    bars = plain_tables.read(file, Columns(read_delimited(file, layout), str(file)))
    return replace(bars, family=f"{bars.family} ({tickers[0]})")


FORMAT = Format("yfinance bars", UNSTATED, (Layout(Head, _sniff, _read),))
