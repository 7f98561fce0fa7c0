"""Files as traders have them: recognised by content, never by name, and read as one table.

`read_source` is the only place where a path becomes a table; `quotes` and `trades` take it from there.
"""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxexit.config.text import backslash_hint
from jaxexit.data.formats import (
    alpaca,
    archive,
    binance,
    bybit,
    ccxt,
    ctrader,
    delimited,
    frames,
    freqtrade,
    histdata,
    hst,
    ibkr_flex,
    ibkr_statement,
    kraken,
    lean,
    metatrader,
    myfxbook,
    oanda,
    polygon,
    reports,
    truefx,
    yfinance,
)
from jaxexit.data.formats.format import Format, Rows, known
from jaxexit.data.formats.source import Source
from jaxexit.data.sources import InMemory
from jaxexit.errors import DataError

__all__ = ["Source", "read_source"]

TEXT: tuple[Format[delimited.Head], ...] = (
    yfinance.FORMAT,
    histdata.FORMAT,
    metatrader.FORMAT,
    truefx.FORMAT,
    lean.FORMAT,
    binance.FORMAT,
    bybit.FORMAT,
    bybit.METATRADER,
    kraken.FORMAT,
    ccxt.FORMAT,
)
SECTIONED: tuple[Format[Rows], ...] = (
    ctrader.FORMAT,
    myfxbook.FORMAT,
    ibkr_statement.FORMAT,
    ibkr_flex.TABLE,
)
REPORTS: tuple[Format[Rows], ...] = (*SECTIONED, reports.FORMAT)  # of pages and of Excel's cells
MARKUP: tuple[Format[str], ...] = (ibkr_flex.FORMAT,)
JSON: tuple[Format[Any], ...] = (
    ccxt.JSON,
    binance.JSON,
    bybit.JSON,
    kraken.JSON,
    polygon.FORMAT,
    alpaca.FORMAT,
    oanda.FORMAT,
    freqtrade.FORMAT,
)
_PARQUET, _NUMPY = b"PAR1", b"\x93NUMPY"
_FEATHER = (b"ARROW1", b"FEA1")


def read_source(path: Path | InMemory) -> Source:
    """A file or table of bars, ticks or trades as it is, with what its format says of clock and side.

    Raises DataError for a file that is missing, empty or of no known kind.
    """
    if isinstance(path, InMemory):
        return frames.describe(frames.as_columns(path), path)
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
        return _read_workbook(path)
    if archive.recognise(start):
        return archive.read(path, read_source)
    if (opened := archive.packed(start)) is not None:
        return archive.read_packed(path, opened, read_source)
    if hst.recognise(start):
        return hst.read(path)
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
    if reports.is_page(text) or text.lstrip().startswith(("<?xml", "<Flex")):
        return _read_markup(path, path.read_text(encoding, errors="replace"))
    head = delimited.read_head(text, encoding, whole=whole)
    if (kind := known(TEXT, head)) is not None:
        return kind.read(path, head)
    if (kind := known(REPORTS if head.untidy else SECTIONED, head.rows)) is not None:
        return kind.read(path, delimited.all_rows(path, head))
    return _describe(delimited.read_delimited(path, head), path)


def _read_markup(path: Path, text: str) -> Source:
    """A page or an XML file: what its own format says, else the rows of its tables."""
    if (kind := known(MARKUP, text)) is not None:
        return kind.read(path, text)
    if not reports.is_page(text):
        raise DataError(f"{path}: XML, but not IBKR's Flex query: save it as CSV or Parquet")
    rows = reports.rows_of(text)
    if (kind := known(REPORTS, rows)) is not None:
        return kind.read(path, rows)
    raise DataError(
        f"{path}: an HTML page without trades as MetaTrader's, cTrader's or Myfxbook's reports list them, "
        "save the account history or the tester's report again"
    )


def _describe(table: pd.DataFrame, path: Path) -> Source:
    if len(table) == 0:
        raise DataError(f"{path}: the file has a header and no rows")
    return frames.describe(table, path)


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


def _read_workbook(path: Path) -> Source:
    """The first sheet of an Excel file: a report, or a table whose header is its first full row."""
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
    rows = [
        ["" if pd.isna(cell) else str(cell).strip() for cell in row] for row in cells.to_numpy()
    ]
    if (kind := known(REPORTS, rows)) is not None:
        return kind.read(path, rows)
    filled = cells.notna().sum(axis=1).to_numpy()
    if not len(filled) or filled.max() < 2:
        raise DataError(f"{path}: the first sheet of this Excel file has no table; save it as CSV")
    head = int(np.argmax(filled >= max(2, 0.8 * filled.max())))
    table = cells.iloc[head + 1 :].set_axis([str(name) for name in cells.iloc[head]], axis=1)
    return _describe(table.dropna(how="all").infer_objects().reset_index(drop=True), path)


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
    if (kind := known(JSON, content)) is not None:
        return kind.read(path, content)
    raise DataError(
        f"{path}: JSON, but neither candles (OANDA, ccxt, Binance, Bybit, Kraken, Polygon, Alpaca) nor "
        "freqtrade's trades: save it as CSV or Parquet"
    )
