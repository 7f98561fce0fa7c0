"""The sample: hourly EURUSD bars of 2017 that the PyPI package gym-anytrading (MIT) ships in its wheel.

Only its data file is read; its code is never imported. The bars are ask prices, their stamps day first
and in UTC.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from jaxexit.data.bars import PriceSide
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
