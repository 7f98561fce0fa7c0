"""The sample: hourly EURUSD bars of 2017, shipped by the PyPI package gym-anytrading (MIT).

Only its data file is read; its code is never imported. The bars are ask prices, their stamps day
first and in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from jaxexit.data.bars import Bars, Book, PriceSide, load_bars
from jaxexit.data.quotes import Stamps
from jaxexit.data.sources import NAMED, InMemory, Sources
from jaxexit.data.zones import AUTO
from jaxexit.errors import DataError

if TYPE_CHECKING:
    from jaxexit.config import Experiment

SAMPLE = "sample"  # the value of `data.bars` that names it
SAMPLE_SIDE: PriceSide = "ask"
_PACKAGE = "gym-anytrading"
_FILE = "FOREX_EURUSD_1H_ASK.csv"


def sample_path() -> Path:
    """The sample's CSV file as installed. Raises DataError that says how to install it."""
    try:
        files = metadata.files(_PACKAGE) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate()))
        if file.name == _FILE and path.exists():
            return path
    raise DataError(
        f'data.bars: the sample is not installed, run: pip install "jaxexit[sample]" (it reads '
        f"{_FILE} of {_PACKAGE})"
    )


def load_named_bars(
    name: str | InMemory,
    *,
    timezone: str = AUTO,
    timeframe: str | None = None,
    stamps: Stamps = "auto",
    names: Mapping[str, str] | None = None,
    **book: Unpack[Book],
) -> Bars:
    """`load_bars` for what `data.bars` may hold, or a table in its place.

    That is a path, or "sample" with its known side and zone.
    """
    path = name if isinstance(name, InMemory) else Path(name)
    if name == SAMPLE:
        side = book.get("price_side", "auto")
        if side not in ("auto", SAMPLE_SIDE):
            raise DataError(
                f"data.price_side: found {side}, but the sample's bars are {SAMPLE_SIDE}"
            )
        path, timezone = sample_path(), "UTC"
        stamps, names = "auto", None
        book = {**book, "price_side": SAMPLE_SIDE}
    bars = load_bars(
        path, timezone=timezone, timeframe=timeframe, stamps=stamps, names=names, **book
    )
    return replace(bars, where=str(name))


def experiment_bars(experiment: Experiment, sources: Sources = NAMED) -> Bars:
    """The bars that an experiment names, or those that are given in their place."""
    data = experiment.data
    return load_named_bars(
        sources.table_of_bars(data.bars) or data.bars,
        timezone=data.timezone,
        timeframe=data.timeframe,
        stamps=data.stamps,
        names=data.columns,
        **book_of(experiment),
    )


def list_of(experiment: Experiment, sources: Sources = NAMED) -> Path | InMemory | None:
    """The list of trades that an experiment names, or the one given in its place; None: it has none.

    Raises:
        DataError: trades are given to an experiment whose entries are others.
    """
    data = experiment.data
    if data.entries == "trades" and data.trades is not None:
        return sources.table_of_trades(data.trades) or Path(data.trades)
    if sources.trades is not None:
        raise DataError(
            f"data.entries: got {data.entries}, expected trades, since a list of trades is given: set it, "
            "and data.trades to the list's name"
        )
    return None


def book_of(experiment: Experiment) -> Book:
    """How an experiment completes the book."""
    data, costs = experiment.data, experiment.costs
    return Book(
        price_side=data.price_side,
        spread=costs.spread,
        spread_pips=costs.spread_pips,
        unit=data.unit,
        pip=data.pip,
        tick_size=data.tick_size,
        symbol=data.symbol,
        calendar=data.calendar,
    )
