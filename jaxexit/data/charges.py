"""What an experiment's costs are in its market: prices, fractions, and what holding costs over time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from jaxexit.config.market import Costs
from jaxexit.data.bars import Bars
from jaxexit.data.tables import as_numbers
from jaxexit.errors import DataError
from jaxexit.limits import check_held, float32
from jaxexit.units import amount

FUNDING_HOURS = 8  # between two fundings of a perpetual: 0, 8 and 16 h UTC
MOST_FUNDING = 0.005  # median fraction, above which rates are taken to be in percent
_DAYS = np.timedelta64(1, "D") * 365


class Charges(NamedTuple):
    """Costs beside the spread. Fractions are of the notional at the price where they fall due."""

    commission: float = 0.0  # fraction, per side
    commission_maker: float = 0.0  # fraction, of an exit by a resting limit
    commission_fixed: float = 0.0  # price units, per side
    commission_minimum: float = 0.0  # price units, per order, for a position of the whole size
    slippage: float = 0.0  # price units
    slippage_fraction: float = 0.0
    swap_long: float = 0.0  # price units per rollover
    swap_long_fraction: float = 0.0  # of the entry price
    swap_short: float = 0.0
    swap_short_fraction: float = 0.0
    funding: float | str = 0.0  # fraction that a long pays, or the column of the bars that has it
    borrow: float = 0.0  # fraction that a short pays a year
    money: float | None = None  # that the whole position earns when the price rises by 1

    @property
    def plain(self) -> bool:
        """Whether commission is a fraction of notional, and all else is in price units."""
        more = (
            self.commission_maker - self.commission,
            self.commission_fixed,
            self.commission_minimum,
            self.slippage_fraction,
            self.swap_long_fraction,
            self.swap_short_fraction,
        )
        return not any(more)

    @property
    def carries(self) -> bool:
        """Whether holding costs something of the notional."""
        return bool(self.funding or self.borrow)


FREE = Charges()


def charges_of(costs: Costs, bars: Bars) -> Charges:
    """The costs of an experiment on its bars.

    Raises:
        DataError: an amount is in pips and the market has none, or the column of the funding is not there.
    """
    own = bars.measures

    def found(name: str) -> tuple[float, float]:
        said = getattr(costs, name)
        if said is None:
            pips = getattr(costs, f"{name}_pips")
            return own.of(
                amount(f"{np.format_float_positional(pips, trim='-')} pips"), f"costs.{name}_pips"
            )
        return own.of(amount(said), f"costs.{name}")

    slippage, swap_long, swap_short = (
        found(name) for name in ("slippage", "swap_long", "swap_short")
    )
    maker, value = costs.commission_maker, costs.point_value
    _check_held(costs, {"slippage": slippage, "swap_long": swap_long, "swap_short": swap_short})
    charges = Charges(
        commission=costs.commission,
        commission_maker=costs.commission if maker is None else maker,
        commission_fixed=costs.commission_per_lot / (value or 1.0),
        commission_minimum=costs.commission_minimum / ((value or 1.0) * costs.lots),
        slippage=slippage[0],
        slippage_fraction=slippage[1],
        swap_long=swap_long[0],
        swap_long_fraction=swap_long[1],
        swap_short=swap_short[0],
        swap_short_fraction=swap_short[1],
        funding=costs.funding,
        borrow=costs.borrow,
        money=None if value is None else value * costs.lots,
    )
    if isinstance(costs.funding, str) and costs.funding not in bars.table:
        raise DataError(
            f"costs.funding: the bar file has no column '{costs.funding}' (it has "
            f"{', '.join(map(str, bars.table.columns))})"
        )
    return charges


def _check_held(costs: Costs, found: dict[str, tuple[float, float]]) -> None:
    """Refuse costs that the device cannot hold once they are in the market's price.

    Args:
        costs: of the experiment.
        found: amounts by key, as (price units, fraction of the price).
    """
    for name, (price, fraction) in found.items():
        key = f"costs.{name}" if getattr(costs, name) is not None else f"costs.{name}_pips"
        check_held(price, key, "in price units")
        check_held(fraction, key, "of the price")
    value = costs.point_value or 1.0
    check_held(costs.commission_per_lot / value, "costs.commission_per_lot", "in price units")
    position = check_held(value * costs.lots, "costs.point_value", "times costs.lots")
    check_held(costs.commission_minimum / position, "costs.commission_minimum", "in price units")


def carry(charges: Charges, bars: Bars, length: np.timedelta64) -> tuple[np.ndarray, np.ndarray]:
    """What holding costs, as a fraction of the notional, where a position crosses it.

    Funding falls due at 0, 8 and 16 h UTC, at the rate of the bar in which that is; what is borrowed costs by
    the time that has passed, weekends too.

    Args:
        charges: with `funding` or `borrow`.
        bars: T of them.
        length: of a bar.

    Raises:
        DataError: the column has no rate where funding falls due, or rates that only percent can be.

    Returns:
        (crossed, inside), [T, 2] float32 each, longs and shorts: between the end of bar t-1 and the open of
        bar t, both included, and inside bar t.
    """
    times = bars.times
    ends = times + length
    ends[:-1] = np.minimum(ends[:-1], times[1:])
    rate = charges.funding
    rates = np.full(len(times), rate if not isinstance(rate, str) else 0.0)
    if isinstance(rate, str):
        rates = as_numbers(pd.Series(bars.table[rate]))
    hour = np.timedelta64(FUNDING_HOURS, "h")
    first = times[0].astype("datetime64[D]")
    due = np.arange(first, ends[-1] + hour, hour).astype("datetime64[ns]")
    due = due[(due >= times[0]) & (due < ends[-1])]
    at = np.searchsorted(times, due, side="right") - 1
    _check_rates(rates[at], times[at], rate)
    before = np.concatenate([[0.0], np.cumsum(rates[at])])
    by_open = before[np.searchsorted(due, times, side="right")]
    by_end = before[np.searchsorted(due, ends, side="left")]
    crossed = by_open - np.concatenate([by_open[:1], by_end[:-1]])
    inside = by_end - by_open
    gap = (times - np.concatenate([times[:1], ends[:-1]])) / _DAYS * charges.borrow
    lent = (ends - times) / _DAYS * charges.borrow
    said = "costs.funding" if charges.funding else "costs.borrow"
    return (
        float32(np.stack([crossed, gap - crossed], axis=1), said, "what is due"),
        float32(np.stack([inside, lent - inside], axis=1), said, "what is due"),
    )


def _check_rates(rates: np.ndarray, times: np.ndarray, name: float | str) -> None:
    """Refuse a column of funding whose rates [n] are missing at `times` [n], or cannot be fractions."""
    unknown = ~np.isfinite(rates)
    if unknown.any():
        first = pd.Timestamp(times[int(np.argmax(unknown))])
        raise DataError(
            f"costs.funding: column '{name}' has no rate in {int(unknown.sum()):,} bars in which funding "
            f"falls due, the first at {first:%Y-%m-%d %H:%M}; fill it (0 where none was paid)"
        )
    usual = float(np.median(np.abs(rates))) if len(rates) else 0.0
    if usual > MOST_FUNDING:
        raise DataError(
            f"costs.funding: {usual:g} of the notional every {FUNDING_HOURS} hours is no usual rate: it is a "
            "fraction (0.0001), not percent; divide it by 100"
        )
