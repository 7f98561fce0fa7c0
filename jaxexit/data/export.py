"""Files that `data.bars` and `data.trades` read back: bars as Parquet, entries as CSV."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from jaxexit.data.bars import Bars
from jaxexit.data.ticks import as_table
from jaxexit.errors import DataError
from jaxexit.names import cells

_NAMES = {
    "entry_time": "entry_time",
    "direction": "direction",
    "entry_price": "entry_price",
    "stop": "sl",
    "target": "tp",
    "exit_time": "exit_time",
    "exit_price": "exit_price",
    "exit_reason": "exit_reason",
}


def as_trade_list(candidates: pd.DataFrame, bars: Bars) -> pd.DataFrame:
    """Candidates (see `entries`) with the list's column names and `duration` in bars.

    Times are bar opens in UTC. Exit columns are empty where a trade has no classical exit.
    """
    trades = candidates.filter(list(_NAMES)).rename(columns=_NAMES)
    exit_time = candidates["exit_time"].to_numpy().astype("datetime64[ns]")
    exit_bar = np.searchsorted(bars.times, exit_time)
    held = pd.Series(exit_bar - candidates["entry_bar"].to_numpy(np.int64), dtype="Int64")
    trades["duration"] = held.mask(np.isnat(exit_time))
    return trades


def bar_table(bars: Bars, sides: tuple[str, ...]) -> pd.DataFrame:
    """Bars in our own format: time (UTC), and open, high, low, close of the sides named."""
    table = as_table(bars.times, bars.bid, bars.ask)
    kept = [name for name in map(str, table.columns) if name.split("_")[0] in ("time", *sides)]
    return table.filter(kept)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a CSV file; a reader never sees half of it."""
    with replacing(path) as temporary:
        cells(table).to_csv(temporary, index=False, date_format="%Y-%m-%d %H:%M:%S")


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a Parquet file; a reader never sees half of it."""
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place if the body succeeds.

    Raises DataError where it cannot be written.
    """
    if not path.parent.is_dir():
        raise DataError(f"{path}: the folder {path.parent} does not exist, create it first")
    if path.is_dir():
        raise DataError(f"{path}: is a folder, name a file")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror})") from None
    finally:
        temporary.unlink(missing_ok=True)
