"""Delimited text, read by pyarrow: delimiter, decimal sign, encoding and header are seen from its head."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+")
_DECIMAL_POINT = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)\.\d+")
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([.,])\d{3}(\1\d{3})*")  # as thousands are
_OF_DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?")
_SEPARATOR = re.compile(r"sep=([,;\t])", re.IGNORECASE)
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f]")


@dataclass(frozen=True)
class Head:
    """The first rows of a text file."""

    encoding: str
    delimiter: str
    decimal: str
    rows: list[list[str]]  # cells, stripped, from the header on
    start: int = 0  # lines of the file above them: a title, an address, `sep=;`

    @property
    def first(self) -> list[str]:
        """The first row's cells: a header, or the first record."""
        return self.rows[0]

    @property
    def untidy(self) -> bool:
        """Whether the first row is too empty for a header: a report saved as a table."""
        filled = [sum(map(bool, row)) for row in self.rows]
        return 2 * filled[0] < max(filled)

    def all_rows(self, *patterns: str) -> bool:
        """Whether each row begins with cells that match the patterns, one a cell."""
        return all(
            len(row) >= len(patterns)
            and all(re.fullmatch(p, cell) for p, cell in zip(patterns, row, strict=False))
            for row in self.rows
        )


def decode(start: bytes, *, whole: bool) -> tuple[str, str] | None:
    """A file's first bytes (all, if `whole`) as text, and its encoding; None where they are no text.

    UTF-8 or UTF-16, else one of Windows' code pages: 1251 where letters beyond ASCII stand in a row, as
    Russian words do, 1252 where they stand alone, as accents do. Numbers are the same in all of them.
    """
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _as_text(start, "utf-16", whole)
    upper = start[1:200:2]  # of UTF-16 without its mark: 0 for Latin letters, 4 for Cyrillic ones
    if upper.count(0) and upper.count(0) + upper.count(4) > 0.9 * len(upper):
        return _as_text(start, "utf-16-le", whole)
    decoded = _as_text(start, "utf-8-sig", whole)
    if decoded is not None or b"\0" in start:
        return decoded
    in_a_row = sum(map(len, re.findall(rb"[\xc0-\xff]{3,}", start)))
    russian = 2 * in_a_row > len(re.findall(rb"[\xc0-\xff]", start))
    return _as_text(start, "cp1251" if russian else "cp1252", whole)


def _as_text(start: bytes, encoding: str, whole: bool) -> tuple[str, str] | None:
    try:
        text = start.decode(encoding)
    except UnicodeDecodeError as error:
        if whole or error.start < len(start) - 4:  # not just a letter cut in two at the end
            return None
        text = start[: error.start].decode(encoding)
    return None if _NO_TEXT.search(text) else (text, encoding)


def read_head(text: str, encoding: str, *, whole: bool) -> Head:
    """See the layout of a text from its beginning; `whole`: nothing follows."""
    every = list(enumerate(text.splitlines()))
    filled = [(at, line) for at, line in every if line.strip()]
    if not whole and len(filled) > 1:
        filled = filled[:-1]  # may be cut
    filled = filled[:_HEAD_ROWS] or [(0, "")]
    lines = [line for _, line in filled]
    delimiter = _delimiter(lines)
    rows = [[c.strip() for c in row] for row in csv.reader(lines, delimiter=delimiter)]
    decimal = _decimal([cell for row in rows for cell in row], delimiter)
    titles = _titles(rows) if len(rows) == len(lines) else 0  # a cell that holds a line break
    return Head(encoding, delimiter, decimal, rows[titles:], filled[titles][0])


def _decimal(cells: list[str], delimiter: str) -> str:
    """The decimal sign: a comma where cells show it, or where semicolons part them and none shows a point.

    Of three digits behind a sign no cell shows whether they are decimals or thousands.
    """
    commas, points = (
        [cell for cell in cells if sign.fullmatch(cell)]
        for sign in (_DECIMAL_COMMA, _DECIMAL_POINT)
    )
    if delimiter == "," or any(not _GROUPED.fullmatch(cell) for cell in points):
        return "."
    if any(not _GROUPED.fullmatch(cell) for cell in commas) or (commas and delimiter == ";"):
        return ","
    return "."


