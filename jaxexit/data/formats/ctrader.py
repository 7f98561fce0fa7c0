"""cTrader: the History tab's statement (CSV, Excel, HTML), one row for each closing deal.

`Symbol, Opening direction, Opening time (UTC+0), Closing time (UTC+0), Entry price, Closing price, ...`;
which columns there are the user chooses; the header of the times names their zone. Other tables (Positions,
Orders, Summary) follow below. Parts of a position are rows of the same entry. Slashed dates are day first.
https://help.ctrader.com/ctrader/interface/history/
"""

from __future__ import annotations

import re

import pandas as pd

from jaxexit.data.files.format import Cells, File, Format, Layout
from jaxexit.data.files.sections import header_row, table_below
from jaxexit.data.files.source import Clock, Source
from jaxexit.data.tables import plain
from jaxexit.data.times import in_order_of
from jaxexit.data.zones import AUTO
from jaxexit.errors import DataError

FAMILY = "cTrader history"
CLOCK = Clock(AUTO, "cTrader's times are in the zone it is set to: taken as UTC unless you say")
_KNOWN = {"openingdirection", "entryprice", "closingprice"}
_TIMES = {"entry_time": "openingtime", "exit_time": "closingtime"}
_ZONE = re.compile(r"\(UTC([+-]\d{1,2})(?::(\d{2}))?\)")
_OURS = {
    "openingdirection": "direction",
    "entryprice": "entry_price",
    "closingprice": "exit_price",
    "symbol": "symbol",
}


def _sniff(cells: Cells) -> bool:
    return header_row(cells.rows, _KNOWN) is not None


def _read(file: File, cells: Cells) -> Source:
    """The closed deals. Raises DataError where the opening time is not among the columns."""
    table = table_below(cells.all_rows(), _KNOWN)
    names = {str(n): _OURS[plain(n)] for n in table.columns if plain(n) in _OURS}
    clock = CLOCK
    for ours, word in _TIMES.items():
        column = next((str(n) for n in table.columns if plain(n).startswith(word)), None)
        if column is None:
            if ours == "entry_time":
                raise DataError(
                    f"{file}: a cTrader history without 'Opening time': tick that column in the History tab, "
                    "and save the statement again"
                )
            continue
        names[column] = ours
        if zone := _ZONE.search(column):
            offset = f"UTC{int(zone[1]):+d}" + (f":{zone[2]}" if zone[2] else "")
            clock = Clock(offset, f"the header says '{column}'")
    table = table.rename(columns=names)
    for ours in _TIMES:
        if ours in table:
            table[ours] = in_order_of(pd.Series(table[ours]), "day first")
    return Source(FAMILY, table, clock)


FORMAT = Format(FAMILY, CLOCK, (Layout(Cells, _sniff, _read),))
