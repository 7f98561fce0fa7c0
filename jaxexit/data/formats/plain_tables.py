"""Tables with a header that no other format claims: our own bars, ticks and trades, and what is like them.

Our own bars have `time`, and `bid_open` ... `ask_close` or OHLC; our own trades `entry_time` and `direction`.
yfinance's frames and TradingView's bars are known by their header, and read the same way.
"""

from __future__ import annotations

from jaxexit.data.files.format import File, Format, Layout
from jaxexit.data.files.frames import clock_of
from jaxexit.data.files.source import UNSTATED, Source, named_side
from jaxexit.data.tables import Columns, plain

_TRADINGVIEW = ["time", "open", "high", "low", "close"]


def read(file: File, columns: Columns) -> Source:
    """The table as it is; which side it is of may be a word of the file's name."""
    table = columns.table
    clock = clock_of(table)
    if columns.has("entrytime", "direction"):
        return Source("trades", table, clock)
    two_sided = any(plain(name).startswith(("bid", "ask")) for name in table)
    side = None if two_sided else named_side(file)
    remarks = (f"{side} by the file's name",) if side else ()
    return Source(_family(columns), table, clock, side, remarks)


def _family(columns: Columns) -> str:
    names = [str(name) for name in columns.table.columns]
    if columns.has("bid", "ask") and "open" not in columns:
        return "ticks"
    if "bidopen" in columns or "askopen" in columns:
        return "bars of both sides" if columns.has("bidopen", "askopen") else "bars"
    if {"Open", "High", "Low", "Close"} <= set(names) and {"Date", "Datetime"} & set(names):
        return "yfinance bars"
    if names[:5] == _TRADINGVIEW and "T" in str(columns.table["time"].iloc[0]):
        return "TradingView bars"
    return "bars"


def _sniff(columns: Columns) -> bool:
    return len(columns.table) > 0


FORMAT = Format("a table with a header", UNSTATED, (Layout(Columns, _sniff, read),))
