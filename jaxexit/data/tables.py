"""Finding the columns of a table whatever their spelling.

Every mistake in a column is one line that names the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from jaxexit.data.languages import ENGLISH, folded
from jaxexit.errors import DataError, one_line

_BLANK = r"(?<=\d)[\s'\u2019](?=\d{3}(?!\d))"  # between thousands; Swiss files write an apostrophe
_MONEY = r"[$\u20ac\u00a3\u00a5\u20bd]"
_DECIMAL_COMMA = (
    r"[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+),(?:\d{1,2}|\d{4,})|[+-]?\d{1,3}(?:\.\d{3})+,\d+|[+-]?0,\d+"
)
_OF_DECIMAL_COMMA = r"[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d+)?"
_THOUSANDS = r"[+-]?\d{1,3}(?:,\d{3})+\.\d+|[+-]?\d{1,3}(?:,\d{3}){2,}"
_UNCLEAR = r"[+-]?\d{1,3},\d{3}"
_WHICH_COMMA = "; is its comma a decimal sign? write a point"
_OF_THOUSANDS = r"[+-]?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d*)?"


def plain(name: object) -> str:
    """A column name without case, blanks and signs: '<Open>', 'open' and 'OPEN ' are one.

    Words of other languages become the English ones (see `languages`), with the number that follows them.
    """
    word = folded(name)
    stem = word.rstrip("0123456789")
    return ENGLISH.get(stem, stem) + word[len(stem) :]


def as_numbers(column: pd.Series) -> np.ndarray:
    """A column as float64 [rows], nan where it is not a number.

    Read are also money (`$1,250.50`, `(12.50)`) and a decimal comma (`1.250,5`), where the column shows which
    sign is which: `1,250` alone does not.
    """
    found = np.asarray(pd.to_numeric(column, errors="coerce"), dtype=np.float64)
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return found
    other = np.isnan(found) & column.notna().to_numpy()
    if not other.any():
        return found
    text = column.astype(str).str.replace(_BLANK, "", regex=True)
    text = text.str.replace("\u2212", "-", regex=False).str.replace(_MONEY, "", regex=True)
    text = text.str.strip().str.replace(r"^\((.+)\)$", r"-\1", regex=True)
    comma, thousands = (
        bool(text.str.fullmatch(pattern).any()) for pattern in (_DECIMAL_COMMA, _THOUSANDS)
    )
    if comma and not thousands:
        text = text.where(text.str.fullmatch(_OF_DECIMAL_COMMA), "")
        text = text.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
        other[:] = True
    elif thousands and not comma:
        text = text.where(text.str.fullmatch(_OF_THOUSANDS), "").str.replace(",", "", regex=False)
    numbers = np.asarray(pd.to_numeric(text, errors="coerce"), dtype=np.float64)
    return np.where(other, numbers, found)


def table_of(rows: Iterable[Iterable[object]], names: Iterable[str]) -> pd.DataFrame:
    """Rows of numbers, perhaps as text, as a table. Raises ValueError for rows of unequal length."""
    columns = zip(*rows, strict=True)
    return pd.DataFrame({n: as_numbers(pd.Series(c)) for n, c in zip(names, columns, strict=False)})


def mapped(table: pd.DataFrame, names: Mapping[str, str], where: str) -> pd.DataFrame:
    """The table with the user's columns under our names; the file's own of such a name are set aside.

    Args:
        table: of the file.
        names: our names, and the file's columns that they are (`data.columns`).
        where: the file, for messages.

    Raises:
        DataError: the file has no such column.
    """
    for name, said in names.items():
        column = next((n for n in table.columns if str(n).strip() == said.strip()), None)
        if column is None:
            raise DataError(
                f"{where}: data.columns: {name} is said to be '{said}', and the file has no such column "
                f"(found: {', '.join(map(str, table.columns))})"
            )
        values = table[column]
        others = {n: f"{n} (file)" for n in table.columns if plain(n) == plain(name)}
        table = table.rename(columns=others).assign(**{name: values})
    return table


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

    def has(self, *plain_names: str) -> bool:
        """Whether all of these are there."""
        return all(name in self._names for name in plain_names)

    def find(self, aliases: Iterable[str]) -> str | None:
        """The table's own name of the first alias (plain names) that it has."""
        for alias in aliases:
            if names := self._names.get(alias):
                english = [
                    name for name in names if folded(name) == alias
                ]  # a word of no other language
                if len(names) > 1 and len(english) != 1:
                    raise DataError(
                        f"{self.where}: columns {', '.join(map(repr, names))} mean the same, keep one"
                    )
                return english[0] if english else names[0]
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
            text = one_line(str(column.iloc[row])[:60])
            raise DataError(
                f"{self.where}: column '{name}' is '{text}' in row {row + 1}, "
                f"a finite number is needed ({int(wrong.sum())} such rows)"
                + (_WHICH_COMMA if re.fullmatch(_UNCLEAR, text.strip()) else "")
            )
        return values

    def __str__(self) -> str:
        return ", ".join(map(str, self.table.columns))
