"""Reading CSV and Parquet files as tables, and finding columns whatever their spelling.

Every mistake a file can hold is told in one line that names the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from jaxexit.errors import DataError

PARQUET_SUFFIXES = (".parquet", ".pq")
_DELIMITERS = ",;\t"


def read_table(path: Path) -> pd.DataFrame:
    """A CSV (comma, semicolon or tab; with a header) or Parquet file as a table.

    Raises DataError for a file that is missing, empty or not of its format.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file, check the path")
    if path.is_dir():
        raise DataError(f"{path}: is a folder, name a CSV or Parquet file")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty, it needs a header and at least two rows")
    table = _read_parquet(path) if path.suffix.lower() in PARQUET_SUFFIXES else _read_csv(path)
    if len(table) == 0:
        raise DataError(f"{path}: the file has a header and no rows")
    return table


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's own errors derive from these
        raise DataError(f"{path}: not a readable Parquet file ({_one_line(error)})") from None
    if isinstance(table.index, pd.RangeIndex):
        return table
    return table.reset_index()  # a table saved by pandas with its time as index


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = next((line for line in file if line.strip()), "")
        delimiter = max(_DELIMITERS, key=header.count)
        return pd.read_csv(path, sep=delimiter, encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(
            f"{path}: not a text file in UTF-8, save it as CSV in UTF-8 or as Parquet"
        ) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{path}: not a readable CSV file ({_one_line(error)})") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]


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
            raise DataError(
                f"{self.where}: column '{name}' is '{column.iloc[row]}' in row {row + 1}, "
                f"a finite number is needed ({int(wrong.sum())} such rows)"
            )
        return values

    def __str__(self) -> str:
        return ", ".join(map(str, self.table.columns))
