"""NinjaTrader 8: the trades and the executions that its Trade Performance window exports.

Trades: `Trade number, Instrument, Account, Strategy, Market pos., Qty, Entry price, Exit price, Entry time,
Exit time, ...`, one row for each entry and exit that belong together. Executions: `Instrument, Action,
Quantity, Price, Time, ID, E/X, Position, Order ID, ...`, paired here. Times are in the zone that
NinjaTrader is set to.
https://ninjatrader.com/support/helpguides/nt8/ (Trade Performance)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from jaxexit.data.formats.format import Format
from jaxexit.data.formats.source import Source
from jaxexit.data.pairing import paired
from jaxexit.data.sources import InMemory
from jaxexit.data.tables import Columns
from jaxexit.data.zones import AUTO
from jaxexit.errors import DataError

RULE = "NinjaTrader's times are in the zone it is set to: taken as UTC unless you say"


def _read_trades(path: Path | InMemory, columns: Columns) -> Source:
    del path
    renamed = columns.table.rename(columns={columns.find(["marketpos"]): "direction"})
    return Source("NinjaTrader trades", renamed, AUTO, RULE)


def _read_executions(path: Path | InMemory, columns: Columns) -> Source:
    """Raises DataError for rows that are neither Entry nor Exit, and where no position is opened."""
    table = columns.table

    def words(*names: str) -> pd.Series:
        name = columns.find(names)
        if name is None:
            return pd.Series("", table.index)
        return pd.Series(table[name]).fillna("").astype(str)

    what, action = (words(name).str.strip().str.lower() for name in ("ex", "action"))
    known = what.isin(["entry", "exit"]) & action.str.match("buy|sell")
    if not known.all():
        row = int(np.argmin(known.to_numpy()))
        raise DataError(
            f"{path}: row {row + 1}: '{action.iloc[row]}', '{what.iloc[row]}': an execution is a Buy or Sell "
            "and an Entry or Exit, export in English"
        )
    fills = pd.DataFrame(
        {
            "time": table[str(columns.find(["time"]))],
            "symbol": words("instrument"),
            "account": words("account", "accountdisplayname"),
            "order": words("orderid"),
            "side": np.where(action.str.startswith("buy"), 1, -1),
            "opens": what == "entry",
            "closes": what == "exit",
            "quantity": np.abs(columns.numbers(str(columns.find(["quantity", "qty"])))),
            "price": columns.numbers(str(columns.find(["price"]))),
        }
    )
    trades, remarks = paired(fills, str(path))
    return Source("NinjaTrader executions", trades, AUTO, RULE, remarks=remarks)


TRADES = Format(
    "NinjaTrader trades",
    lambda columns: columns.has("marketpos", "entryprice", "exitprice", "entrytime", "exittime"),
    _read_trades,
)
EXECUTIONS = Format(
    "NinjaTrader executions",
    lambda columns: columns.has("instrument", "action", "price", "time", "ex"),
    _read_executions,
)
