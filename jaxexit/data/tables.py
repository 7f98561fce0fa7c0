"""Finding the columns of a table whatever their spelling.

Every mistake a column can hold is told in one line that names the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from jaxexit.errors import DataError, one_line


def plain(name: object) -> str:
    """A column name without case, blanks and signs: '<Open>', 'open' and 'OPEN ' are one."""
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


def as_numbers(column: pd.Series) -> np.ndarray:
    """A column as float64 [rows], nan where it is not a number."""
    return np.asarray(pd.to_numeric(column, errors="coerce"), dtype=np.float64)


class Columns:
    """A table's columns by their plain names."""

    def __init__(self, table: pd.DataFrame, where: str) -> None:
        self.table = table
        self.where = where
        self._names: dict[str, list[str]] = {}
        for name in table.columns:
            self._names.setdefault(plain(name), []).append(name)

    def __contains__(self, plain_name: str) -> bool:
        return plain_name in self._names

    def find(self, aliases: Iterable[str]) -> str | None:
        """The table's own name of the first alias (plain names) that it has."""
        for alias in aliases:
            if names := self._names.get(alias):
                if len(names) > 1:
                    raise DataError(
                        f"{self.where}: columns {', '.join(map(repr, names))} mean the same, keep one"
                    )
                return names[0]
        return None

    def series(self, name: str) -> pd.Series:
        """A column by the table's own name."""
        return pd.Series(self.table[name])

    def numbers(self, name: str, *, blanks: bool = False) -> np.ndarray:
        """A column as float64 [rows]; nan where blank, if `blanks` allows it.

        Raises DataError with the row of the first value that is not a finite number.
        """
        column = self.series(name)
        values = as_numbers(column)
        wrong = ~np.isfinite(values)
        if blanks and wrong.any():
            wrong &= ~(column.isna() | column.astype(str).str.strip().isin(["", "-"])).to_numpy()
        if wrong.any():
            row = int(np.argmax(wrong))
            found = one_line(str(column.iloc[row])[:60])
            raise DataError(
                f"{self.where}: column '{name}' is '{found}' in row {row + 1}, "
                f"a finite number is needed ({int(wrong.sum())} such rows)"
            )
        return values

    def __str__(self) -> str:
        return ", ".join(map(str, self.table.columns))
