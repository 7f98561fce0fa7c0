"""Bars and trades from memory: DataFrames in place of the files that an experiment names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import pandas as pd

from jaxexit.errors import DataError, one_line

BARS, TRADES = "bars (DataFrame)", "trades (DataFrame)"


@dataclass(frozen=True, eq=False, init=False)
class Sources:
    """Tables that take the place of an experiment's files.

    What is given is converted once (`as_frame`) and never modified. A table goes through the same steps as a
    file that holds it, and gives the same numbers to the bit.

    Attributes:
        bars: bars or ticks, with their times in a column or as the index; None: the file of `data.bars`.
        trades: the list of entries, with `data.entries: trades`; None: the file of `data.trades`.
    """

    bars: pd.DataFrame | None = None
    trades: pd.DataFrame | None = None

    def __init__(self, bars: Any = None, trades: Any = None) -> None:
        """Args: tables of any library (`as_frame`). Raises DataError for what is no table."""
        for name, given, where in (("bars", bars, BARS), ("trades", trades, TRADES)):
            object.__setattr__(self, name, None if given is None else as_frame(given, where))

    def table_of_bars(self, named: str) -> InMemory | None:
        """The bars, where they are given; `named`: the file of `data.bars`."""
        return None if self.bars is None else InMemory(self.bars, BARS, named)

    def table_of_trades(self, named: str) -> InMemory | None:
        """The trades, where they are given; `named`: the file of `data.trades`."""
        return None if self.trades is None else InMemory(self.trades, TRADES, named)


NAMED = Sources()  # the files that the experiment names


@dataclass(frozen=True, eq=False)
class InMemory:
    """A table in place of a file.

    Attributes:
        frame: its rows.
        where: what messages call it.
        file: the path that the experiment names: its last part may say symbol and side, as a file's does.
    """

    frame: pd.DataFrame
    where: str
    file: str = ""

    def __str__(self) -> str:
        return self.where

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePath(self.file).name

    @property
    def stem(self) -> str:
        """The same without its ending."""
        return PurePath(self.file).stem


def as_frame(table: Any, where: str) -> pd.DataFrame:
    """A table as a pandas DataFrame; a DataFrame is returned as it is.

    Args:
        table: a DataFrame, or what converts itself: `to_pandas` (polars, pyarrow, Modin), the Arrow C stream,
            the dataframe interchange protocol.
        where: what errors call it.

    Raises:
        DataError: it is no table, or cannot be converted.
    """
    if isinstance(table, pd.DataFrame):
        return table
    frame, reason = None, ""
    try:
        frame = _converted(table)
    except Exception as error:  # whatever another library raises
        reason = one_line(f": {type(error).__name__}: {error}")[:160]
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"{where}: got {type(table).__name__}, expected a DataFrame of pandas, polars or another library "
            f"that converts to pandas{reason}"
        )
    return frame


def _converted(table: Any) -> Any:
    """What a table of another library is in pandas; None where it does not say."""
    if isinstance(table, type):
        return None
    if hasattr(table, "to_pandas"):
        return table.to_pandas()
    if hasattr(table, "__arrow_c_stream__"):
        import pyarrow

        return pyarrow.table(table).to_pandas()
    if hasattr(table, "__dataframe__"):
        return pd.api.interchange.from_dataframe(table)
    return None
