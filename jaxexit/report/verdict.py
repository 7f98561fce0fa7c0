"""The verdict in words, and the picture of intervals beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jaxexit import units
from jaxexit.evaluate.statistics import TOO_LITTLE
from jaxexit.metrics import METRICS
from jaxexit.policies import CLASSICAL, LISTED, ORACLE
from jaxexit.report.panel import Column, Metrics, interval_words, kind_of
from jaxexit.report.words import signed, typographic

NET = METRICS["net_mean"]


class Whisker(NamedTuple):
    """The net result a trade with its interval, in percent of the width of the picture."""

    name: str
    words: str
    value: float
    low: float
    high: float
    zero: float
    own: bool


class Verdict(NamedTuple):
    """What a reader should take away."""

    kind: str  # "better", "worse" or "undecided"
    headline: str
    sentences: list[str]


def verdict(shown: Sequence[Column], *, cap: str = "", power: str = "") -> Verdict:
    """The run against the exit that its entries came with: the list's own, else stop and target.

    Args:
        shown: of `columns`.
        cap: why a gain is not claimed without reservation, in words that begin the headline; empty: it is.
        power: what the test could have seen (`evaluate.power.power_line`); empty: not known.
    """
    learned, rest = shown[0], {column.name: column for column in shown[1:]}
    sentences = []
    mean, digits = NET.interval(learned.metrics), NET.places(learned.unit)
    if mean is not None:
        sentences.append(
            f"Learned exits earn {signed(mean['value'], digits)} {units.words(learned.unit)} a trade net, "
            f"95% interval {interval_words(mean, digits)}: {_against_zero(mean)}."
        )
    if power:
        sentences.append(f"{power[0].upper()}{power[1:]}.")
    rival = next((rest[p.name] for p in (LISTED, CLASSICAL) if p.name in rest), None)
    if rival is None or rival.difference is None:
        return Verdict(
            "undecided", "No comparison in these results: run the backtest again", sentences
        )
    title = {
        LISTED.name: "the exits of the trade list",
        CLASSICAL.name: "the classical exit",
    }[rival.name]
    kind = kind_of(rival.difference)
    words = typographic(str(rival.difference["verdict"]).split(": ", 1)[-1])
    sentences.insert(0, f"Learned minus {rival.name}, on the same trades: {words}.")
    headline = {
        "better": f"Better than {title}",
        "worse": f"Worse than {title}",
        "undecided": f"Not distinguishable from {title}",
    }[kind]
    if str(rival.difference["verdict"]).startswith(TOO_LITTLE):
        headline = f"Too little data to compare with {title}"
    if cap and kind == "better":
        return Verdict("undecided", f"{cap}: {headline[0].lower()}{headline[1:]}", sentences)
    return Verdict(kind, headline, sentences)


def _against_zero(estimate: Metrics) -> str:
    low, high = estimate["low"], estimate["high"]
    if low is not None and low > 0:
        return "above zero"
    if high is not None and high < 0:
        return "below zero"
    return "not distinguishable from zero"


def whiskers(columns: Sequence[Column]) -> list[Whisker]:
    """The net result a trade with intervals, for the picture beside the verdict, without the oracle."""
    shown = [
        (column, estimate)
        for column in columns
        if column.name != ORACLE.name and (estimate := NET.interval(column.metrics))
    ]
    digits = NET.places(columns[0].unit)
    ends = [e[k] for _, e in shown for k in ("low", "high", "value") if e[k] is not None]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    width = (high - low) or 1.0

    def place(value: float | None, otherwise: float) -> float:
        return round(100 * ((otherwise if value is None else value) - low) / width, 2)

    return [
        Whisker(
            name=column.name,
            words=f"{signed(e['value'], digits)} ({interval_words(e, digits)})",
            value=place(e["value"], 0.0),
            low=place(e["low"], low),
            high=place(e["high"], high),
            zero=place(0.0, 0.0),
            own=column is columns[0],
        )
        for column, e in shown
    ]
