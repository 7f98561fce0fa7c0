"""Interactive Brokers' activity statement (CSV): many tables, each row begins with its table and its kind.

`Trades,Header,DataDiscriminator,Asset Category,Currency,Symbol,Date/Time,Quantity,T. Price,...,Code`, then
`Trades,Data,Order,Stocks,USD,AAPL,"2024-01-02, 10:30:00",100,...,O`. Used are the orders, or the executions
(`Trade`) where there are no orders; closed lots, sums and totals are not.
"""

from __future__ import annotations

import pandas as pd

from jaxexit.data.files.format import Cells, File, Format, Layout
from jaxexit.data.files.source import Source
from jaxexit.data.ibkr_executions import CLOCK, stamps_of, trades_of
from jaxexit.data.tables import Columns, plain
from jaxexit.errors import DataError

FAMILY = "IBKR activity statement"
_KINDS = {"Header", "Data", "SubTotal", "Total", "Notes"}
_LEVEL = "DataDiscriminator"
_OURS = {
    "assetcategory": "category", "symbol": "symbol", "datetime": "time", "quantity": "quantity",
    "tprice": "price", "code": "code", "account": "account",
}  # fmt: skip
_NEEDED = ("symbol", "time", "quantity", "price", "code")


def _sniff(cells: Cells) -> bool:
    """Whether each row says what kind of row it is."""
    full = [row for row in cells.rows if row]
    return len(full) > 1 and all(len(row) > 2 and row[1] in _KINDS for row in full)


def _read(file: File, cells: Cells) -> Source:
    """The trades that its executions made. Raises DataError where there are none."""
    header: list[str] = []
    executions: list[dict[str, str]] = []
    for row in cells.all_rows():
        if len(row) > 2 and row[1] == "Header":
            header = row if row[2] == _LEVEL else []
        elif header and len(row) > 2 and row[:2] == [header[0], "Data"]:
            named = zip(header[2:], row[2:], strict=False)
            executions.append({_OURS.get(plain(name), name): cell for name, cell in named})
    levels = {row[_LEVEL] for row in executions}
    level = next((name for name in ("Order", "Trade") if name in levels), None)
    if level is None:
        raise DataError(f"{file}: an activity statement without trades, choose a longer period")
    table = pd.DataFrame([row for row in executions if row[_LEVEL] == level])
    missing = [name for name in _NEEDED if name not in table]
    if missing:
        raise DataError(
            f"{file}: the statement's trades have no {', '.join(missing)} as its English version names them: "
            "download it in English"
        )
    for name in ("quantity", "price"):  # 1,050 is a thousand and fifty in all of its languages
        table[name] = table[name].str.replace(",", "", regex=False)
    table["time"] = stamps_of(pd.Series(table["time"]))
    return trades_of(Columns(table.fillna(""), str(file)), "code", FAMILY)


FORMAT = Format(FAMILY, CLOCK, (Layout(Cells, _sniff, _read),))
