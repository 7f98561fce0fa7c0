"""Trade files: a list of entries that the user brings, matched to the bars.

Understood: what `data entries` writes, MetaTrader 4 and 5 reports (HTML and CSV), backtesting.py, vectorbt,
freqtrade, NautilusTrader. `entry_time` is the open of the bar at whose close the trade was filled, or, where
`data.filled_at` says so, of the bar at whose open it was. Times are matched to bar opens exactly; what does
not match is listed, never moved.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from jaxexit.data.bars import Bars, minute
from jaxexit.data.formats import read_source
from jaxexit.data.tables import Columns, plain
from jaxexit.data.times import to_utc
from jaxexit.data.types import CLOSE, OPEN
from jaxexit.data.zones import AUTO
from jaxexit.errors import DataError

FilledAt = Literal["bar_close", "bar_open"]

# Plain names (see `tables.plain`), the most telling first.
_ALIASES: dict[str, tuple[str, ...]] = {
    "entry_time": (
        "entrytime", "entrytimestamp", "opendate", "opentime", "entrydate", "entrydatetime",
        "entryindex", "time",
    ),
    "direction": ("direction", "side", "type"),
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
_LONG = {"1", "1.0", "+1", "long", "buy", "l", "b"}
_SHORT = {"-1", "-1.0", "short", "sell", "s"}
_SIGNED_SIZE = ("size",)  # backtesting.py tells the side by the sign of the size
_LISTED = 3  # how many trades a message names
_TOLERANCE_PIPS = 1.0  # how far a price may lie outside its bar, or beside an open, to belong to it
_TELLING = 5  # fewer prices do not tell at which end of their bars they were filled


def load_trades(path: Path, timezone: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A trade file as rows, one a trade; the index is the row of the file.

    Columns: entry_time, direction (0 where a row is no trade); entry_price, stop, target, exit_time,
    exit_price, exit_reason, each blank where the file has none; then the file's other columns. Returns
    the rows and remarks to print. Raises DataError where entry time or direction is missing
    or cannot be read.
    """
    where = str(path)
    source = read_source(path)
    table, clock = source.table, source.clock if timezone == AUTO else timezone
    columns = Columns(table, where)
    found = {name: columns.find(aliases) for name, aliases in _ALIASES.items()}
    if found["entry_time"] is None:
        raise DataError(
            f"{where}: no entry time, the header must name a column entry_time (found: {columns})"
        )
    direction, used = _direction(columns, found["direction"])
    rows = pd.DataFrame({"direction": direction}, index=table.index)
    for name in ("entry_time", "exit_time"):
        column, optional = found[name], name == "exit_time"
        rows[name] = (
            np.datetime64("NaT", "ns")
            if column is None
            else to_utc(
                columns.series(column), clock, f"{where}: column '{column}'", blanks=optional
            )
        )
    for name in ("entry_price", "stop", "target", "exit_price"):
        column = found[name]
        values = np.nan if column is None else columns.numbers(column, blanks=True)
        # MetaTrader writes 0 for "no stop", "no target".
        rows[name] = values if column is None else np.where(values == 0, np.nan, values)
    reason = found["exit_reason"]
    rows["exit_reason"] = "" if reason is None else _words(columns.series(reason))
    taken = {*filter(None, found.values()), used}
    for column in table.columns:
        if column not in taken and column not in rows:
            rows[column] = table[column]
    return rows, _remarks(where, rows, found["stop"])


def _words(column: pd.Series) -> pd.Series:
    """A column as text, blank where the file has nothing."""
    return column.astype(str).where(column.notna(), "")


def _remarks(where: str, rows: pd.DataFrame, stop: str | None) -> tuple[str, ...]:
    remarks = []
    unknown = int((rows["direction"].to_numpy() == 0).sum())
    if unknown == len(rows):
        raise DataError(f"{where}: no row has a direction of long, short, buy, sell, 1 or -1")
    if unknown:
        remarks.append(f"{unknown:,} rows are no trades (neither long nor short)")
    if stop is not None and plain(stop) == "sl" and "/" in stop:
        remarks.append(
            f"'{stop}' of a MetaTrader report is each trade's last stop: if stops were moved, remove the "
            "column and env.initial_stop_atr sets them"
        )
    return tuple(remarks)


def _direction(columns: Columns, name: str | None) -> tuple[np.ndarray, str]:
    """+1, -1, or 0 where a row is neither, [rows] int; and the column that tells."""
    table = columns.table
    flag = columns.find(["isshort"])
    size = columns.find(_SIGNED_SIZE)
    if flag is not None:
        short = table[flag].astype(str).str.lower().isin(["true", "1"])
        return np.where(short, -1, 1), flag
    if name is not None:
        words = table[name].astype(str).str.strip().str.lower()
        return words.isin(_LONG).astype(int).to_numpy() - words.isin(_SHORT).to_numpy(), name
    if size is not None and "entrybar" in columns:
        return np.sign(columns.numbers(size)).astype(int), size
    raise DataError(
        f"{columns.where}: no direction, the header must name a column direction (found: {columns})"
    )


