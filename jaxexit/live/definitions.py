"""What each entry of the observation is, in words and formulas, for whoever must fill it elsewhere.

Long form: prices of a short are negated and its book turned over, so that "higher is better" holds for both.
Prices are those at which the trade would be closed: bid for a long, ask for a short.
"""

from __future__ import annotations

from typing import NamedTuple

from jaxexit.config.features import COLUMNS
from jaxexit.data.features import Feature
from jaxexit.env import EnvSpec
from jaxexit.env.observation import CLIP, POSITION


class Definition(NamedTuple):
    """One entry of the observation."""

    formula: str
    unit: str


CONVENTIONS = {
    "clip": f"every entry is clipped to [-{CLIP:g}, {CLIP:g}]; the exported graphs do it themselves",
    "direction": "d = +1 for a long, -1 for a short",
    "long form": "prices of a short are multiplied by -1 and its high and low exchanged; below all prices "
    "are in long form and on the exit side: bid for a long, ask for a short",
    "bars": "bar e is the entry bar; decision k is taken at the close of bar e+k; H is env.max_bars",
    "entry": "the entry fill; at k = 0, where the entry is filled at the next open, the entry-side close of "
    "bar e, and profit is 0",
    "risk": "|p - initial stop| with p the entry-side close of bar e (or the price given for that close)",
    "profit(x)": "((x - slippage) - entry) / |entry| - commission * (1 + (x - slippage) / entry)",
    "indicators": "TA-Lib on mid prices ((bid + ask) / 2 of open, high, low, close), from the first bar of "
    "the history on",
}


def _of_feature(feature: Feature) -> Definition:
    if feature.from_bars:
        formula = f"(column '{feature.column}' - {feature.center:g}) / {feature.scale:g}"
        definition = Definition(formula, "as scaled")
    else:
        definition = Definition(COLUMNS[feature.column].formula, COLUMNS[feature.column].unit)
    formula, unit = definition
    if feature.divisor != 1.0:
        formula, unit = f"({formula}) / {feature.divisor!r}", "of the training split's median"
    at = "bar e" if feature.at == "entry" else "bar e+k"
    if feature.ratio_to_entry:
        formula, unit = f"({formula} at {at}) / (the same at bar e)", "ratio"
    else:
        formula = f"{formula}, at {at}"
    return Definition(f"d * ({formula})" if feature.directional else formula, unit)


def observation_definitions(spec: EnvSpec) -> dict[str, Definition]:
    """Each entry of the observation, in order, by name."""
    position = {entry.name: Definition(entry.formula, entry.unit) for entry in POSITION}
    return position | {feature.name: _of_feature(feature) for feature in spec.features}
