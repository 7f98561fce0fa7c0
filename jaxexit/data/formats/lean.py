"""QuantConnect Lean: quote bars of forex, and trade bars, without a header; its list of closed trades.

Hour and day: `20070101 21:00,bid O,H,L,C,size,ask O,H,L,C,size`. Minute and second: milliseconds since
midnight in place of the stamp, with the day in the file's name (`20140502_quote.csv`). Forex is in UTC;
equities are in New York's time and their prices are stored times 10,000.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from jaxexit.data.directions import with_words_for_codes
from jaxexit.data.files.delimited import Head, read_delimited, scaled
from jaxexit.data.files.format import File, Format, Layout
from jaxexit.data.files.source import Clock, Source
from jaxexit.data.tables import Columns
from jaxexit.errors import DataError
from jaxexit.limits import nanoseconds

_FIELDS = ("open", "high", "low", "close")
_QUOTES = [
    "time",
    *(f"bid_{field}" for field in _FIELDS),
    "bid_size",
    *(f"ask_{field}" for field in _FIELDS),
    "ask_size",
]
_TRADES = ["time", *_FIELDS, "volume"]
_STAMP, _MILLISECONDS, _PRICE, _SIZE = r"\d{8} \d{2}:\d{2}", r"\d{1,8}", r"\d*\.?\d*", r"\d+\.?\d*"
EQUITY_SCALE = 10_000
FOREX = Clock("UTC", "Lean's forex data are in UTC")
EQUITIES = Clock("America/New_York", "Lean's equities are in New York's time")
CLOCK = Clock("UTC", "Lean's forex and crypto data are in UTC")
_TRADE_CLOCK = Clock("UTC", "Lean trades are in the clock of their bars, taken as UTC")


def _is_bars(head: Head) -> bool:
    columns = len(head.first)
    if columns == len(_QUOTES):
        start = rf"{_STAMP}|{_MILLISECONDS}"
        return head.all_rows(start, *[_PRICE] * 4, _SIZE, *[_PRICE] * 4, _SIZE)
    return columns == len(_TRADES) and head.all_rows(_STAMP, *[_SIZE] * 5)


def _read_bars(file: Path, head: Head) -> Source:
    """The file's bars. Raises DataError where the day is needed and not in the file's name."""
    quotes = len(head.first) == len(_QUOTES)
    names = _QUOTES if quotes else _TRADES
    table = read_delimited(file, head, names=names)
    if re.fullmatch(_MILLISECONDS, head.first[0]):
        table["time"] = _day(file) + table["time"].to_numpy(np.int64) * np.timedelta64(1, "ms")
    if quotes:
        return Source("Lean quote bars", table, FOREX)
    prices = table[list(_FIELDS)].to_numpy()
    if not (prices == np.round(prices)).all():
        return Source("Lean trade bars", table)
    table[list(_FIELDS)] = scaled(prices, EQUITY_SCALE)
    remark = f"prices divided by {EQUITY_SCALE:,}, as Lean stores those of equities"
    return Source("Lean trade bars", table, EQUITIES, remarks=(remark,))


def _day(file: File) -> np.datetime64:
    day = re.match(r"(\d{4})(\d{2})(\d{2})", file.name)
    if day is None:
        raise DataError(
            f"{file}: Lean's milliseconds since midnight, and no day in the file's name: name it "
            "like Lean does, 20140502_quote.csv"
        )
    return nanoseconds(pd.DatetimeIndex(["-".join(day.groups())]), str(file)).to_numpy()[0]


def _is_trades(columns: Columns) -> bool:
    return columns.has("entrytime", "entryprice", "direction", "quantity", "exittime")


def _read_trades(file: File, columns: Columns) -> Source:
    """Closed trades; their direction is 0 long, 1 short (TradeDirection)."""
    del file
    return Source("Lean trades", with_words_for_codes(columns), _TRADE_CLOCK)


FORMAT = Format(
    "Lean", CLOCK, (Layout(Head, _is_bars, _read_bars), Layout(Columns, _is_trades, _read_trades))
)
