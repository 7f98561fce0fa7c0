"""backtesting.py: the trades of its results (`stats._trades`)."""

from __future__ import annotations

from jaxexit.data.files.format import File, Format, Layout
from jaxexit.data.files.frames import clock_of
from jaxexit.data.files.source import UNSTATED, Source
from jaxexit.data.tables import Columns

FAMILY = "backtesting.py trades"


def _sniff(columns: Columns) -> bool:
    return columns.has("entrybar", "exitbar", "size")


def _read(file: File, columns: Columns) -> Source:
    del file
    return Source(FAMILY, columns.table, clock_of(columns.table))


FORMAT = Format(FAMILY, UNSTATED, (Layout(Columns, _sniff, _read),))
