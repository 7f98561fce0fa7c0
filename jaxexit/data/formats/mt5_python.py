"""MetaTrader 5's Python package: `positions_get` and `history_deals_get` as tables.

`type` 0 buy, 1 sell; deals also `entry` 0 in, 1 out, by `position_id`. Epochs are server time.
https://www.mql5.com/en/docs/constants/tradingconstants (ENUM_POSITION_TYPE, ENUM_DEAL_ENTRY)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from jaxexit.data.formats.format import Format
from jaxexit.data.formats.source import SERVER, Source
from jaxexit.data.sources import InMemory
from jaxexit.data.tables import Columns, as_numbers, plain

_SIDES = {0: "long", 1: "short"}


def _sides(columns: Columns, rows: np.ndarray) -> np.ndarray:
    """MetaTrader's types as words, blank for what is no trade (pending orders, balance)."""
    codes = as_numbers(pd.Series(columns.table[str(columns.find(["type"]))]))[rows]
    return np.array([_SIDES.get(int(code), "") if np.isfinite(code) else "" for code in codes])


def _read_positions(path: Path | InMemory, columns: Columns) -> Source:
    del path
    table = columns.table
    rows = np.arange(len(table))
    names = {"time": "entry_time", "priceopen": "entry_price", "type": "direction"}
    renamed = table.rename(columns={n: names[plain(n)] for n in table.columns if plain(n) in names})
    renamed["direction"] = _sides(columns, rows)
    return Source("MT5 positions", renamed, rule=SERVER, server_time=True)


def _read_deals(path: Path | InMemory, columns: Columns) -> Source:
    """Entries and exits paired by their position; one left by several deals ends with the last of them."""
    del path
    table = columns.table
    column = {
        name: str(columns.find([name])) for name in ("entry", "positionid", "time", "price", "type")
    }
    kind = as_numbers(pd.Series(table[column["entry"]]))
    position = table[column["positionid"]].to_numpy()
    sides = _sides(columns, np.arange(len(table)))
    opened = np.flatnonzero((kind == 0) & (sides != ""))
    closed = np.flatnonzero(np.isin(kind, (1, 2, 3)))
    last = {position[row]: row for row in closed}  # in the order of the file: the last one counts
    once = [row for i, row in enumerate(opened) if position[row] not in position[opened[:i]]]
    added = len(opened) - len(once)
    found = pd.DataFrame(
        {
            "entry_time": table[column["time"]].to_numpy()[once],
            "direction": sides[once],
            "entry_price": table[column["price"]].to_numpy()[once],
        }
    )
    ends = [last.get(position[row]) for row in once]
    for name, own in (("exit_time", "time"), ("exit_price", "price")):
        values = table[column[own]].to_numpy()
        found[name] = [np.nan if end is None else values[end] for end in ends]
    symbol = columns.find(["symbol"])
    if symbol is not None:
        found["symbol"] = table[symbol].to_numpy()[once]
    remarks = (f"{added:,} deals add to a position that is open: not trades",) if added else ()
    return Source("MT5 deals", found, rule=SERVER, remarks=remarks, server_time=True)


POSITIONS = Format(
    "MT5 positions",
    lambda columns: columns.has("ticket", "type", "magic", "priceopen"),
    _read_positions,
)
DEALS = Format(
    "MT5 deals",
    lambda columns: columns.has("ticket", "type", "entry", "positionid", "price"),
    _read_deals,
)
