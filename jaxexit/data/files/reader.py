"""From a path, or a table in memory, to a `Source`: what kind of file it is, and which format knows it."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from jaxexit.config.text import backslash_hint
from jaxexit.data.files import archive, delimited, pages
from jaxexit.data.files.format import Cells, File, Json, Markup, Start
from jaxexit.data.files.frames import as_columns, flat, with_named_index
from jaxexit.data.files.source import Source
from jaxexit.data.formats import FORMATS
from jaxexit.data.sources import InMemory
from jaxexit.data.tables import Columns
from jaxexit.errors import DataError
from jaxexit.resources import TELLING, check_file, check_memory

NUMBER_BYTES = 8
_PARQUET, _NUMPY = b"PAR1", b"\x93NUMPY"
_FEATHER = (b"ARROW1", b"FEA1")


def read_source(path: File, *, inside: int = 0) -> Source:
    """A file or table of bars, ticks or trades as it is, with what its format says of clock and side.

    `inside` is how many packed files it was unpacked from. Raises DataError for a file that is missing,
    empty, of no known kind, or more than memory holds.
    """
    if isinstance(path, InMemory):
        return _of_table(as_columns(path), path)
    try:
        if not path.exists():
            hint = backslash_hint(str(path))
            raise DataError(f"{path}: no such file, check the path{hint}")
        if path.is_dir():
            raise DataError(f"{path}: is a folder, name a CSV or Parquet file")
        if not path.is_file():  # a device or a pipe might never end
            raise DataError(f"{path}: is no ordinary file, name a CSV or Parquet file")
        check_file(path)
        with path.open("rb") as file:
            start = file.read(delimited.HEAD_BYTES)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; check the path") from None
    if not start.strip():
        raise DataError(f"{path}: the file is empty, it needs a header and at least two rows")
    try:
        source = _read(path, start, inside)
    except DataError:
        raise
    except MemoryError:  # pyarrow's own is one
        raise DataError(
            f"{path}: needs more memory than there is: give fewer years or longer bars, a file at a time"
        ) from None
    except Exception as error:  # whatever a damaged file makes of a reader, it is the file's
        words = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise DataError(
            f"{path}: is damaged, or not of the layout that it begins like ({words}); save it again as CSV"
        ) from error
    if len(source.table) == 0:
        raise DataError(f"{path}: the file has a header and no rows")
    return source


def _read(path: Path, start: bytes, inside: int) -> Source:
    if start.startswith(_PARQUET):
        return _of_table(_read_parquet(path), path)
    if start.startswith(_FEATHER):
        return _of_table(_read_feather(path), path)
    if start.startswith(_NUMPY):
        return _of_table(_read_records(path), path)
    if archive.recognise(start) and archive.is_workbook(path):
        return _read_workbook(path)
    unpacked = partial(read_source, inside=inside + 1)
    opened = archive.packed(start)
    if inside >= archive.MOST_NESTED and (archive.recognise(start) or opened is not None):
        raise DataError(f"{path}: is packed in packed files: unpack it, and name the file")
    if archive.recognise(start):
        return archive.read(path, unpacked)
    if opened is not None:
        return archive.read_packed(path, opened, unpacked)
    if (source := _recognised(path, Start(start))) is not None:
        return source
    whole = len(start) < delimited.HEAD_BYTES
    decoded = delimited.decode(start, whole=whole)
    if decoded is None:
        raise DataError(
            f"{path}: not a text file, nor Parquet, nor MT4 history: save it as CSV in UTF-8 or as Parquet"
        )
    text, encoding = decoded
    source = _read_text(path, text, encoding, whole=whole)
    if not encoding.startswith("cp"):
        return source
    remark = f"not UTF-8: read in Windows' code page {encoding[2:]}"
    return replace(source, remarks=(remark, *source.remarks))


def _read_text(path: Path, text: str, encoding: str, *, whole: bool) -> Source:
    """`text` is how the file begins, all of it if `whole`."""
    if text.lstrip()[:1] in ("{", "["):
        return _read_json(path, encoding)
    if pages.is_page(text) or text.lstrip().startswith(("<?xml", "<Flex")):
        return _read_markup(path, path.read_text(encoding, errors="replace"))
    head = delimited.read_head(text, encoding, whole=whole)
    cells = Cells(head.rows, not head.untidy, lambda: delimited.all_rows(path, head))
    for view in (head, cells):
        if (source := _recognised(path, view)) is not None:
            return source
    return _of_table(delimited.read_delimited(path, head), path)


def _recognised(file: File, view: object) -> Source | None:
    """What the first format that knows a file by this view of it reads; None where none does."""
    known = next((each for each in FORMATS if each.sniff(view)), None)
    return None if known is None else known.read(file, view)


def _read_markup(path: Path, text: str) -> Source:
    """A page or an XML file: what its own format says, else the rows of its tables."""
    if (source := _recognised(path, Markup(text))) is not None:
        return source
    if not pages.is_page(text):
        raise DataError(f"{path}: XML, but not IBKR's Flex query: save it as CSV or Parquet")
    if (source := _recognised(path, Cells(pages.rows_of(text)))) is not None:
        return source
    raise DataError(
        f"{path}: an HTML page without trades as MetaTrader's, cTrader's or Myfxbook's reports list them, "
        "save the account history or the tester's report again"
    )


def _of_table(table: pd.DataFrame, file: File) -> Source:
    """A table with a header; one of an unknown origin is taken by its column names."""
    if len(table) == 0:
        raise DataError(f"{file}: the file has a header and no rows")
    source = _recognised(file, Columns(with_named_index(flat(table, file)), str(file)))
    assert source is not None, "the last format takes every table"
    return source


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        _check_table(path, pq.read_metadata(path))
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's own errors derive from these
        words = " ".join(str(error).split())[:160]
        raise DataError(f"{path}: not a readable Parquet file ({words})") from None
    if isinstance(table.index, pd.RangeIndex):
        return table
    return table.reset_index()  # a table saved by pandas with its time as index


def _check_table(path: Path, metadata: pq.FileMetaData) -> None:
    """Refuse a Parquet file whose rows memory does not hold: a few bytes may be billions of one value."""
    needed = 2 * NUMBER_BYTES * metadata.num_rows * metadata.num_columns
    if needed > TELLING:
        what = f"{metadata.num_rows:,} rows of {metadata.num_columns} columns"
        check_memory(path, needed, what)


def _read_feather(path: Path) -> pd.DataFrame:
    """What `DataFrame.to_feather` writes: freqtrade's candles."""
    try:
        table = pd.read_feather(path)
    except (OSError, ValueError, KeyError, ArithmeticError) as error:
        words = " ".join(str(error).split())[:160]
        raise DataError(f"{path}: not a readable Feather file ({words})") from None
    return table if isinstance(table.index, pd.RangeIndex) else table.reset_index()


