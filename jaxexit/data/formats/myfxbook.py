"""Myfxbook: the CSV of an account's history.

`Tags, Ticket, Open Date, Close Date, Symbol, Action, Units/Lots, SL, TP, Open Price, Close Price,
Commission, Swap, Pips, Profit, Gain, ...`; some columns are not always there. Dates are written `12/31/2024
14:05`, month first, in the broker's time. SL and TP are those of the trade's end, 0 where there was none.
Deposits are rows too; open trades and orders follow below.
https://www.myfxbook.com/help (Export)
"""

from __future__ import annotations

import pandas as pd

from jaxexit.data.files.format import Cells, File, Format, Layout
from jaxexit.data.files.sections import header_row, table_below
from jaxexit.data.files.source import SERVER, Source
from jaxexit.data.tables import plain
from jaxexit.data.times import in_order_of

FAMILY = "Myfxbook history"
_KNOWN = {"opendate", "closedate", "symbol", "action", "openprice", "closeprice"}
_OURS = {
    "opendate": "entry_time", "closedate": "exit_time", "action": "direction", "openprice": "entry_price",
    "closeprice": "exit_price",
}  # fmt: skip


def _sniff(cells: Cells) -> bool:
    return header_row(cells.rows, _KNOWN) is not None


def _read(file: File, cells: Cells) -> Source:
    """The closed trades; orders that were never filled are no trades."""
    del file
    table = table_below(cells.all_rows(), _KNOWN)
    names = {str(n): _OURS[plain(n)] for n in table.columns if plain(n) in _OURS}
    table = table.rename(columns=names)
    for name in ("entry_time", "exit_time"):
        table[name] = in_order_of(pd.Series(table[name]), "month first")
    return Source(FAMILY, table, last_stops=True)


FORMAT = Format(FAMILY, SERVER, (Layout(Cells, _sniff, _read),))
