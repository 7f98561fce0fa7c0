"""NautilusTrader: its positions report; `side` is FLAT once closed, `entry` is BUY or SELL."""

from __future__ import annotations

from jaxexit.data.files.format import File, Format, Layout
from jaxexit.data.files.source import Clock, Source
from jaxexit.data.tables import Columns

CLOCK = Clock("UTC", "NautilusTrader's times are in UTC")
_OURS = {
    "ts_opened": "entry_time",
    "ts_closed": "exit_time",
    "avg_px_open": "entry_price",
    "avg_px_close": "exit_price",
    "entry": "direction",
}


def _sniff(columns: Columns) -> bool:
    return _OURS.keys() <= set(map(str, columns.table.columns))


def _read(file: File, columns: Columns) -> Source:
    del file
    table = columns.table.drop(columns="side", errors="ignore").rename(columns=_OURS)
    return Source("NautilusTrader positions", table)


FORMAT = Format("NautilusTrader positions", CLOCK, (Layout(Columns, _sniff, _read),))
