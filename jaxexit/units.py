"""In what results are counted: pips, ticks, points, percent or basis points of the entry, or R.

Every number of money has its unit in its name: `net_pips_mean` of a currency pair, `net_percent_mean` of a
stock. R, the distance from the entry to the initial stop, stands beside it everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

DAYS_A_YEAR = 365.25
WEEKDAYS_A_YEAR = DAYS_A_YEAR * 5 / 7

Base = Literal["price", "entry", "risk"]
"""What one unit is a multiple of: the price's own units, the entry price, the initial risk."""

_BASES: dict[str, Base] = {
    "pips": "price",
    "ticks": "price",
    "points": "price",
    "percent": "entry",
    "bps": "entry",
    "r": "risk",
}
_SIZES = {"percent": 0.01, "bps": 0.0001, "r": 1.0}
_GRAINS = {"percent": 0.01, "r": 0.01}
_WORDS = {"r": "R"}
_DIGITS = {"percent": 3, "r": 3}  # of a mean; 2 of all others, and one less of a total


class Unit(NamedTuple):
    """One of the units, hashable."""

    name: str  # as it stands in keys and columns
    size: float  # price units of one; of percent and bps the fraction of the entry; of R 1

    @property
    def base(self) -> Base:
        """What it is a multiple of."""
        return base_of(self.name)

    @property
    def words(self) -> str:
        """As it stands in a sentence."""
        return words(self.name)

    @property
    def grain(self) -> float:
        """A negligible amount of it: one pip, tick or point, a basis point, a hundredth of R."""
        return _GRAINS.get(self.name, 1.0)

    @property
    def of_costs(self) -> Unit:
        """The unit of costs: the same, but basis points where results are relative."""
        return self if self.base == "price" else BPS

    @property
    def digits(self) -> int:
        """Behind the point of a result a trade."""
        return digits(self.name)

    def key(self, *parts: str) -> str:
        """Key or column that names the unit: of net and mean net_pips_mean."""
        return key(self.name, *parts)

    def per_fraction(self, entry: Any, risk: Any) -> Any:
        """How many of the unit are a fraction 1.0 of the entry price.

        Args:
            entry: price of the entry, any shape.
            risk: distance from the entry to the initial stop, price units, the same shape.
        """
        if self.base == "price":
            return entry / self.size
        if self.base == "entry":
            return 0.0 * entry + 1.0 / self.size
        return entry / risk


PIPS = Unit("pips", 0.0001)
PERCENT = Unit("percent", _SIZES["percent"])
BPS = Unit("bps", _SIZES["bps"])
R = Unit("r", _SIZES["r"])
NAMES = tuple(_BASES)


def key(unit: str, *parts: str) -> str:
    """Key that names a unit: of pips, net and mean net_pips_mean."""
    first, *rest = parts
    return "_".join([first, unit, *rest])


def base_of(unit: str) -> Base:
    """What the unit of this name is a multiple of."""
    return _BASES[unit]


def words(unit: str) -> str:
    """The unit of this name as it stands in a sentence."""
    return _WORDS.get(unit, unit)


def score_key(unit: str) -> str:
    """The key of the score by which the best checkpoint is chosen, in the unit of this name."""
    return f"validation_{key(unit, 'net', 'mean')}"


def of(document: Mapping[str, Any]) -> str:
    """Name of the unit in which a document of results counts; one from before there were others, pips."""
    return document.get("unit", PIPS.name)


def of_table(table: Any) -> str:
    """Name of the unit in which a trade table counts, by its columns."""
    return unit_of_key(table, "net")


def unit_of_key(names: Any, *parts: str) -> str:
    """Name of the unit with which key(unit, *parts) is among the names.

    Raises:
        KeyError: there is none.
    """
    for unit in NAMES:
        if key(unit, *parts) in names:
            return unit
    raise KeyError(f"no unit has a key for {'_'.join(parts)}")


def year_of(summary: Mapping[str, Any]) -> float:
    """Days of a summary's year; of one from before calendars were recorded, weekdays."""
    return summary["calendar"]["days_a_year"] if "calendar" in summary else WEEKDAYS_A_YEAR


def year_words(summary: Mapping[str, Any]) -> str:
    """What a summary's year is, in a sentence; empty for one from before calendars were recorded."""
    if "calendar" not in summary:
        return ""
    calendar = summary["calendar"]
    return f"The year has {calendar['days_a_year']:.1f} trading days (calendar {calendar['name']})."


def digits(unit: str) -> int:
    """Behind the point of a result a trade; a single result or a sum is written with one less."""
    return _DIGITS.get(unit, 2)


def mean_form(unit: str) -> str:
    """Format of a result a trade, with its sign."""
    return f"+.{digits(unit)}f"


def total_form(unit: str, *, signed: bool = True) -> str:
    """Format of a sum of results."""
    return f"{'+' if signed else ''},.{digits(unit) - 1}f"


# --- units of costs ------------------------------------------------------------------

AMOUNTS = "a number, or one with its unit like '2 bps', '0.02 percent', '1.5 pips', '2 ticks', '0.1 price'"
_AMOUNT = re.compile(
    r"\s*(-?[0-9.]+(?:e-?[0-9]+)?)\s*(bps?|percent|%|pips?|ticks?|points?|price)\s*", re.I
)


class Amount(NamedTuple):
    """A cost as it was written: a number and its unit; "own": the unit of the experiment's costs."""

    value: float
    counts: str  # own, bps, percent, pips, ticks, points or price


def amount(said: float | str) -> Amount:
    """A cost from an experiment's file.

    Raises:
        ValueError: it is neither a number nor a number with its unit.
    """
    if not isinstance(said, str):
        return Amount(float(said), "own")
    match = _AMOUNT.fullmatch(said)
    if match is None:
        raise ValueError(AMOUNTS)
    name = match[2].lower()
    name = {"%": "percent", "bp": "bps", "pip": "pips", "tick": "ticks", "point": "points"}.get(
        name, name
    )
    return Amount(float(match[1]), name)
