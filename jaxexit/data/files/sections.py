"""Tables that stand below titles, several in one file: cut out by the names in their header."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from jaxexit.data.files.delimited import numbered
from jaxexit.data.files.format import Rows
from jaxexit.data.tables import plain


def header_row(rows: Rows, names: Collection[str]) -> int | None:
    """The first row that holds all of these plain names; None where there is none."""
    return next((at for at, row in enumerate(rows) if set(names) <= set(map(plain, row))), None)


def table_below(rows: Rows, names: Collection[str]) -> pd.DataFrame:
    """The rows below the header with these plain names, to the next title, blank line or end.

    Rows in which a named column is blank (sums, deposits) are left out, a header that comes again too.
    """
    start = header_row(rows, names)
    if start is None:
        return pd.DataFrame()
    header = rows[start]
    needed = [place for place, name in enumerate(header) if plain(name) in names]
    kept = []
    for row in rows[start + 1 :]:
        if sum(map(bool, row)) < 2 and len(header) > 2:
            break
        cells = [*row, *[""] * (len(header) - len(row))][: len(header)]
        if cells != header and all(cells[place] for place in needed):
            kept.append(cells)
    return pd.DataFrame(kept, columns=numbered(header))
