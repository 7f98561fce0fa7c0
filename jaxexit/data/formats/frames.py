"""Tables with a header, CSV or Parquet: whose they are, by their columns.

Our own (`time`, `bid_open` ... `ask_close`, or OHLC), TradingView's exports, yfinance's frames, ticks, and
the trade lists of NautilusTrader, backtesting.py, vectorbt and freqtrade.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from jaxexit.data.formats import (
    binance,
    dukascopy,
    lists,
    metatrader,
    mt5_python,
    ninjatrader,
    tradingview,
)
from jaxexit.data.formats.delimited import numbered
from jaxexit.data.formats.format import Format, known
from jaxexit.data.formats.source import LABELS, Source, named_side
from jaxexit.data.sources import InMemory
from jaxexit.data.tables import Columns, plain
from jaxexit.data.times import labelled
from jaxexit.errors import DataError

_TRADE_LISTS = {
    "freqtrade trades": ("openrate", "closerate"),
    "vectorbt trades": ("avgentryprice", "avgexitprice"),
    "backtesting.py trades": ("entrybar", "exitbar", "size"),
    "MT4 trades": ("ticket", "opentime", "item"),
    "MT5 trades": ("position", "time1", "price1"),
    "trades": ("entrytime", "direction"),
}
_NAUTILUS = {
    "ts_opened": "entry_time",
    "ts_closed": "exit_time",
    "avg_px_open": "entry_price",
    "avg_px_close": "exit_price",
    "entry": "direction",
}
TABLES: tuple[Format[Columns], ...] = (
    mt5_python.POSITIONS,
    mt5_python.DEALS,
    lists.VECTORBT,
    lists.LEAN,
    tradingview.FORMAT,
    ninjatrader.TRADES,
    ninjatrader.EXECUTIONS,
    binance.TABLE,
)
_TRADINGVIEW = ["time", "open", "high", "low", "close"]


def describe(table: pd.DataFrame, path: Path | InMemory) -> Source:
    """The source of a table with a header; one of an unknown origin is taken by its column names."""
    table = _with_named_index(flat(table, path))
    columns = Columns(table, str(path))
    if _NAUTILUS.keys() <= set(map(str, table.columns)):
        return _nautilus(table)
    if (kind := known(TABLES, columns)) is not None:
        return kind.read(path, columns)
    for family, names in _TRADE_LISTS.items():
        if all(name in columns for name in names):
            return Source(family, table, rule=_rule(table))
    found = metatrader.by_columns(columns) or dukascopy.by_columns(columns, path)
    if found is not None:
        return found
    family = _family(table, columns)
    side = None if any(plain(n).startswith(("bid", "ask")) for n in table) else named_side(path)
    remarks = (f"{side} by the file's name",) if side else ()
    return Source(family, table, rule=_rule(table), side=side, remarks=remarks)


def _with_named_index(table: pd.DataFrame) -> pd.DataFrame:
    """A first column without a name that holds times is the index that pandas has written."""
    first = str(table.columns[0])
    blank = first == "" or first.startswith("Unnamed: ")
    looks = blank and re.match(r"\d{4}-\d{2}-\d{2}|\d{2}[./]\d{2}[./]\d{4}", str(table.iloc[0, 0]))
    return table.rename(columns={table.columns[0]: "index"}) if looks else table


def _rule(table: pd.DataFrame) -> str:
    for name in table.columns:
        if re.search(r"time|date|utc", str(name), re.IGNORECASE) and labelled(
            pd.Series(table[name])
        ):
            return LABELS
    return "UTC where a stamp has no offset"


def _family(table: pd.DataFrame, columns: Columns) -> str:
    names = [str(name) for name in table.columns]
    if "bid" in columns and "ask" in columns and "open" not in columns:
        return "ticks"
    if "bidopen" in columns or "askopen" in columns:
        return "bars of both sides" if "bidopen" in columns and "askopen" in columns else "bars"
    if {"Open", "High", "Low", "Close"} <= set(names) and {"Date", "Datetime"} & set(names):
        return "yfinance bars"
    if names[:5] == _TRADINGVIEW and "T" in str(table["time"].iloc[0]):
        return "TradingView bars"
    return "bars"


def _nautilus(table: pd.DataFrame) -> Source:
    """NautilusTrader's positions report: `side` is FLAT once closed, `entry` is BUY or SELL."""
    table = table.drop(columns="side", errors="ignore").rename(columns=_NAUTILUS)
    return Source("NautilusTrader positions", table, "UTC", "NautilusTrader's times are in UTC")


def flat(table: pd.DataFrame, path: Path | InMemory) -> pd.DataFrame:
    """One level of column names: yfinance has a second one with the ticker.

    Raises DataError where there are several tickers.
    """
    if isinstance(table.columns, pd.MultiIndex):
        pairs = [tuple(map(str, name)) for name in table.columns]
    else:
        tuples = [re.fullmatch(r"\('([^']*)', '([^']*)'\)", str(n)) for n in table.columns]
        if not any(tuples):
            return table
        pairs = [
            m.groups() if m else (str(n), "") for m, n in zip(tuples, table.columns, strict=True)
        ]
    tickers = sorted({pair[1] for pair in pairs} - {""})
    if len(tickers) > 1:
        raise DataError(f"{path}: bars of {', '.join(tickers[:4])}, keep one ticker in a file")
    return table.set_axis([pair[0] for pair in pairs], axis=1)


def as_columns(table: InMemory) -> pd.DataFrame:
    """The rows of a table as a file of them would give them: the index as a column, names as text.

    An index without a name that only counts rows is left out. Of columns with one name the later ones are
    numbered. The frame itself is not modified.

    Raises:
        DataError: there are no rows, or the index and another column have one name.
    """
    frame = table.frame
    if not len(frame) or not len(frame.columns):
        raise DataError(f"{table}: has no rows")
    if not isinstance(frame.columns, pd.MultiIndex):
        frame = frame.set_axis(numbered([str(name) for name in frame.columns]), axis=1)
    index = frame.index
    if index.nlevels == 1 and index.name is None and pd.api.types.is_integer_dtype(index.dtype):
        return frame.reset_index(drop=True)
    repeated = [name for name in index.names if name is not None and str(name) in frame.columns]
    for name in repeated:
        if not (index.get_level_values(name) == pd.Index(frame[str(name)])).all():
            raise DataError(f"{table}: the index and a column are both called '{name}', rename one")
    if len(repeated) == index.nlevels:  # `set_index(name, drop=False)`
        return frame.reset_index(drop=True)
    return frame.reset_index(level=[name for name in index.names if name not in repeated])
