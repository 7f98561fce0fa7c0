"""TradingView's list of trades, both versions of its header: an entry and an exit row for each number."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from jaxexit.data.formats.format import Format
from jaxexit.data.formats.source import Source
from jaxexit.data.sources import InMemory
from jaxexit.data.tables import Columns, plain
from jaxexit.errors import DataError

_NUMBER, _WHEN = ("trade", "tradenumber"), ("datetime", "dateandtime")


def recognise(columns: Columns) -> bool:
    """Whether a table has the columns of the list, of either version."""
    return all(columns.find(names) is not None for names in (_NUMBER, _WHEN, ("type",)))


def read(path: Path | InMemory, columns: Columns) -> Source:
    """One row a trade. Raises DataError for a list in another language, or without a price."""
    del path
    table = columns.table
    number, when = str(columns.find(_NUMBER)), str(columns.find(_WHEN))
    kind = table[str(columns.find(["type"]))].astype(str).str.strip().str.lower()
    price = next((n for n in table.columns if re.match(r"price", plain(n))), None)
    if price is None:
        raise DataError(f"{columns.where}: a TradingView list without a price (found: {columns})")
    entry, leaving = (kind.str.match(rf"{word}\b").to_numpy() for word in ("entry", "exit"))
    if not entry.any():
        raise DataError(
            f"{columns.where}: a TradingView list in which no row begins with Entry: export it in English"
        )
    numbers = table[number].to_numpy()
    first = {numbers[row]: row for row in np.flatnonzero(entry)[::-1]}  # of each number
    last = {numbers[row]: row for row in np.flatnonzero(leaving)}
    begun = sorted(first.values())
    ended = [last.get(numbers[row]) for row in begun]

    def left(name: str) -> list[object]:
        values = table[name].to_numpy()
        return [None if row is None else values[row] for row in ended]

    found = pd.DataFrame(
        {
            "entry_time": table[when].to_numpy()[begun],
            "direction": kind.str.extract(r"(long|short)", expand=False).to_numpy()[begun],
            "entry_price": table[price].to_numpy()[begun],
            "exit_time": left(when),
            "exit_price": left(price),
        }
    )
    return Source(
        "TradingView trades",
        found,
        rule="TradingView's export is in the chart's zone, taken as UTC",
    )


FORMAT = Format("TradingView trades", recognise, read)
