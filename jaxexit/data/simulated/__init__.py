"""Simulated markets whose law is known, in the program's own format: bars, trades, device arrays."""

from jaxexit.data.simulated.brownian import brownian
from jaxexit.data.simulated.disorder import disorder
from jaxexit.data.simulated.finer import finer_brownian
from jaxexit.data.simulated.ornstein_uhlenbeck import ornstein_uhlenbeck
from jaxexit.data.simulated.realistic import realistic
from jaxexit.data.simulated.types import FAR_PIPS, LEVEL, PIP, Simulated, device, to_dataset

__all__ = [
    "FAR_PIPS",
    "LEVEL",
    "PIP",
    "Simulated",
    "brownian",
    "device",
    "disorder",
    "finer_brownian",
    "ornstein_uhlenbeck",
    "realistic",
    "to_dataset",
]
