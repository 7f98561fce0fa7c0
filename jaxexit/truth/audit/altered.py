"""An experiment's data with another future: every bar after a cut replaced, all else read and made anew.

The replacement is made in the table of the bar file, so that all of the product's pipeline (reading, book,
indicators, features, entries, splits) works on it: blocks of rows from random places of the same file. Such
rows are sound bars, with whatever columns the user has added, and have nothing to do with what they replace.
Times are kept.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from jaxexit.arrays import on_device
from jaxexit.config import Experiment
from jaxexit.data import Dataset, load_dataset
from jaxexit.data.bars import Bars
from jaxexit.data.detail import unresolved
from jaxexit.data.markets import asking_for
from jaxexit.data.sample import experiment_bars, list_of
from jaxexit.data.sources import InMemory, Sources
from jaxexit.data.tables import plain
from jaxexit.data.trades import load_trades, reading_of
from jaxexit.data.types import CLOSE, OPEN
from jaxexit.truth.audit.subject import Subject

AS_MADE_HERE: dict[str, object] = {  # how the altered list is read
    "columns": {},
    "direction_codes": {},
    "symbol": None,
    "trades_timezone": "UTC",
    "allow_partial": True,
}
BLOCK = (
    100  # bars: long enough for the built-in strategy to find entries in what replaces the future
)


def with_another_future(subject: Subject, last: int, rng: np.random.Generator) -> Dataset:
    """The subject's data set, had every bar after row `last` been another.

    Trades of a file that enter after the cut keep time and direction; their prices are those of the new bars.

    Raises:
        DataError: the pipeline refuses the altered bars.
    """
    rows = another_future(len(subject.bars.times), subject.first_entry, last, rng)
    facts = {
        "price_side": subject.bars.side,
        "timezone": "UTC",
        "stamps": "open",
        "columns": {},
        "timeframe": None,
        "detail": None,
        "pip": subject.bars.pip,
        **asking_for(subject.bars.unit),
    }
    experiment = _with_data(subject.experiment, facts)
    sources = Sources(bars=_with_times(subject.bars.table.take(rows), subject.bars.times))
    if (listed := list_of(subject.experiment, subject.dataset.sources)) is not None:
        trades = _trades(subject, listed, last, experiment_bars(experiment, sources))
        sources = replace(sources, trades=trades)
        experiment = _with_data(experiment, AS_MADE_HERE)
    return _looked_into(subject, load_dataset(experiment, sources), last)


def _looked_into(subject: Subject, made: Dataset, last: int) -> Dataset:
    """The altered data with the subject's finer bars up to the cut, where it has any, and none after it."""
    detail, market = subject.dataset.market.detail, made.market
    if detail is None:
        return made
    own = unresolved(np.asarray(market.bid), np.asarray(market.ask), detail.shape[-1])
    own[: last + 1] = np.asarray(detail)[: last + 1]
    return replace(made, market=market._replace(detail=on_device(own)))


def another_future(count: int, first: int, last: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of `count` bars of which those after `last` are blocks from random places, not before `first`."""
    rows = np.arange(count)
    block = min(BLOCK, count - first)
    later = count - last - 1
    starts = rng.integers(first, count - block + 1, -(-later // block))
    rows[last + 1 :] = (starts[:, None] + np.arange(block)).ravel()[:later]
    return rows


def _with_data(experiment: Experiment, facts: dict[str, object]) -> Experiment:
    return experiment.model_copy(update={"data": experiment.data.model_copy(update=facts)})


def _with_times(table: pd.DataFrame, times: np.ndarray) -> pd.DataFrame:
    """A table with one time column: `times` in UTC."""
    table = table.rename(columns=str).reset_index(drop=True)
    table = table.drop(columns=[name for name in table.columns if plain(name) == "time"])
    return table.assign(time=pd.DatetimeIndex(times, tz="UTC"))


def _trades(subject: Subject, listed: Path | InMemory, last: int, altered: Bars) -> pd.DataFrame:
    """The list of trades, its later rows filled at the altered bars' prices."""
    data = subject.experiment.data
    rows = load_trades(listed, reading_of(data)).rows
    times = altered.times
    entered = rows["entry_time"].to_numpy().astype("datetime64[ns]")
    bar = np.minimum(np.searchsorted(times, entered), len(times) - 1)
    later = entered > times[last]
    price = altered.mid[bar, CLOSE if data.filled_at == "bar_close" else OPEN]
    rows["entry_price"] = np.where(later, price, rows["entry_price"])
    for name in ("stop", "target", "exit_price"):
        rows[name] = np.where(later, np.nan, rows[name])
    rows = rows.assign(direction=rows["direction"].astype(int).astype(str))
    for name in ("entry_time", "exit_time"):
        rows[name] = pd.DatetimeIndex(rows[name], tz="UTC")
    rows.loc[later, "exit_time"] = pd.NaT
    return rows
