"""Tables with one header, as they come out of a file or are given in memory."""

from __future__ import annotations

import re

import pandas as pd

from jaxexit.data.files.delimited import numbered
from jaxexit.data.files.format import File
from jaxexit.data.files.source import LABELS, UNSTATED, Clock
from jaxexit.data.sources import InMemory
from jaxexit.data.times import labelled
from jaxexit.errors import DataError


def with_named_index(table: pd.DataFrame) -> pd.DataFrame:
    """A first column without a name that holds times is the index that pandas has written."""
    first = str(table.columns[0])
    blank = first == "" or first.startswith("Unnamed: ")
    looks = blank and re.match(r"\d{4}-\d{2}-\d{2}|\d{2}[./]\d{2}[./]\d{4}", str(table.iloc[0, 0]))
    return table.rename(columns={table.columns[0]: "index"}) if looks else table


def clock_of(table: pd.DataFrame) -> Clock:
    """The clock of a table of no known clock: its stamps' own where they carry an offset."""
    for name in table.columns:
        if re.search(r"time|date|utc", str(name), re.IGNORECASE) and labelled(
            pd.Series(table[name])
        ):
            return Clock(UNSTATED.zone, LABELS)
    return UNSTATED


def flat(table: pd.DataFrame, file: File) -> pd.DataFrame:
    """One level of column names: yfinance has a second one with the ticker.

    Raises DataError where there are several tickers.
    """
    if isinstance(table.columns, pd.MultiIndex):
        pairs = [tuple(map(str, name)) for name in table.columns]
    else:
        tuples = [re.fullmatch(r"\('([^']*)', '([^']*)'\)", str(n)) for n in table.columns]
        if not any(tuples):
            return table
        pairs = [
            m.groups() if m else (str(n), "") for m, n in zip(tuples, table.columns, strict=True)
        ]
    tickers = sorted({pair[1] for pair in pairs} - {""})
    if len(tickers) > 1:
        raise DataError(f"{file}: bars of {', '.join(tickers[:4])}, keep one ticker in a file")
    return table.set_axis([pair[0] for pair in pairs], axis=1)


def as_columns(table: InMemory) -> pd.DataFrame:
    """The rows of a table as a file of them would give them: the index as a column, names as text.

    An index without a name that only counts rows is left out. Of columns with one name the later ones are
    numbered. The frame itself is not modified.

    Raises:
        DataError: there are no rows, or the index and another column have one name.
    """
    frame = table.frame
    if not len(frame) or not len(frame.columns):
        raise DataError(f"{table}: has no rows")
    if not isinstance(frame.columns, pd.MultiIndex):
        frame = frame.set_axis(numbered([str(name) for name in frame.columns]), axis=1)
    index = frame.index
    if index.nlevels == 1 and index.name is None and pd.api.types.is_integer_dtype(index.dtype):
        return frame.reset_index(drop=True)
    repeated = [name for name in index.names if name is not None and str(name) in frame.columns]
    for name in repeated:
        if not (index.get_level_values(name) == pd.Index(frame[str(name)])).all():
            raise DataError(f"{table}: the index and a column are both called '{name}', rename one")
    if len(repeated) == index.nlevels:  # `set_index(name, drop=False)`
        return frame.reset_index(drop=True)
    return frame.reset_index(level=[name for name in index.names if name not in repeated])
