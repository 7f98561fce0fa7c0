"""Interactive Brokers' Flex queries: the trades as XML, or as CSV.

Executions (`Trade`, else `Order`) have `symbol`, `dateTime`, `quantity`, `tradePrice`, `buySell`,
`openCloseIndicator`; CSV writes the same names with capitals and signs. Closed lots (`Lot`), used where
there are no executions: `openDateTime`, `tradePrice` of the opening, `buySell` of the closing; the price of
the exit is not among them.
"""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd

from jaxexit.data.formats.format import Format, Rows
from jaxexit.data.formats.ibkr import CLOCK, RULE, stamps_of, trades_of
from jaxexit.data.formats.sections import header_row, table_below
from jaxexit.data.formats.source import Source
from jaxexit.data.tables import Columns, plain
from jaxexit.errors import DataError

FAMILY = "IBKR Flex query"
_LEVELS = ("EXECUTION", "ORDER", "CLOSED_LOT")
_OF_TAG = {"trade": "EXECUTION", "order": "ORDER", "lot": "CLOSED_LOT"}
_OURS = {
    "symbol": "symbol", "datetime": "time", "quantity": "quantity", "tradeprice": "price", "buysell": "side",
    "opencloseindicator": "code", "iborderid": "order", "accountid": "account", "clientaccountid": "account",
    "assetcategory": "category", "assetclass": "category", "opendatetime": "opened", "levelofdetail": "level",
    "fifopnlrealized": "profit",
}  # fmt: skip
_NEEDED = {"symbol": "Symbol", "time": "Date/Time", "quantity": "Quantity", "price": "TradePrice"}
_OF_TABLE = ("symbol", "quantity", "tradeprice", "buysell")


class _Trades(HTMLParser):
    """Collects the attributes of trades, orders and lots."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _OF_TAG:
            row = {_OURS.get(plain(name), name): value or "" for name, value in attrs}
            self.rows.append({"level": _OF_TAG[tag], **row})


def recognise(text: str) -> bool:
    """Whether a text is the answer to a Flex query."""
    return "<FlexQueryResponse" in text[:2000]


def read(path: Path, text: str) -> Source:
    """The trades that its executions or closed lots tell."""
    parser = _Trades()
    parser.feed(text)
    return _trades(path, pd.DataFrame(parser.rows).fillna(""))


def _recognise_table(rows: Rows) -> bool:
    at = header_row(rows, _OF_TABLE)
    return at is not None and bool({"datetime", "tradedate"} & set(map(plain, rows[at])))


def _read_table(path: Path, rows: Rows) -> Source:
    table = table_below(rows, _OF_TABLE)
    names = {str(n): _OURS[plain(n)] for n in table.columns if plain(n) in _OURS}
    return _trades(path, table.rename(columns=names))


def _trades(path: Path, table: pd.DataFrame) -> Source:
    if not len(table):
        raise DataError(f"{path}: the Flex query has no trades: add its section Trades")
    missing = [word for name, word in _NEEDED.items() if name not in table]
    if missing:
        raise DataError(f"{path}: the trades have no {', '.join(missing)}: add that to the query")
    if "level" in table:
        levels = table["level"].str.upper()
        level = next((name for name in _LEVELS if (levels == name).any()), None)
        if level is not None:
            table = table.take(np.flatnonzero(levels == level)).reset_index(drop=True)
        if level == "CLOSED_LOT":
            return _lots(path, table)
    if "code" not in table:
        raise DataError(
            f"{path}: no execution says whether it opens or closes: add Open/Close Indicator to the query"
        )
    table["time"] = stamps_of(pd.Series(table["time"]))
    return trades_of(Columns(table, str(path)), "code", FAMILY)


def _lots(path: Path, table: pd.DataFrame) -> Source:
    """What was closed, each piece with its own entry; `list_checks` joins the pieces of one."""
    if "opened" not in table or "side" not in table:
        raise DataError(
            f"{path}: closed lots without Open Date Time or Buy/Sell: add them to the query"
        )
    sold = table["side"].str.upper().str.startswith("S")
    found = pd.DataFrame(
        {
            "entry_time": stamps_of(pd.Series(table["opened"])),
            "direction": np.where(sold, "long", "short"),
            "entry_price": table["price"],
            "exit_time": stamps_of(pd.Series(table["time"])),
            "symbol": table["symbol"],
        }
    )
    remarks = ("of closed lots: the price of the exit is not in the file; executions have it",)
    return Source(f"{FAMILY} (closed lots)", found, CLOCK, RULE, remarks=remarks)


FORMAT = Format(FAMILY, recognise, read)
TABLE = Format(f"{FAMILY} (CSV)", _recognise_table, _read_table)
