"""Amounts in a market's price: what a cost in pips, ticks or basis points is, and a file's own spreads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxexit.data.quotes import Quotes
from jaxexit.data.spreads import PIPS, POINTS, point_of, tick_of
from jaxexit.errors import DataError
from jaxexit.units import Amount, Unit


@dataclass(frozen=True)
class Measures:
    """What amounts of a market are in its price."""

    unit: Unit  # of results
    pip: float | None  # price units; None: the market has no pips
    prices: np.ndarray  # [T, 4], for the step between its prices

    def of(self, said: Amount, key: str) -> tuple[float, float]:
        """An amount as (price units, fraction of the price); one of them is 0.

        Raises:
            DataError: it is in pips, and the market has none.
        """
        value, counts = said
        if counts == "own":
            unit = self.unit.of_costs
            return (value * unit.size, 0.0) if unit.base == "price" else (0.0, value * unit.size)
        if counts in ("bps", "percent"):
            return 0.0, value * (1e-4 if counts == "bps" else 0.01)
        if counts == "pips":
            if self.pip is None and value:
                raise DataError(
                    f"{key}: got {value:g} pips, expected an amount in bps or price units ('2 bps', "
                    "'0.1 price'): the market has no pips; or set data.pip"
                )
            return value * (self.pip or 0.0), 0.0
        if counts == "price":
            return value, 0.0
        size = self.unit.size if self.unit.name == counts else None
        if size is None:
            size = tick_of(self.prices) if counts == "ticks" else point_of(self.prices)
        return value * size, 0.0


def spread_in_price(quotes: Quotes, pip: float | None) -> np.ndarray | None:
    """The file's own spreads in price units [T], nan where missing; None: it has no spread.

    Args:
        quotes: of the file.
        pip: price units; None: the market has no pips, and a column that names no unit is in price units.

    Raises:
        DataError: the column is in pips, and the market has none.
    """
    spread = quotes.spread
    if spread is None:
        return None
    prices = next(iter(quotes.sides.values()))
    if quotes.spread_unit == POINTS and pip is None:
        return spread * point_of(prices)
    if quotes.spread_unit == POINTS and pip is not None:
        ratio = pip / point_of(prices)  # 10 of the usual quotes
        whole = float(np.round(ratio))
        return spread / (whole if whole and np.isclose(ratio, whole) else ratio) * pip
    if pip is None and quotes.spread_unit == PIPS:
        raise DataError(
            f"{quotes.where}: the spread is in pips, and the market has none: set data.pip, or name the "
            "column 'spread' if it is in price units"
        )
    return spread * (1.0 if pip is None else pip)