def _read_workbook(path: Path) -> Source:
    """The first sheet of an Excel file: a report, or a table whose header is its first full row."""
    if find_spec("openpyxl") is None:
        raise DataError(
            f"{path}: is an Excel file: save it as CSV, or install what reads it: pip install "
            '"jaxexit[excel]"'
        )
    archive.check_workbook(path)
    try:
        cells = pd.read_excel(path, header=None, dtype=object)
    except Exception as error:  # openpyxl raises many kinds for a damaged file
        words = " ".join(str(error).split())[:160]
        raise DataError(f"{path}: not a readable Excel file ({words}); save it as CSV") from None
    rows = [
        ["" if pd.isna(cell) else str(cell).strip() for cell in row] for row in cells.to_numpy()
    ]
    if (source := _recognised(path, Cells(rows))) is not None:
        return source
    filled = cells.notna().sum(axis=1).to_numpy()
    if not len(filled) or filled.max() < 2:
        raise DataError(f"{path}: the first sheet of this Excel file has no table; save it as CSV")
    head = int(np.argmax(filled >= max(2, 0.8 * filled.max())))
    table = cells.iloc[head + 1 :].set_axis([str(name) for name in cells.iloc[head]], axis=1)
    return _of_table(table.dropna(how="all").infer_objects().reset_index(drop=True), path)


def _read_records(path: Path) -> pd.DataFrame:
    """What `numpy.save` writes of MetaTrader 5's rates: a record array."""
    try:
        records = np.load(path, allow_pickle=False)
    except ValueError as error:
        raise DataError(f"{path}: not a readable NumPy file ({error})") from None
    if records.dtype.names is None:
        raise DataError(f"{path}: a NumPy array without named columns, save it as Parquet")
    return pd.DataFrame(records)


def _read_json(path: Path, encoding: str) -> Source:
    try:
        content = json.loads(path.read_text(encoding))
    except (ValueError, UnicodeDecodeError, RecursionError) as error:
        raise DataError(f"{path}: not a readable JSON file ({error})") from None
    if (source := _recognised(path, Json(content))) is not None:
        return source
    raise DataError(
        f"{path}: JSON, but neither candles (OANDA, ccxt, Binance, Bybit, Kraken, Polygon, Alpaca) nor "
        "freqtrade's trades: save it as CSV or Parquet"
    )
