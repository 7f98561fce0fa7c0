"""Delimited text, read by pyarrow: delimiter, decimal sign, encoding and header are seen from its head."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from jaxexit.errors import DataError

HEAD_BYTES = 65_536
_HEAD_ROWS = 50
_DELIMITERS = ",;\t"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True)
class Head:
    """The first rows of a text file."""

    encoding: str
    delimiter: str
    decimal: str
    rows: list[list[str]]  # cells, stripped

    @property
    def first(self) -> list[str]:
        """The first row's cells: a header, or the first record."""
        return self.rows[0]

    def all_rows(self, *patterns: str) -> bool:
        """Whether each row begins with cells that match the patterns, one a cell."""
        return all(
            len(row) >= len(patterns)
            and all(re.fullmatch(p, cell) for p, cell in zip(patterns, row, strict=False))
            for row in self.rows
        )


def decode(start: bytes) -> tuple[str, str] | None:
    """A file's first bytes as text, and its encoding; None where they are no text."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"", "utf-8-sig")):
        if start.startswith(mark):
            try:
                text = start.decode(encoding)
            except UnicodeDecodeError as error:
                if error.start < len(start) - 4:  # not just a letter cut in two at the end
                    return None
                text = start[: error.start].decode(encoding)
            return None if "\0" in text else (text, encoding)
    return None


def read_head(text: str, encoding: str, *, whole: bool) -> Head:
    """See the layout of a text from its beginning; `whole`: nothing follows."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not whole and len(lines) > 1:
        lines = lines[:-1]  # may be cut
    lines = lines[:_HEAD_ROWS] or [""]
    delimiter = max(_DELIMITERS, key=lines[0].count)
    if "\t" in lines[0]:
        delimiter = "\t"
    rows = [[c.strip() for c in row] for row in csv.reader(lines, delimiter=delimiter)]
    comma = delimiter != "," and any(_DECIMAL_COMMA.fullmatch(c) for row in rows[:3] for c in row)
    return Head(encoding, delimiter, "," if comma else ".", rows)


def is_number(cell: str) -> bool:
    """Whether a cell is a plain number."""
    return _NUMBER.fullmatch(cell) is not None


def read_delimited(
    path: Path, head: Head, *, names: Sequence[str] = (), skip_rows: int = 0
) -> pd.DataFrame:
    """The file as a table; cells that do not begin as numbers stay text.

    `names` are the columns of a file without a header, `skip_rows` lines before the header. Columns of
    one name are numbered: Price, Price.1. Raises DataError for what is no table.
    """
    header = list(names) or _numbered(head.rows[skip_rows])
    data = head.rows[0 if names else skip_rows + 1 :]
    if not data:
        raise DataError(f"{path}: the file has a header and no rows")
    # What begins as text is text in all rows: dates, clocks and words are for others to understand.
    types = {
        name: pa.string()
        for place, name in enumerate(header)
        if any(
            len(row) > place and row[place] and not _numeric(row[place], head) for row in data[:20]
        )
    }
    try:
        table = arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(
                column_names=header,
                skip_rows=0 if names else skip_rows + 1,
                encoding="utf-8" if head.encoding == "utf-8-sig" else head.encoding,
            ),
            parse_options=arrow_csv.ParseOptions(delimiter=head.delimiter),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, decimal_point=head.decimal, strings_can_be_null=True
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeDecodeError):
        return _read_uneven(path, head, header, skip_rows=0 if names else skip_rows + 1)
    frame = table.to_pandas()
    for field in table.schema:  # a column that was blank at first and then held clocks or dates
        if pa.types.is_temporal(field.type):
            frame[field.name] = table[field.name].cast(pa.string()).to_pandas()
    return frame


def _read_uneven(path: Path, head: Head, header: list[str], skip_rows: int) -> pd.DataFrame:
    """Rows of unequal length, which pyarrow refuses: short ones are filled with blanks."""
    try:
        return pd.read_csv(
            path,
            sep=head.delimiter,
            decimal=head.decimal,
            encoding=head.encoding,
            header=None,
            names=header,
            index_col=False,
            skiprows=skip_rows,
        )
    except UnicodeDecodeError:
        raise DataError(
            f"{path}: not a text file in UTF-8, save it as CSV in UTF-8 or as Parquet"
        ) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        words = " ".join(str(error).split())[:160]
        raise DataError(f"{path}: not a readable CSV file ({words})") from None


def _numeric(cell: str, head: Head) -> bool:
    return is_number(cell.replace(",", ".") if head.decimal == "," else cell)


def _numbered(header: Sequence[str]) -> list[str]:
    seen: dict[str, int] = {}
    names = []
    for name in header:
        count = seen.get(name, 0)
        seen[name] = count + 1
        names.append(f"{name}.{count}" if count else name)
    return names


def joined(date: pd.Series, clock: pd.Series) -> pd.Series:
    """Two columns of text with a blank between them."""
    return date.astype(str) + " " + clock.astype(str)


def scaled(values: np.ndarray, factor: float) -> np.ndarray:
    """Prices stored as whole numbers, e.g. of ten-thousandths."""
    return values.astype(np.float64) / factor
