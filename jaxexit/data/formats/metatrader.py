"""MetaTrader: MT4 CSV, MT5 bar and tick exports, and the rates and ticks of MT5's Python package.

MT4: `2021.06.16,00:00,O,H,L,C,volume` without a header. MT5: tab-separated `<DATE> <TIME> <OPEN> <HIGH>
<LOW> <CLOSE> <TICKVOL> <VOL> <SPREAD>` and `<DATE> <TIME> <BID> <ASK> <LAST> <VOLUME> <FLAGS>`. Charts
are of the bid. Spreads are in points, which `quotes` knows by the tick volume.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from jaxexit.data.files.delimited import Head, joined, read_delimited
from jaxexit.data.files.format import File, Format, Layout
from jaxexit.data.files.source import SERVER, Clock, Source
from jaxexit.data.formats.histdata import CLOCK as OF_HISTDATA
from jaxexit.data.tables import Columns, as_numbers
from jaxexit.data.times import labelled
from jaxexit.data.zones import AUTO

_DATE, _CLOCK, _PRICE = r"\d{4}\.\d{2}\.\d{2}", r"\d{2}:\d{2}(:\d{2})?", r"\d+\.?\d*"
_WRONG_LABEL = Clock(
    AUTO, "labelled UTC, but MetaTrader's epochs are the broker's server time: check the zone"
)


def _is_rows(head: Head) -> bool:
    """Whether the rows are those of MT4's history centre, date and clock apart."""
    return head.all_rows(_DATE, _CLOCK, _PRICE, _PRICE, _PRICE, _PRICE)


def _read_rows(file: Path, head: Head) -> Source:
    """MT4's bars; HistData writes the same layout with a volume of 0 in all rows."""
    names = ["date", "clock", "bid_open", "bid_high", "bid_low", "bid_close", "tick_volume"]
    table = read_delimited(file, head, names=names[: len(head.first)])
    table.insert(0, "time", joined(pd.Series(table.pop("date")), pd.Series(table.pop("clock"))))
    if "tick_volume" in table and not table["tick_volume"].to_numpy().any():
        return Source("HistData MetaTrader M1", table, OF_HISTDATA)
    return Source("MT4 CSV", table)


def _is_bars(columns: Columns) -> bool:
    return "open" in columns and ("tickvolume" in columns or "tickvol" in columns)


def _read_bars(file: File, columns: Columns) -> Source:
    """MT5's exports and the frames of its Python package, by their header."""
    del file
    exported = str(columns.table.columns[0]).startswith("<")
    python = "realvolume" in columns
    family = "MT5 bar export" if exported else "MT5 rates" if python else "MetaTrader bars"
    return Source(family, columns.table, _clock(columns), "bid", server_time=True)


def _is_ticks(columns: Columns) -> bool:
    return "open" not in columns and columns.has("bid", "ask", "flags")


def _clock(columns: Columns) -> Clock:
    name = columns.find(["time", "date"])
    return _WRONG_LABEL if name and labelled(columns.series(name)) else SERVER


def _read_ticks(file: File, columns: Columns) -> Source:
    """Ticks; where bid or ask is blank or 0 it has not changed."""
    del file
    table, milliseconds = columns.table.copy(), columns.find(["timemsc"])
    exported = "date" in columns
    if milliseconds is not None:
        table[columns.find(["time"])] = table.pop(milliseconds)
    for side in ("bid", "ask"):
        name = columns.find([side])
        values = pd.Series(as_numbers(columns.series(str(name))))
        table[name] = values.mask(values == 0).ffill().to_numpy()
    sides = table.filter([str(columns.find(["bid"])), str(columns.find(["ask"]))])
    both = np.isfinite(sides.to_numpy(np.float64)).all(axis=1)
    left_out = int(np.sum(~both))
    remarks = (f"{left_out:,} ticks before both sides were known left out",) if left_out else ()
    family = "MT5 tick export" if exported else "MT5 ticks"
    return Source(
        family,
        table.take(np.flatnonzero(both)).reset_index(drop=True),
        _clock(columns),
        remarks=remarks,
        server_time=True,
    )


FORMAT = Format(
    "MetaTrader",
    SERVER,
    (
        Layout(Head, _is_rows, _read_rows),
        Layout(Columns, _is_bars, _read_bars),
        Layout(Columns, _is_ticks, _read_ticks),
    ),
)
