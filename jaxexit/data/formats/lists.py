"""Trade lists whose columns are codes, or that have two rows a trade: turned into words and one row.

- MetaTrader 5's Python package, `positions_get` and `history_deals_get`: `type` 0 buy, 1 sell; deals also
  `entry` 0 in, 1 out, by `position_id`. Epochs are server time.
  https://www.mql5.com/en/docs/constants/tradingconstants (ENUM_POSITION_TYPE, ENUM_DEAL_ENTRY)
- vectorbt's records (`id`, `col`, `entry_idx`, `exit_idx`): `direction` 0 long, 1 short.
- Lean's closed trades (`EntryTime`, `Direction`, `Quantity`): `Direction` 0 long, 1 short (TradeDirection).
- TradingView's list of trades, both versions of its header: an entry and an exit row for each number.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from jaxexit.data.formats.source import SERVER, Source
from jaxexit.data.tables import Columns, as_numbers, plain
from jaxexit.errors import DataError

_SIDES = {0: "long", 1: "short"}


def by_columns(columns: Columns) -> Source | None:
    """The list that the header tells; None where it is none of these."""
    names = {plain(name) for name in columns.table.columns}
    if {"ticket", "type", "magic", "priceopen"} <= names:
        return _positions(columns)
    if {"ticket", "type", "entry", "positionid", "price"} <= names:
        return _deals(columns)
    if {"id", "col", "entryidx", "exitidx", "direction"} <= names:
        return _coded(columns, "vectorbt records", "direction")
    if {"entrytime", "entryprice", "direction", "quantity", "exittime"} <= names:
        return _coded(columns, "Lean trades", "direction")
    number = columns.find(["trade", "tradenumber"])
    when = columns.find(["datetime", "dateandtime"])
    if number and when and "type" in columns:
        return _tradingview(columns, number, when)
    return None


def _coded(columns: Columns, family: str, name: str) -> Source:
    """Codes of 0 and 1 as words; words stay."""
    column = str(columns.find([name]))
    table = columns.table
    codes = as_numbers(pd.Series(table[column]))
    if np.isin(codes, (0.0, 1.0)).all():
        table = table.assign(**{column: np.where(codes == 0, "long", "short")})
    return Source(family, table, "UTC", f"{family} are in the clock of their bars, taken as UTC")


def _sides(columns: Columns, rows: np.ndarray) -> np.ndarray:
    """MetaTrader's types as words, blank for what is no trade (pending orders, balance)."""
    codes = as_numbers(pd.Series(columns.table[str(columns.find(["type"]))]))[rows]
    return np.array([_SIDES.get(int(code), "") if np.isfinite(code) else "" for code in codes])


def _positions(columns: Columns) -> Source:
    table = columns.table
    rows = np.arange(len(table))
    names = {"time": "entry_time", "priceopen": "entry_price", "type": "direction"}
    renamed = table.rename(columns={n: names[plain(n)] for n in table.columns if plain(n) in names})
    renamed["direction"] = _sides(columns, rows)
    return Source("MT5 positions", renamed, rule=SERVER, server_time=True)


def _deals(columns: Columns) -> Source:
    """Entries and exits paired by their position; one left by several deals ends with the last of them."""
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


def _tradingview(columns: Columns, number: str, when: str) -> Source:
    table = columns.table
    kind = table[str(columns.find(["type"]))].astype(str).str.strip().str.lower()
    price = next((n for n in table.columns if re.match(r"price", plain(n))), None)
    if price is None:
        raise DataError(f"{columns.where}: a TradingView list without a price (found: {columns})")
    entry, leaving = (kind.str.match(rf"{word}\b").to_numpy() for word in ("entry", "exit"))
    if not entry.any():
        raise DataError(
            f"{columns.where}: a TradingView list in which no row begins with Entry: export it in English"
        )
    numbers = table[number].to_numpy()
    first = {numbers[row]: row for row in np.flatnonzero(entry)[::-1]}  # of each number
    last = {numbers[row]: row for row in np.flatnonzero(leaving)}
    begun = sorted(first.values())
    ended = [last.get(numbers[row]) for row in begun]

    def left(name: str) -> list[object]:
        values = table[name].to_numpy()
        return [None if row is None else values[row] for row in ended]

    found = pd.DataFrame(
        {
            "entry_time": table[when].to_numpy()[begun],
            "direction": kind.str.extract(r"(long|short)", expand=False).to_numpy()[begun],
            "entry_price": table[price].to_numpy()[begun],
            "exit_time": left(when),
            "exit_price": left(price),
        }
    )
    return Source(
        "TradingView trades",
        found,
        rule="TradingView's export is in the chart's zone, taken as UTC",
    )
