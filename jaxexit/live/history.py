"""Bars read as an experiment reads its own: a file, a table, or one bar as it closes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from jaxexit.config import Experiment
from jaxexit.data.bar_files import BarReading, quotes_of, read_quotes
from jaxexit.data.bars import Bars, Book, PriceSide, lengthen
from jaxexit.data.book import complete_book
from jaxexit.data.files.source import Source
from jaxexit.data.markets import Asked, asking_for
from jaxexit.data.quotes import Quotes, check_quotes, check_row
from jaxexit.data.sample import (
    SAMPLE,
    SAMPLE_READING,
    SAMPLE_SIDE,
    bar_reading_of,
    book_of,
    sample_path,
)
from jaxexit.errors import DataError
from jaxexit.limits import check_float32
from jaxexit.live.messages import RefusedError
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


def given_bars(
    table: pd.DataFrame,
    what: str,
    experiment: Experiment,
    side: PriceSide,
    unit: Unit | None,
    columns: Sequence[str] = (),
) -> Bars:
    """Closed bars as they are fed, a row a bar, oldest first.

    Args:
        table: times and prices, under the names that bar files have.
        what: "the bar" or "the bars", in messages.
        experiment: says how its own bars are read.
        side: of bars that do not say it themselves.
        unit: of results; None: pips.
        columns: that each bar must bring, besides.

    Raises:
        RefusedError: they are not sound, and why.
    """
    try:
        quotes = quotes_of(Source("a bar", table), what, BarReading(experiment.data.timezone))
        quotes = check_row(quotes) if len(table) == 1 else check_quotes(quotes)
        bars = book_bars(quotes, experiment, side, unit)
        for name in columns:
            value = pd.to_numeric(table[name], errors="coerce") if name in table else np.nan
            if not np.isfinite(np.asarray(value, float)).all():
                raise DataError(f"{what}: '{name}' is not a finite number")
            check_float32(value, what, f"'{name}'")
    except DataError as error:
        words = "is" if len(table) == 1 else "are"
        raise RefusedError("bad_bar", f"{error}; {what} {words} not used") from None
    return bars


def book_bars(quotes: Quotes, experiment: Experiment, side: PriceSide, unit: Unit | None) -> Bars:
    """Both sides of the book; `side` is that of bars which do not say it themselves."""
    book = book_of(experiment) | Book(price_side=side if "unknown" in quotes.sides else "auto")
    return complete_book(
        quotes, **(book | (Asked(unit="pip") if unit is None else asking_for(unit)))
    )
