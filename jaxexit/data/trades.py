"""Trade files: a list of entries that the user brings.

Understood: what `data entries` writes, MetaTrader 4 and 5 reports (HTML and CSV) and its Python frames,
backtesting.py, vectorbt, freqtrade, NautilusTrader, Lean, TradingView, NinjaTrader, cTrader, Myfxbook,
Interactive Brokers; any other list by `data.columns`. How trades come to their bars is in `matching`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pandas as pd

from jaxexit.data.directions import directions
from jaxexit.data.files.format import File
from jaxexit.data.files.reader import read_source
from jaxexit.data.files.source import Source
from jaxexit.data.list_checks import check_prices, joined_pieces, of_one_symbol, profits
from jaxexit.data.tables import Columns, mapped, plain
from jaxexit.data.times import to_utc
from jaxexit.data.zones import AUTO
from jaxexit.errors import DataError
from jaxexit.limits import check_float32

if TYPE_CHECKING:
    from jaxexit.config.market import Data

# Plain names (see `tables.plain`), the most telling first.
_ALIASES: dict[str, tuple[str, ...]] = {
    "entry_time": (
        "entrytime", "entrytimestamp", "opendate", "opentime", "entrydate", "entrydatetime",
        "entryindex", "time",
    ),
    "direction": ("direction", "side", "buysell", "type", "action"),
    "entry_price": ("entryprice", "avgentryprice", "openrate", "openprice", "price"),
    # freqtrade's stop_loss_abs is the last stop; only the initial one was known at the entry.
    "stop": ("sl", "stop", "initialstoplossabs", "stoploss", "stopprice"),
    "target": ("tp", "target", "takeprofit", "targetprice"),
    "exit_time": (
        "exittime", "exittimestamp", "closedate", "closetime", "exitdate", "exitdatetime",
        "exitindex", "time1",
    ),
    "exit_price": ("exitprice", "avgexitprice", "closerate", "closeprice", "price1"),
    "exit_reason": ("exitreason", "sellreason"),
}  # fmt: skip


class Reading(NamedTuple):
    """How a list is to be read, as section `data` says."""

    timezone: str = AUTO  # of stamps without an offset
    symbol: str | None = None
    columns: Mapping[str, str] = {}  # our names: the file's
    direction_codes: Mapping[str, str] = {}
    stops: Literal["file", "ignore"] = "file"


def reading_of(data: Data) -> Reading:
    """How an experiment reads its list."""
    return Reading(
        data.timezone if data.trades_timezone is None else data.trades_timezone,
        data.symbol,
        data.columns,
        data.direction_codes,
        data.stops,
    )


class TradeList(NamedTuple):
    """A list of trades as it was read."""

    rows: pd.DataFrame  # one a trade; the index is the row of the file
    remarks: tuple[str, ...]  # to print
    where: str  # the list, for messages
    source: Source  # the table that the rows were read from


def load_trades(path: File, reading: Reading | str) -> TradeList:
    """Read a trade file, or a table of trades.

    Columns of the rows: entry_time, direction (0 where a row is no trade); entry_price, stop, target,
    exit_time, exit_price, exit_reason, each blank where the file has none; then the file's other columns.

    Args:
        path: the file or table.
        reading: how it is read; a clock alone stands for all else as usual.

    Raises:
        DataError: entry time or direction is missing or cannot be read, and what `list_checks` refuses.
    """
    where = str(path)
    how = Reading(reading) if isinstance(reading, str) else reading
    source = read_source(path)
    clock = source.clock.zone if how.timezone == AUTO else how.timezone
    named = {name: theirs for name, theirs in how.columns.items() if name in _ALIASES}
    table = of_one_symbol(mapped(source.table, named, where), where, how.symbol)
    columns = Columns(table, where)
    names = {
        name: name if name in named else columns.find(aliases) for name, aliases in _ALIASES.items()
    }
    if names["entry_time"] is None:
        raise DataError(
            f"{where}: no entry time, the header must name a column entry_time (found: {columns})"
        )
    if how.stops == "ignore":
        names["stop"] = names["target"] = None
    direction, used = directions(columns, names["direction"], how.direction_codes)
    rows = pd.DataFrame({"direction": direction}, index=table.index)
    for name in ("entry_time", "exit_time"):
        column, optional = names[name], name == "exit_time"
        rows[name] = (
            np.datetime64("NaT", "ns")
            if column is None
            else to_utc(
                columns.series(column),
                clock,
                f"{where}: column '{column}'",
                blanks=optional,
                server_epochs=source.server_time,
            )
        )
    for name in ("entry_price", "stop", "target", "exit_price"):
        column = names[name]
        values = np.nan
        if column is not None:
            values = columns.numbers(column, blanks=True)
            check_float32(values, where, f"column '{column}'")
        # MetaTrader writes 0 for "no stop", "no target".
        rows[name] = values if column is None else np.where(values == 0, np.nan, values)
    reason = names["exit_reason"]
    rows["exit_reason"] = "" if reason is None else _words(columns.series(reason))
    taken = {*filter(None, names.values()), used}
    for column in table.columns:
        if column not in taken and column not in rows:
            rows[column] = table[column]
    remarks = source.remarks + _remarks(where, rows, names["stop"], source.last_stops)
    check_prices(rows, where, profits(columns))
    rows, joined = joined_pieces(rows)
    return TradeList(rows, remarks + joined, where, source)


def _words(column: pd.Series) -> pd.Series:
    """A column as text, blank where the file has nothing."""
    return column.astype(str).where(column.notna(), "")


def _remarks(where: str, rows: pd.DataFrame, stop: str | None, last_stops: bool) -> tuple[str, ...]:
    remarks = []
    unknown = int((rows["direction"].to_numpy() == 0).sum())
    if unknown == len(rows):
        raise DataError(f"{where}: no row has a direction of long, short, buy, sell, 1 or -1")
    if unknown:
        remarks.append(f"{unknown:,} rows are no trades (neither long nor short)")
    if stop is not None and (last_stops or (plain(stop) == "sl" and "/" in stop)):
        remarks.append(
            f"'{stop}' of such a report is each trade's last stop: if stops were moved, set data.stops to "
            "ignore and env.initial_stop_atr sets them"
        )
    return tuple(remarks)
