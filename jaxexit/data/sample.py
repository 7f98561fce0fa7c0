"""The sample: hourly EURUSD bars of 2017, shipped by the PyPI package gym-anytrading (MIT).

Only its data file is read; its code is never imported. The bars are ask prices, their stamps day
first and in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from jaxexit.data.bars import Bars, PriceSide, load_bars
from jaxexit.data.quotes import Stamps
from jaxexit.data.zones import AUTO
from jaxexit.errors import DataError

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
    price_side: PriceSide = "auto",
    spread_pips: float | None = None,
    timezone: str = AUTO,
    pip: float | None = None,
    timeframe: str | None = None,
    stamps: Stamps = "auto",
    names: Mapping[str, str] | None = None,
) -> Bars:
    """`load_bars` for what `data.bars` may hold: a path, or "sample" with its known side and zone."""
    path = Path(name)
    if name == SAMPLE:
        if price_side not in ("auto", SAMPLE_SIDE):
            raise DataError(
                f"data.price_side: found {price_side}, but the sample's bars are {SAMPLE_SIDE}"
            )
        path, price_side, timezone = sample_path(), SAMPLE_SIDE, "UTC"
        stamps, names = "auto", None
    bars = load_bars(
        path,
        price_side=price_side,
        spread_pips=spread_pips,
        timezone=timezone,
        pip=pip,
        timeframe=timeframe,
        stamps=stamps,
        names=names,
    )
    return replace(bars, where=name)
