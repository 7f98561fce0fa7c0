"""Interactive Brokers' executions, whichever report they come from: to fills, and those to trades.

Times are New York's. `O` opens, `C` closes, `C;O` does both. Currencies have no such code, since they are
held as cash: their executions cannot be paired.
https://www.ibkrguides.com/reportingreference/reportguide/tradesfq.htm
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from jaxexit.data.files.source import Clock, Source
from jaxexit.data.pairing import paired
from jaxexit.data.tables import Columns
from jaxexit.errors import DataError

CLOCK = Clock("America/New_York", "IBKR's reports are in New York's time")
_CASH = ("forex", "cash")
_UNCODED = 0.05  # share of executions without a code from which on a file is refused


def stamps_of(column: pd.Series) -> pd.Series:
    """`20240102;103000` and `2024-01-02, 10:30:00` as stamps that `times` reads."""
    text = column.fillna("").astype(str).str.strip()
    return text.str.replace(r"(?<=\d)(?:[;,T] ?| +)(?=\d)", " ", regex=True)


def trades_of(columns: Columns, codes: str, family: str) -> Source:
    """Trades of executions, by columns whose names both reports share.

    Args:
        columns: symbol, time (`stamps_of`), quantity (signed), price; side, order, account, category where
            they are known.
        codes: the column of open and close.
        family: of the file.

    Raises:
        DataError: times without a clock, more than a few executions without a code, or nothing to pair.
    """
    where, table = columns.where, columns.table

    def words(name: str) -> pd.Series:
        return pd.Series(table[name]).astype(str) if name in table else pd.Series("", table.index)

    code = words(codes).str.upper().str.split(r"[;,\s]+", regex=True)
    opens, closes = (code.map(lambda parts, c=c: c in parts).to_numpy(bool) for c in ("O", "C"))
    cancelled = int(code.map(lambda parts: "CA" in parts).sum())
    if cancelled:
        raise DataError(
            f"{where}: {cancelled:,} executions are cancelled ones (Ca): make the report without them"
        )
    cash = words("category").str.lower().isin(_CASH).to_numpy()
    coded = opens | closes
    if not coded.any():
        raise DataError(
            f"{where}: no execution says whether it opens or closes (O, C): "
            + (
                "IBKR holds currencies as cash, write their entries as a list of your own"
                if cash.all()
                else "add Open/Close Indicator to the query"
            )
        )
    missing = ~coded & ~cash
    if missing.mean() > _UNCODED:
        raise DataError(
            f"{where}: {int(missing.sum()):,} of {len(table):,} executions do not say whether they "
            "open or close (O, C): add Open/Close Indicator to the query"
        )
    stamps = words("time")
    if not (stamps.str.contains(r"\d[ :]\d{2}:?\d{2}", regex=True) | ~coded).all():
        raise DataError(f"{where}: executions without a time of day: add Date/Time to the query")
    size = columns.numbers("quantity")
    side = np.sign(size)
    if "side" in table:
        said = words("side").str.upper().str.strip()
        side = np.where(said.str.startswith("B"), 1, np.where(said.str.startswith("S"), -1, side))
    fills = pd.DataFrame(
        {
            "time": stamps,
            "symbol": words("symbol"),
            "account": words("account"),
            "order": words("order"),
            "side": side.astype(int),
            "opens": opens,
            "closes": closes,
            "quantity": np.abs(size),
            "price": columns.numbers("price"),
        }
    )
    kept = coded & (size != 0)
    trades, remarks = paired(fills.take(np.flatnonzero(kept)).reset_index(drop=True), where)
    left_out = int(np.sum(~kept))
    if left_out:
        remarks += (f"{left_out:,} executions that neither open nor close left out",)
    return Source(family, trades, remarks=remarks)
