"""Interactive Brokers' Flex queries: the trades as XML, or as CSV.

Executions (`Trade`, else `Order`) have `symbol`, `dateTime`, `quantity`, `tradePrice`, `buySell`,
`openCloseIndicator`; CSV writes the same names with capitals and signs. Closed lots (`Lot`), used where
there are no executions: `openDateTime`, `tradePrice` of the opening, `buySell` of the closing; the price of
the exit is not among them.
"""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pandas as pd

from jaxexit.data.files.format import Cells, File, Format, Layout, Markup
from jaxexit.data.files.sections import header_row, table_below
from jaxexit.data.files.source import Source
from jaxexit.data.ibkr_executions import CLOCK, stamps_of, trades_of
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


def _is_xml(markup: Markup) -> bool:
    return "<FlexQueryResponse" in markup.text[:2000]


def _read_xml(file: File, markup: Markup) -> Source:
    """The trades that its executions or closed lots tell."""
    parser = _Trades()
    parser.feed(markup.text)
    return _trades(file, pd.DataFrame(parser.rows).fillna(""))


def _is_table(cells: Cells) -> bool:
    at = header_row(cells.rows, _OF_TABLE)
    return at is not None and bool({"datetime", "tradedate"} & set(map(plain, cells.rows[at])))


def _read_table(file: File, cells: Cells) -> Source:
    table = table_below(cells.all_rows(), _OF_TABLE)
    names = {str(n): _OURS[plain(n)] for n in table.columns if plain(n) in _OURS}
    return _trades(file, table.rename(columns=names))


def _trades(file: File, table: pd.DataFrame) -> Source:
    if not len(table):
        raise DataError(f"{file}: the Flex query has no trades: add its section Trades")
    missing = [word for name, word in _NEEDED.items() if name not in table]
    if missing:
        raise DataError(f"{file}: the trades have no {', '.join(missing)}: add that to the query")
    if "level" in table:
        levels = table["level"].str.upper()
        level = next((name for name in _LEVELS if (levels == name).any()), None)
        if level is not None:
            table = table.take(np.flatnonzero(levels == level)).reset_index(drop=True)
        if level == "CLOSED_LOT":
            return _lots(file, table)
    if "code" not in table:
        raise DataError(
            f"{file}: no execution says whether it opens or closes: add Open/Close Indicator to the query"
        )
    table["time"] = stamps_of(pd.Series(table["time"]))
    return trades_of(Columns(table, str(file)), "code", FAMILY)


def _lots(file: File, table: pd.DataFrame) -> Source:
    """What was closed, each piece with its own entry; `list_checks` joins the pieces of one."""
    if "opened" not in table or "side" not in table:
        raise DataError(
            f"{file}: closed lots without Open Date Time or Buy/Sell: add them to the query"
        )
    sold = table["side"].str.upper().str.startswith("S")
    lots = pd.DataFrame(
        {
            "entry_time": stamps_of(pd.Series(table["opened"])),
            "direction": np.where(sold, "long", "short"),
            "entry_price": table["price"],
            "exit_time": stamps_of(pd.Series(table["time"])),
            "symbol": table["symbol"],
        }
    )
    remarks = ("of closed lots: the price of the exit is not in the file; executions have it",)
    return Source(f"{FAMILY} (closed lots)", lots, remarks=remarks)


FORMAT = Format(
    FAMILY, CLOCK, (Layout(Markup, _is_xml, _read_xml), Layout(Cells, _is_table, _read_table))
)
