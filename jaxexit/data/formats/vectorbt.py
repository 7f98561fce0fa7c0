"""vectorbt: its trades as records (`id`, `col`, `entry_idx`, `exit_idx`; 0 long, 1 short), or readable."""

from __future__ import annotations

from jaxexit.data.directions import with_words_for_codes
from jaxexit.data.files.format import File, Format, Layout
from jaxexit.data.files.frames import clock_of
from jaxexit.data.files.source import Clock, Source
from jaxexit.data.tables import Columns

CLOCK = Clock("UTC", "vectorbt records are in the clock of their bars, taken as UTC")


def _is_records(columns: Columns) -> bool:
    return columns.has("id", "col", "entryidx", "exitidx", "direction")


def _read_records(file: File, columns: Columns) -> Source:
    del file
    return Source("vectorbt records", with_words_for_codes(columns))


def _is_readable(columns: Columns) -> bool:
    return columns.has("avgentryprice", "avgexitprice")


def _read_readable(file: File, columns: Columns) -> Source:
    del file
    return Source("vectorbt trades", columns.table, clock_of(columns.table))


FORMAT = Format(
    "vectorbt",
    CLOCK,
    (Layout(Columns, _is_records, _read_records), Layout(Columns, _is_readable, _read_readable)),
)
