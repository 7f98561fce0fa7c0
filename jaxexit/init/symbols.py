"""Whose bars and whose trades: symbols of a list, and which of two files is which."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from jaxexit.data.bar_files import read_unchecked
from jaxexit.data.files.reader import read_source
from jaxexit.data.list_checks import SYMBOLS
from jaxexit.data.markets import MarketKind
from jaxexit.data.tables import plain
from jaxexit.data.trades import Reading, load_trades
from jaxexit.errors import DataError
from jaxexit.init.draft import Draft
from jaxexit.init.questions import Question

_SHOWN = 6


def symbols_of(path: Path) -> pd.Series:
    """How many rows of a list each symbol has, the most frequent first; empty where none is named."""
    table = read_source(path).table
    column = next((name for name in table.columns if plain(name) in SYMBOLS), None)
    if column is None:
        return pd.Series(dtype=int)
    counts = table[column].dropna().astype(str).str.strip().value_counts()
    return counts[counts.index != ""]


def settle_symbol(draft: Draft, market: MarketKind) -> bool:
    """Whose trades are taken, of a list with several symbols; and of a list with one, what the bars are of.

    Args:
        draft: of both files.
        market: of the bars, as far as they say it.

    Returns:
        Whether `data.symbol` was set: then the bars are of that market.
    """
    if draft.says("data.symbol"):
        return False
    counts = symbols_of(Path(draft.trades))
    names = [str(name) for name in counts.index]
    if len({name.lower() for name in names}) < 2:
        if not names or market.kind != "unknown":
            return False
        draft.set("data.symbol", names[0], "symbol", "the list's; the bars do not name theirs")
        return True
    ours = _letters(market.symbol)
    same = [name for name in names if ours and _same(_letters(name), ours)]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    some = ", ".join(f"{name} ({counts[name]:,})" for name in names[:_SHOWN]) + more
    if len(same) == 1:
        draft.set("data.symbol", same[0], "symbol", f"that of the bars; the list holds {some}")
        return True
    question = Question(
        "data.symbol",
        f"Whose trades are these bars of? The list holds {some}.",
        names[0],
        f"most trades of the list are of it, and the bars do not name theirs; it holds {some}",
    )
    draft.asked(question, "symbol")
    return True


def _letters(symbol: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", symbol.upper())


def _same(one: str, other: str) -> bool:
    return bool(one) and (one.startswith(other) or other.startswith(one))


def is_list(path: Path) -> bool:
    """Whether a file can be read as a list of trades."""
    try:
        names = symbols_of(path).index
        load_trades(path, Reading(symbol=str(names[0]) if len(names) else None, stops="ignore"))
    except DataError:
        return False
    return True


def is_bars(path: Path) -> bool:
    """Whether a file can be read as bars or ticks."""
    try:
        read_unchecked(path)
    except DataError:
        return False
    return True
