"""What speaks against a list of trades being what it says: other symbols, pieces, last stops, wrong sides.

Each check refuses, or mends what can be mended and says so. Nothing is guessed where a wrong guess would
change the result.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from jaxexit.data.tables import Columns, as_numbers, plain
from jaxexit.errors import DataError

SYMBOLS = ("symbol", "pair", "instrument", "item", "tic", "ticker", "asset", "column", "epic")
PROFITS = (
    "profit",
    "pnl",
    "profitabs",
    "netprofit",
    "realizedpnl",
    "profitloss",
    "netpnl",
    "grosspnl",
)
_TELLING = 5  # rows; fewer do not tell
_LAST_STOPS = 0.05  # share of stops beyond the entry from which on they are those of the end
_INVERTED = 0.5  # share of rows against which a whole list is turned round
_FAR = (0.5, 2.0)  # stop over price: outside it is no price
_CONCENTRATED = 0.3  # difference of the shares of winners
_SHOWN = 4
_ROUND = "the directions are the wrong way round, set data.direction_codes"


def of_one_symbol(table: pd.DataFrame, where: str, symbol: str | None) -> pd.DataFrame:
    """The rows of one symbol.

    Raises:
        DataError: there are several and none is named, or not the one that is.
    """
    columns = Columns(table, where)
    name = next((n for n in table.columns if plain(n) in SYMBOLS), None)
    if name is None:
        if symbol is not None:
            raise DataError(
                f"{where}: data.symbol is {symbol}, but no column names symbols ({columns})"
            )
        return table
    said = table[name].astype(str).str.strip()
    said = said.where(table[name].notna() & (said != ""), "")
    known = said[said != ""]
    kinds = list(dict.fromkeys(known))
    if symbol is not None:
        wanted = said.str.lower() == symbol.strip().lower()
        if not wanted.any():
            raise DataError(
                f"{where}: data.symbol is {symbol}, but column '{name}' holds {_some(kinds)}"
            )
        return table.take(np.flatnonzero(wanted))
    if len({kind.lower() for kind in kinds}) > 1:
        raise DataError(
            f"{where}: column '{name}' holds {_some(kinds)}: set data.symbol to the one whose bars these are"
        )
    return table


def _some(kinds: list[str]) -> str:
    more = f" and {len(kinds) - _SHOWN} more" if len(kinds) > _SHOWN else ""
    return ", ".join(kinds[:_SHOWN]) + more


def joined_pieces(rows: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """One row for each position: exact duplicates left out, pieces of one entry joined.

    A position that was closed in parts is one trade: the piece that was closed last says where it ended.
    """
    remarks = []
    again = np.asarray(rows.duplicated())
    if again.any():
        remarks.append(f"{int(again.sum()):,} exact duplicates left out")
        rows = rows.take(np.flatnonzero(~again))
    entry = ["entry_time", "direction", "entry_price"]
    known = (rows["direction"] != 0) & rows["entry_price"].notna()
    pieces = np.asarray(known & rows.duplicated(entry, keep=False))
    if not pieces.any():
        return rows, tuple(remarks)
    ended = (
        rows["exit_time"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    )  # NaT is the least
    at = np.flatnonzero(pieces)
    last = at[np.argsort(ended[at], kind="stable")]
    whole = last[~np.asarray(rows.take(last).duplicated(entry, keep="last"))]
    remarks.append(
        f"{len(at):,} rows are pieces of {len(whole):,} trades (the same entry): joined, the last exit counts"
    )
    return rows.take(np.sort(np.append(np.flatnonzero(~pieces), whole))), tuple(remarks)


def check_prices(rows: pd.DataFrame, where: str, profit: np.ndarray | None) -> None:
    """Refuse stops that are no prices or not those of the entry, and exits that fit the other direction.

    Args:
        rows: direction, entry_price, stop, target, exit_price.
        where: the file.
        profit: [rows] what the list says was earned; None where it does not.

    Raises:
        DataError: one line with what to set.
    """
    side = rows["direction"].to_numpy(float)
    price, stop, target, left = (
        rows[name].to_numpy(float) for name in ("entry_price", "stop", "target", "exit_price")
    )
    trade = side != 0
    for name, level in (("stop", stop), ("target", target)):
        there = trade & np.isfinite(level) & np.isfinite(price)
        with np.errstate(over="ignore"):  # of a price next to nothing: as far as can be
            share = level[there] / price[there]
        if len(share) and not _FAR[0] <= float(np.median(np.abs(share))) <= _FAR[1]:
            raise DataError(
                f"{where}: a {name} of {np.nanmedian(level):g} beside prices of {np.nanmedian(price):g} is a "
                "distance, not a price: write prices, or set data.stops to ignore"
            )
    stopped, aimed = side * (price - stop), side * (target - price)
    both = trade & np.isfinite(stopped) & np.isfinite(aimed)
    inverted = both & (stopped < 0) & (aimed < 0)
    if both.sum() >= _TELLING and inverted.sum() > _INVERTED * both.sum():
        raise DataError(
            f"{where}: {int(inverted.sum()):,} of {int(both.sum()):,} trades have their stop on the winning "
            f"and their target on the losing side: {_ROUND}"
        )
    _check_profits(side, price, left, profit, where)
    known = trade & np.isfinite(stopped)
    beyond = known & (stopped < 0)
    if beyond.sum() >= _TELLING and beyond.sum() > _LAST_STOPS * known.sum():
        raise DataError(
            f"{where}: {int(beyond.sum()):,} of {int(known.sum()):,} stops lie on the winning side of their "
            "entry: they are the stops of the trades' end, not of their entry; set data.stops to ignore, "
            "env.initial_stop_atr then sets them, and all trades stay"
        )
    _check_missing(known, trade, side * (left - price), where)


def _check_profits(
    side: np.ndarray, price: np.ndarray, left: np.ndarray, profit: np.ndarray | None, where: str
) -> None:
    if profit is None:
        return
    gained = side * (left - price)
    known = (side != 0) & np.isfinite(gained) & np.isfinite(profit) & (gained != 0) & (profit != 0)
    against = known & (np.sign(gained) != np.sign(profit))
    if known.sum() >= _TELLING and against.sum() > _INVERTED * known.sum():
        raise DataError(
            f"{where}: of {int(known.sum()):,} trades {int(against.sum()):,} earned where their direction, "
            f"entry and exit price say lost, or the other way round: {_ROUND}"
        )


def _check_missing(known: np.ndarray, trade: np.ndarray, gained: np.ndarray, where: str) -> None:
    """Refuse stops that are missing just where trades lost, or won."""
    ended = trade & np.isfinite(gained) & (gained != 0)
    missing = ended & ~known
    if not known.any() or missing.sum() < _TELLING:
        return
    apart = winners_apart(gained[ended], missing[ended])
    if apart is not None:
        raise DataError(
            f"{where}: stops are missing where trades {apart}: they say how trades ended, not where they "
            "began; set data.stops to ignore"
        )


def winners_apart(gained: np.ndarray, chosen: np.ndarray) -> str | None:
    """Whether rows were chosen by their result: "won" or "lost" for what they mostly did; None: not by it."""
    count, rest = int(chosen.sum()), int((~chosen).sum())
    if min(count, rest) < _TELLING:
        return None
    mine, others = float((gained[chosen] > 0).mean()), float((gained[~chosen] > 0).mean())
    whole = float((gained > 0).mean())
    error = np.sqrt(max(whole * (1 - whole), 1e-9) * (1 / count + 1 / rest))
    if abs(mine - others) < max(_CONCENTRATED, 4.0 * error):
        return None
    return "won" if mine > others else "lost"


def profits(columns: Columns) -> np.ndarray | None:
    """What a list says was earned, [rows]; None where it does not."""
    name = next((n for n in columns.table.columns if plain(n) in PROFITS), None)
    return None if name is None else as_numbers(pd.Series(columns.table[name]))
