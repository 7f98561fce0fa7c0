"""What trades and their bars say about exits: excursions, what followed, stops, when, by chance."""

from jaxexit.forensics.chance import Chances, monte_carlo
from jaxexit.forensics.diagnosis import DEFAULT, Diagnosis, Settings, checked
from jaxexit.forensics.equity import Ratio
from jaxexit.forensics.examined import Examined, of_backtest
from jaxexit.forensics.listed import Prices, examine_list

__all__ = [
    "DEFAULT",
    "Chances",
    "Diagnosis",
    "Examined",
    "Prices",
    "Ratio",
    "Settings",
    "checked",
    "examine_list",
    "monte_carlo",
    "of_backtest",
]
