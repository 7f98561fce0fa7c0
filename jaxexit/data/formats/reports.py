"""Trades of MetaTrader's HTML reports: MT4 statements and tester reports, MT5 histories and tester reports.

Rows are known by their shape and by `buy` and `sell`, which MetaTrader never translates, not by the
headers, which it does. Layouts, cell by cell:

- MT4 statement: ticket, open time, type, size, item, price, S/L, T/P, close time, price, ...
- MT4 tester: number, time, type (buy, sell, then modify, close, s/l, t/p, ...), order, size, price, S/L, T/P
- MT5 positions: time, position, symbol, type, volume, price, S/L, T/P, time, price, ...
- MT5 deals: time, deal, symbol, type, direction (in, out), volume, price, order, ...

Cells of the class `hidden`, with which MT5 draws its charts, are no cells.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd

from jaxexit.data.formats.format import Format, Rows
from jaxexit.data.formats.source import SERVER, Source
from jaxexit.data.tables import as_numbers
from jaxexit.data.zones import AUTO

_STAMP = re.compile(r"\d{4}\.\d{2}\.\d{2} \d{2}:\d{2}(:\d{2})?")
_PRICE = re.compile(r"[\d \xa0]+[.,]?\d*")  # blanks between thousands
_SIDES = ("buy", "sell")
_COLUMNS = (
    "entry_time", "direction", "entry_price", "S / L", "T / P", "exit_time", "exit_price", "symbol",
)  # fmt: skip
Row = tuple[str, ...]


class _Cells(HTMLParser):
    """Collects the visible cells of each table row."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
            self._in_cell = False
        elif tag in ("td", "th") and self.rows:
            self._in_cell = "hidden" not in (dict(attrs).get("class") or "").split()
            if self._in_cell:
                self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data


def is_page(text: str) -> bool:
    """Whether a text is an HTML page."""
    return re.match(r"\s*(<!doctype html|<html|<head|<table)", text, re.IGNORECASE) is not None


def rows_of(text: str) -> Rows:
    """The visible cells of all rows of a page."""
    parser = _Cells()
    parser.feed(text)
    return [[" ".join(cell.split()) for cell in row] for row in parser.rows if row]


def recognise(rows: Rows) -> bool:
    """Whether there are trades as one of MetaTrader's reports lists them."""
    cells = [tuple(row) for row in rows]
    return any(next(iter(find(cells)), None) is not None for _, find in _LAYOUTS)


def read(path: Path, rows: Rows) -> Source:
    """The closed trades of a report."""
    del path
    cells = [tuple(row) for row in rows]
    found = ((family, list(find(cells))) for family, find in _LAYOUTS)
    family, trades = next(pair for pair in found if pair[1])
    table = pd.DataFrame(trades, columns=list(_COLUMNS))
    for name in ("entry_price", "S / L", "T / P", "exit_price"):
        table[name] = as_numbers(pd.Series(table[name].astype(str)))
    return Source(family, table, AUTO, SERVER, last_stops=True)


def _is(row: Row, place: int, pattern: re.Pattern[str] | tuple[str, ...]) -> bool:
    if len(row) <= place:
        return False
    cell = row[place]
    return cell.lower() in pattern if isinstance(pattern, tuple) else bool(pattern.fullmatch(cell))


def _statement(rows: list[Row]) -> Iterable[Row]:
    for row in rows:
        if (
            _is(row, 1, _STAMP)
            and _is(row, 2, _SIDES)
            and _is(row, 8, _STAMP)
            and _is(row, 9, _PRICE)
        ):
            yield (row[1], row[2], row[5], row[6], row[7], row[8], row[9], row[4])


def _positions(rows: list[Row]) -> Iterable[Row]:
    for row in rows:
        if (
            _is(row, 0, _STAMP)
            and _is(row, 3, _SIDES)
            and _is(row, 8, _STAMP)
            and _is(row, 9, _PRICE)
        ):
            yield (row[0], row[3], row[5], row[6], row[7], row[8], row[9], row[2])


def _deals(rows: list[Row]) -> Iterable[Row]:
    """Entries and exits paired in their order, equal volumes first; stops from the entry's order."""
    stops = {  # orders: open time, order, symbol, type, volume, price, S/L, T/P, time, state
        row[1]: (row[6], row[7])
        for row in rows
        if _is(row, 0, _STAMP) and _is(row, 8, _STAMP) and re.match(r"(buy|sell)", row[3].lower())
    }
    opened: list[Row] = []
    for row in rows:
        if not (_is(row, 0, _STAMP) and _is(row, 3, _SIDES) and len(row) > 7):
            continue
        if row[4].lower() == "in":
            opened.append(row)
        elif row[4].lower() == "out":
            other = [i for i, entry in enumerate(opened) if entry[3].lower() != row[3].lower()]
            same = [i for i in other if opened[i][5] == row[5]]
            if not (same or other):
                continue
            entry = opened.pop((same or other)[0])
            stop, target = stops.get(entry[7], ("", ""))
            yield (entry[0], entry[3], entry[6], stop, target, row[0], row[6], entry[2])


def _tester(rows: list[Row]) -> Iterable[Row]:
    """A trade is told by its order number: entered by buy or sell, left by any row that is no change."""
    opened: dict[str, Row] = {}
    for row in rows:
        if not (_is(row, 1, _STAMP) and len(row) > 7 and row[3].isdecimal()):
            continue
        kind, order = row[2].lower(), row[3]
        if kind in _SIDES:
            opened[order] = row
        elif kind not in ("modify", "delete") and order in opened:
            entry = opened.pop(order)
            yield (entry[1], entry[2], entry[5], entry[6], entry[7], row[1], row[5], "")


_LAYOUTS = (
    ("MT4 statement", _statement),
    ("MT5 positions", _positions),
    ("MT5 deals", _deals),
    ("MT4 tester report", _tester),
)
FORMAT = Format("MetaTrader reports", recognise, read)
