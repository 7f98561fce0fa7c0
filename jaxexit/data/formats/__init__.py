"""Files as traders have them: recognised by content, never by name, and read as one table.

`read_source` is the only place where a path becomes a table; `quotes` and `trades` take it from there.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from jaxexit.config.text import backslash_hint
from jaxexit.data.formats import (
    archive,
    delimited,
    frames,
    freqtrade,
    histdata,
    hst,
    lean,
    metatrader,
    oanda,
    reports,
    truefx,
)
from jaxexit.data.formats.source import Source
from jaxexit.errors import DataError

__all__ = ["Source", "read_source"]

_HEADERLESS = (histdata, metatrader, truefx, lean)
_PARQUET, _NUMPY = b"PAR1", b"\x93NUMPY"
_FEATHER = (b"ARROW1", b"FEA1")


def read_source(path: Path) -> Source:
    """A file of bars, ticks or trades as it is, with what its format says of clock and side.

    Raises DataError for a file that is missing, empty or of no known kind.
    """
    try:
        if not path.exists():
            hint = backslash_hint(str(path))
            raise DataError(f"{path}: no such file, check the path{hint}")
        if path.is_dir():
            raise DataError(f"{path}: is a folder, name a CSV or Parquet file")
        if not path.is_file():  # a device or a pipe might never end
            raise DataError(f"{path}: is no ordinary file, name a CSV or Parquet file")
        with path.open("rb") as file:
            start = file.read(delimited.HEAD_BYTES)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; check the path") from None
    if not start.strip():
        raise DataError(f"{path}: the file is empty, it needs a header and at least two rows")
    try:
        source = _read(path, start)
    except DataError:
        raise
    except Exception as error:  # whatever a damaged file makes of a reader, it is the file's
        words = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise DataError(
            f"{path}: is damaged, or not of the layout that it begins like ({words}); save it again as CSV"
        ) from error
    if len(source.table) == 0:
        raise DataError(f"{path}: the file has a header and no rows")
    return source


def _read(path: Path, start: bytes) -> Source:
    if start.startswith(_PARQUET):
        return _describe(_read_parquet(path), path)
    if start.startswith(_FEATHER):
        return _describe(_read_feather(path), path)
    if start.startswith(_NUMPY):
        return _describe(_read_records(path), path)
    if archive.recognise(start) and archive.is_workbook(path):
        return _describe(_read_workbook(path), path)
    if archive.recognise(start):
        return archive.read(path, read_source)
    if hst.recognise(start):
        return hst.read(path)
    decoded = delimited.decode(start)
    if decoded is None:
        raise DataError(
            f"{path}: not a text file in UTF-8, nor Parquet, nor MT4 history: save it as CSV in UTF-8 or as "
            "Parquet"
        )
    text, encoding = decoded
    if text.lstrip()[:1] in ("{", "["):
        return _read_json(path, encoding)
    if reports.recognise(text):
        return reports.read(path, path.read_text(encoding, errors="replace"))
    head = delimited.read_head(text, encoding, whole=len(start) < delimited.HEAD_BYTES)
    for family in _HEADERLESS:
        if family.recognise(head):
            return family.read(path, head)
    return _describe(*_with_header(path, head))


def _describe(table: pd.DataFrame, path: Path) -> Source:
    if len(table) == 0:
        raise DataError(f"{path}: the file has a header and no rows")
    return frames.describe(table, path)


def _with_header(path: Path, head: delimited.Head) -> tuple[pd.DataFrame, Path]:
    """A CSV with a header; yfinance's of three rows (fields, tickers, name of the index) as one."""
    rows = head.rows
    if len(rows) > 2 and rows[0][0] == "Price" and rows[1][0] == "Ticker":
        tickers = sorted(set(rows[1][1:]) - {""})
        if len(tickers) > 1:
            raise DataError(f"{path}: bars of {', '.join(tickers[:4])}, keep one ticker in a file")
        names = [rows[2][0], *rows[0][1:]]
        layout = delimited.Head(
            head.encoding, head.delimiter, head.decimal, [*rows[:2], names, *rows[3:]]
        )
        return delimited.read_delimited(path, layout, skip_rows=2), path
    return delimited.read_delimited(path, head), path


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's own errors derive from these
        words = " ".join(str(error).split())[:160]
        raise DataError(f"{path}: not a readable Parquet file ({words})") from None
    if isinstance(table.index, pd.RangeIndex):
        return table
    return table.reset_index()  # a table saved by pandas with its time as index


def _read_feather(path: Path) -> pd.DataFrame:
    """What `DataFrame.to_feather` writes: freqtrade's candles."""
    try:
        table = pd.read_feather(path)
    except (OSError, ValueError, KeyError, ArithmeticError) as error:
        words = " ".join(str(error).split())[:160]
        raise DataError(f"{path}: not a readable Feather file ({words})") from None
    return table if isinstance(table.index, pd.RangeIndex) else table.reset_index()


def _read_workbook(path: Path) -> pd.DataFrame:
    """The first sheet of an Excel file, its first full row as the header."""
    if find_spec("openpyxl") is None:
        raise DataError(
            f"{path}: is an Excel file: save it as CSV, or install what reads it: pip install "
            '"jaxexit[excel]"'
        )
    try:
        cells = pd.read_excel(path, header=None, dtype=object)
    except Exception as error:  # openpyxl raises many kinds for a damaged file
        words = " ".join(str(error).split())[:160]
        raise DataError(f"{path}: not a readable Excel file ({words}); save it as CSV") from None
    filled = cells.notna().sum(axis=1).to_numpy()
    if not len(filled) or filled.max() < 2:
        raise DataError(f"{path}: the first sheet of this Excel file has no table; save it as CSV")
    head = int(np.argmax(filled >= max(2, 0.8 * filled.max())))
    table = cells.iloc[head + 1 :].set_axis([str(name) for name in cells.iloc[head]], axis=1)
    return table.dropna(how="all").infer_objects().reset_index(drop=True)


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
    if freqtrade.are_candles(content):
        return freqtrade.read_candles(path, content)
    for family in (oanda, freqtrade):
        if family.recognise(content):
            return family.read(path, content)
    raise DataError(
        f"{path}: JSON, but neither OANDA's candles nor freqtrade's trades: save it as CSV or Parquet"
    )