def match_bars(
    rows: pd.DataFrame, bars: Bars, where: str, filled_at: FilledAt = "bar_close"
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The bar that opens at each entry time, [rows] int, -1 where there is none.

    Also where the row's entry price lies outside that bar, [rows] bool; and remarks.

    Raises DataError where no trade matches, where most entry prices lie outside their bars (then the
    file is of another zone or another market), and where the prices clearly lie at the other end of
    their bars than `filled_at` says.
    """
    times, entry_times = bars.times, rows["entry_time"].to_numpy().astype("datetime64[ns]")
    at = np.searchsorted(times, entry_times)
    inside = np.minimum(at, len(times) - 1)
    matched = times[inside] == entry_times
    remarks = []
    if not matched.any():
        raise DataError(
            f"{where}: no entry time is the open of a bar: trades from {minute(entry_times.min())} to "
            f"{minute(entry_times.max())}, bars from {minute(times[0])} to {minute(times[-1])} UTC; "
            "check data.timezone and data.bars"
        )
    if not matched.all():
        first = ", ".join(minute(time) for time in entry_times[~matched][:_LISTED])
        more = int((~matched).sum())
        remarks.append(f"{more:,} trades match no bar: {first}{', ...' if more > _LISTED else ''}")

    price = rows["entry_price"].to_numpy(np.float64)
    priced = matched & np.isfinite(price)
    below = bars.bid[inside, 2] - price
    astray = priced & (np.maximum(below, price - bars.ask[inside, 1]) > _TOLERANCE_PIPS * bars.pip)
    if 2 * astray.sum() > priced.sum():
        raise DataError(
            f"{where}: {int(astray.sum()):,} of {int(priced.sum()):,} entry prices lie outside their "
            "bars, check data.timezone (zone of the stamps) and that the bars are of the same market"
        )
    _check_filled_at(price, priced, inside, bars, where, filled_at)
    if astray.any():
        remarks.append(
            f"{int(astray.sum()):,} entry prices lie more than {_TOLERANCE_PIPS:g} pip outside their bars"
        )
    return np.where(matched, inside, -1), astray, tuple(remarks)


def _beside(price: np.ndarray, bars: Bars, bar: np.ndarray, column: int) -> np.ndarray:
    """How far prices [N] lie outside the book at the open or close of their bars [N], in pips; >= 0."""
    below, above = bars.bid[bar, column] - price, price - bars.ask[bar, column]
    return np.maximum(np.maximum(below, above), 0.0) / bars.pip


def _check_filled_at(
    price: np.ndarray,
    priced: np.ndarray,
    bar: np.ndarray,
    bars: Bars,
    where: str,
    filled_at: FilledAt,
) -> None:
    """Raise DataError where the prices belong to the other end of their bars than `filled_at` says.

    A price tells if it belongs to one end and lies nearer to it than to the other. The setting is
    refused where more than twice as many tell against it as for it.
    """
    at_open, at_close = (_beside(price, bars, bar, column) for column in (OPEN, CLOSE))
    found = {
        "bar_open": int((priced & (at_open < at_close) & (at_open <= _TOLERANCE_PIPS)).sum()),
        "bar_close": int((priced & (at_close < at_open) & (at_close <= _TOLERANCE_PIPS)).sum()),
    }
    other = "bar_open" if filled_at == "bar_close" else "bar_close"
    if found[other] >= _TELLING and found[other] > 2 * found[filled_at]:
        raise DataError(
            f"{where}: {found['bar_open']:,} entry prices are the open and {found['bar_close']:,} the close "
            f"of the bar that opens at their entry time, set data.filled_at to {other}"
        )


def listed_decisions(
    rows: pd.DataFrame, entry_bar: np.ndarray, bars: Bars, filled_at: FilledAt
) -> tuple[np.ndarray, tuple[str, ...]]:
    """At which decision k to send EXIT so that a trade leaves where the file says; and remarks.

    The order fills at the close of bar e+k or at the open that follows it. A trade that the file closed at
    the open of a bar is to leave at that open: those of open-stamped files, unless the exit price tells
    that it was inside the bar. All others are to leave at the close of the bar of their exit time, so
    that a stop or target is met in that bar first.

    Args:
        rows: [N] trades with exit_time and exit_price.
        entry_bar: [N] int, the bar of decision 0.
        bars: all bars.
        filled_at: which end of a bar the file's times mean.

    Returns:
        [N] int, -1 where the file has no exit, or one that is no bar's or lies before the entry.
    """
    times, exit_times = bars.times, rows["exit_time"].to_numpy().astype("datetime64[ns]")
    at = np.minimum(np.searchsorted(times, exit_times), len(times) - 1)
    first = entry_bar + (filled_at == "bar_open")
    sound = (times[at] == exit_times) & (at >= first)
    decision = at - entry_bar
    if filled_at == "bar_open":
        price = rows["exit_price"].to_numpy(np.float64)
        decision -= ~(_beside(price, bars, at, OPEN) > _TOLERANCE_PIPS)  # without a price: the open
    unsound = int((~np.isnat(exit_times) & ~sound).sum())
    remarks = ()
    if unsound:
        remarks = (
            f"{unsound:,} exit times are no bar's open or lie before the entry: the baseline 'listed' holds "
            "those trades to their stop, target or horizon",
        )
    return np.where(sound, decision, -1), remarks