def _delimiter(lines: list[str]) -> str:
    """The sign that parts the cells of the first line that is no title; or what Excel's `sep=;` says."""
    if said := _SEPARATOR.fullmatch(lines[0].strip()):
        return said[1]
    line = next((each for each in lines if max(map(each.count, _DELIMITERS)) > 1), lines[0])
    return "\t" if "\t" in line else max(_DELIMITERS, key=line.count)


def _titles(rows: list[list[str]]) -> int:
    """How many rows stand above the header: those of one cell where the table has more than two."""
    usual = max(map(len, rows))
    said = 1 if rows[0][:1] == ["sep="] else 0
    return next(
        (at for at, row in enumerate(rows) if at >= said and (len(row) > 1 or usual < 3)), 0
    )


def is_number(cell: str) -> bool:
    """Whether a cell is a plain number."""
    return _NUMBER.fullmatch(cell) is not None


def read_delimited(
    path: Path, head: Head, *, names: Sequence[str] = (), skip_rows: int = 0
) -> pd.DataFrame:
    """The file as a table; cells that do not begin as numbers stay text.

    `names` are the columns of a file without a header, `skip_rows` rows between its start and the header.
    Columns of one name are numbered: Price, Price.1. Raises DataError for what is no table.
    """
    header = list(names) or numbered(head.rows[skip_rows])
    above = head.start + (0 if names else skip_rows + 1)
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
                skip_rows=above,
                encoding="utf-8" if head.encoding == "utf-8-sig" else head.encoding,
            ),
            parse_options=arrow_csv.ParseOptions(delimiter=head.delimiter),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, decimal_point=head.decimal, strings_can_be_null=True
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeDecodeError):
        return _read_uneven(path, head, header, above)
    frame = table.to_pandas()
    for field in table.schema:  # a column that was blank at first and then held clocks or dates
        if pa.types.is_temporal(field.type):
            frame[field.name] = table[field.name].cast(pa.string()).to_pandas()
        elif head.decimal == "," and pa.types.is_string(field.type):
            frame[field.name] = _with_thousands(frame[field.name])
    return frame


def _with_thousands(column: pd.Series) -> pd.Series:
    """`1.250` of a file with a decimal comma is a thousand and more; other columns as they are."""
    present = column.dropna().astype(str)
    if not len(present) or not present.str.fullmatch(_OF_DECIMAL_COMMA).all():
        return column
    text = column.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    return pd.Series(pd.to_numeric(text, errors="coerce"), column.index)


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
    except UnicodeDecodeError:  # a letter that is none of UTF-8 stands far below
        decoded = decode(path.read_bytes(), whole=True)
        if decoded is None or decoded[1] == head.encoding:
            raise DataError(
                f"{path}: not a text file in UTF-8, save it as CSV in UTF-8 or as Parquet"
            ) from None
        return _read_uneven(path, replace(head, encoding=decoded[1]), header, skip_rows)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        words = " ".join(str(error).split())[:160]
        raise DataError(f"{path}: not a readable CSV file ({words})") from None


def _numeric(cell: str, head: Head) -> bool:
    return is_number(cell.replace(",", ".") if head.decimal == "," else cell)


def numbered(header: Sequence[str]) -> list[str]:
    """Names of columns of which none is there twice: Price, Price.1."""
    seen: dict[str, int] = {}
    names = []
    for name in header:
        count = seen.get(name, 0)
        seen[name] = count + 1
        names.append(f"{name}.{count}" if count else name)
    return names


def all_rows(path: Path, head: Head) -> list[list[str]]:
    """All rows of a file, cells stripped; a blank line is an empty row. For lists of trades, not for bars."""
    text = path.read_text(head.encoding, errors="replace")
    return [
        [cell.strip() for cell in row]
        for row in csv.reader(text.splitlines(), delimiter=head.delimiter)
    ]


def joined(date: pd.Series, clock: pd.Series) -> pd.Series:
    """Two columns of text with a blank between them."""
    return date.astype(str) + " " + clock.astype(str)


def scaled(values: np.ndarray, factor: float) -> np.ndarray:
    """Prices stored as whole numbers, e.g. of ten-thousandths."""
    return values.astype(np.float64) / factor
