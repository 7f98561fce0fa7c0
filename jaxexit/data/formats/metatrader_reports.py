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

import pandas as pd

from jaxexit.data.files.format import Cells, File, Format, Layout
from jaxexit.data.files.frames import clock_of
from jaxexit.data.files.source import SERVER, Source
from jaxexit.data.tables import Columns, as_numbers

_STAMP = re.compile(r"\d{4}\.\d{2}\.\d{2} \d{2}:\d{2}(:\d{2})?")
_PRICE = re.compile(r"[\d \xa0]+[.,]?\d*")  # blanks between thousands
_SIDES = ("buy", "sell")
_COLUMNS = (
    "entry_time", "direction", "entry_price", "S / L", "T / P", "exit_time", "exit_price", "symbol",
)  # fmt: skip
_TABLES = {
    "MT4 trades": ("ticket", "opentime", "item"),
    "MT5 trades": ("position", "time1", "price1"),
}
Row = tuple[str, ...]


def _is_report(cells: Cells) -> bool:
    """Whether there are trades as one of MetaTrader's reports lists them."""
    rows = [tuple(row) for row in cells.rows]
    return not cells.has_header and any(
        next(iter(find(rows)), None) is not None for _, find in _REPORTS
    )


def _read_report(file: File, cells: Cells) -> Source:
    """The closed trades of a report."""
    del file
    rows = [tuple(row) for row in cells.all_rows()]
    reports = ((family, list(find(rows))) for family, find in _REPORTS)
    family, trades = next(report for report in reports if report[1])
    table = pd.DataFrame(trades, columns=list(_COLUMNS))
    for name in ("entry_price", "S / L", "T / P", "exit_price"):
        table[name] = as_numbers(pd.Series(table[name].astype(str)))
    return Source(family, table, last_stops=True)


def _is(row: Row, place: int, pattern: re.Pattern[str] | tuple[str, ...]) -> bool:
    if len(row) <= place:
        return False
    cell = row[place]
    return cell.lower() in pattern if isinstance(pattern, tuple) else bool(pattern.fullmatch(cell))


def _closed(rows: list[Row], time: int, side: int, symbol: int) -> Iterable[Row]:
    """Rows of one closed trade; `time`, `side` and `symbol` say in which of their cells it begins."""
    for row in rows:
        if (
            _is(row, time, _STAMP)
            and _is(row, side, _SIDES)
            and _is(row, 8, _STAMP)
            and _is(row, 9, _PRICE)
        ):
            yield (row[time], row[side], *row[5:10], row[symbol])


def _statement(rows: list[Row]) -> Iterable[Row]:
    return _closed(rows, 1, 2, 4)


def _positions(rows: list[Row]) -> Iterable[Row]:
    return _closed(rows, 0, 3, 2)


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
    """A trade is known by its order number: entered by buy or sell, left by any row that is no change."""
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


_REPORTS = (
    ("MT4 statement", _statement),
    ("MT5 positions", _positions),
    ("MT5 deals", _deals),
    ("MT4 tester report", _tester),
)


def _is_table(columns: Columns) -> bool:
    return any(columns.has(*names) for names in _TABLES.values())


def _read_table(file: File, columns: Columns) -> Source:
    """A report that was saved as a table, with its header."""
    del file
    family = next(family for family, names in _TABLES.items() if columns.has(*names))
    return Source(family, columns.table, clock_of(columns.table))


FORMAT = Format(
    "MetaTrader reports",
    SERVER,
    (Layout(Cells, _is_report, _read_report), Layout(Columns, _is_table, _read_table)),
)
