"""Trade lists of back tests whose directions are codes: vectorbt's records, Lean's closed trades.

- vectorbt's records (`id`, `col`, `entry_idx`, `exit_idx`): `direction` 0 long, 1 short.
- Lean's closed trades (`EntryTime`, `Direction`, `Quantity`): `Direction` 0 long, 1 short (TradeDirection).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from jaxexit.data.formats.format import Format
from jaxexit.data.formats.source import Source
from jaxexit.data.sources import InMemory
from jaxexit.data.tables import Columns, as_numbers


def _coded(family: str, columns: Columns) -> Source:
    """Codes of 0 and 1 as words; words stay."""
    column = str(columns.find(["direction"]))
    table = columns.table
    codes = as_numbers(pd.Series(table[column]))
    if np.isin(codes, (0.0, 1.0)).all():
        table = table.assign(**{column: np.where(codes == 0, "long", "short")})
    return Source(family, table, "UTC", f"{family} are in the clock of their bars, taken as UTC")


def _read_vectorbt(path: Path | InMemory, columns: Columns) -> Source:
    del path
    return _coded("vectorbt records", columns)


def _read_lean(path: Path | InMemory, columns: Columns) -> Source:
    del path
    return _coded("Lean trades", columns)


VECTORBT = Format(
    "vectorbt records",
    lambda columns: columns.has("id", "col", "entryidx", "exitidx", "direction"),
    _read_vectorbt,
)
LEAN = Format(
    "Lean trades",
    lambda columns: columns.has("entrytime", "entryprice", "direction", "quantity", "exittime"),
    _read_lean,
)
