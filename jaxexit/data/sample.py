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
    name: str,
    *,
    timezone: str = AUTO,
    timeframe: str | None = None,
    stamps: Stamps = "auto",
    names: Mapping[str, str] | None = None,
    **book: Unpack[Book],
) -> Bars:
    """`load_bars` for what `data.bars` may hold: a path, or "sample" with its known side and zone."""
    path = Path(name)
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
    return replace(bars, where=name)


def experiment_bars(experiment: Experiment) -> Bars:
    """The bars that an experiment names."""
    data = experiment.data
    return load_named_bars(
        data.bars,
        timezone=data.timezone,
        timeframe=data.timeframe,
        stamps=data.stamps,
        names=data.columns,
        **book_of(experiment),
    )


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
