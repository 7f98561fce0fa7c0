"""Bars read as an experiment reads its own: a file, or one bar as it closes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from jaxexit.config import Experiment
from jaxexit.data.bar_files import read_quotes
from jaxexit.data.bars import Bars, Book, PriceSide, lengthen
from jaxexit.data.book import complete_book
from jaxexit.data.markets import Asked, asking_for
from jaxexit.data.quotes import Quotes
from jaxexit.data.sample import (
    SAMPLE,
    SAMPLE_READING,
    SAMPLE_SIDE,
    bar_reading_of,
    book_of,
    sample_path,
)
from jaxexit.units import Unit


def load_bars_of(
    experiment: Experiment, name: str, side: PriceSide = "auto", unit: Unit | None = None
) -> Bars:
    """A bar file read as the experiment reads its own, with results in `unit` (None: pips)."""
    data = experiment.data
    if name == SAMPLE:
        quotes, side = read_quotes(sample_path(), SAMPLE_READING), SAMPLE_SIDE
    else:
        quotes = read_quotes(Path(name), bar_reading_of(experiment))
    bars = book_bars(quotes, experiment, side, unit)
    return replace(lengthen(bars, data.timeframe), where=name)


def book_bars(quotes: Quotes, experiment: Experiment, side: PriceSide, unit: Unit | None) -> Bars:
    """Both sides of the book; `side` is that of bars which do not say it themselves."""
    book = book_of(experiment) | Book(price_side=side if "unknown" in quotes.sides else "auto")
    return complete_book(
        quotes, **(book | (Asked(unit="pip") if unit is None else asking_for(unit)))
    )
