"""A diagnosis as tables of text: the same on a terminal and on a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxexit.evaluate.statistics import FEWEST_BLOCKS
from jaxexit.forensics.after import AT
from jaxexit.forensics.diagnosis import Diagnosis
from jaxexit.forensics.equity import Ratio
from jaxexit.forensics.examined import numbers
from jaxexit.forensics.grouped import MONTHS, REASON
from jaxexit.forensics.plays import own_stops
from jaxexit.forensics.text import NOTHING, in_r, interval, share
from jaxexit.names import one_line

SHARES = ("win_rate", "exposure")


class Shown(NamedTuple):
    """A table of text.

    Attributes:
        key: of the part of the diagnosis.
        title: its heading.
        words: what it is and rests on.
        head: headings of its columns.
        rows: cells; the first of a row is its name.
        tips: what a row is, by its name, where that needs words.
    """

    key: str
    title: str
    words: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    tips: Mapping[str, str] = MappingProxyType({})


def shown(diagnosis: Diagnosis) -> list[Shown]:
    """All tables, in the order in which they are read."""
    return [
        _ratios(diagnosis),
        _left(diagnosis),
        _after(diagnosis),
        _wider(diagnosis),
        _scratches(diagnosis),
        *_groups(diagnosis),
        _months(diagnosis),
        _drawdowns(diagnosis),
        _spread(diagnosis),
        _sizes(diagnosis),
    ]


def headline(diagnosis: Diagnosis) -> str:
    """How many trades and what they earned, in a line."""
    table, examined = diagnosis.trades, diagnosis.examined
    mean = diagnosis.ratio_list[0]
    unit = examined.unit
    inside = mean.low is not None and mean.high is not None and mean.low <= 0 <= mean.high
    verdict = "not distinguishable from zero" if inside else "above zero"
    if mean.high is not None and mean.high < 0:
        verdict = "below zero"
    if mean.blocks is not None and mean.blocks < FEWEST_BLOCKS:
        verdict = f"too little data for a verdict, {mean.blocks:.1f} independent periods"
    total = f"{float(numbers(table, examined.net).sum()):+,.{unit.digits - 1}f} {unit.words}"
    return (
        f"{len(table):,} trades, {in_r(float(numbers(table, 'net_r').sum()), 1)} R net ({total}); a trade "
        f"{in_r(mean.value, 3)} R, "
        f"95% interval {interval(mean.low, mean.high, 3)}: {verdict}"
    )


def _ratios(diagnosis: Diagnosis) -> Shown:
    rows = [
        (ratio.label, _ratio(ratio), interval(ratio.low, ratio.high))
        for ratio in diagnosis.ratio_list
    ]
    tips = {ratio.label: ratio.formula for ratio in diagnosis.ratio_list}
    words = diagnosis.words["ratios"]
    return Shown("ratios", "Ratios", words, ("net", "value", "95% interval"), rows, tips)


def _ratio(ratio: Ratio) -> str:
    if ratio.value is None:
        return NOTHING
    if ratio.key in SHARES:
        return share(ratio.value, 1)
    if ratio.key == "most_open":
        return f"{ratio.value:,.0f}"
    if ratio.key in ("profit_factor", "max_drawdown_r"):
        return f"{ratio.value:,.2f}"
    return in_r(ratio.value, 3 if ratio.key == "expectancy_r" else 2)


def _left(diagnosis: Diagnosis) -> Shown:
    table, after = diagnosis.left_on_the_table, diagnosis.settings.after
    head = (
        *("R", "trades", "net", "MFE", "MAE", "worst tenth of MAE", "given up", "kept of MFE"),
        *("ran 1 R", f"best in {after} after", "worst", "on by 1 R", "back by 1 R"),
    )
    rows = [
        (
            line["group"],
            f"{line['trades']:,}",
            *(in_r(line[n]) for n in ("net_mean", "mfe_mean", "mae_mean", "mae_q10")),
            in_r(line["given_up_mean"]),
            # Of losers a share of what was there to keep means nothing.
            NOTHING if line["group"] == "losers" else share(line["capture"]),
            share(line["ran_1r"]),
            *(in_r(line[n]) for n in ("best_after_mean", "worst_after_mean")),
            share(line["on_1r"]),
            share(line["back_1r"]),
        )
        for line in _lines(table)
    ]
    words = diagnosis.words["left_on_the_table"] + " Means, in R, of all, winners and losers."
    return Shown("left_on_the_table", "Left on the table", words, head, rows)


def _after(diagnosis: Diagnosis) -> Shown:
    table = diagnosis.after_exit
    at = [bar for bar in AT if bar <= diagnosis.settings.after]
    rows = []
    for line in _lines(_where(table, table["bar"].isin(at))):
        name = f"{line['group']}, {line['bar']} bar{'s' * (line['bar'] != 1)} on"
        quantiles = (in_r(line[q]) for q in ("q10", "q25", "q50", "q75", "q90"))
        ends = interval(line["low"], line["high"])
        rows.append((name, f"{line['trades']:,}", in_r(line["mean"], 3), ends, *quantiles))
    head = ("R", "trades", "mean", "95% interval", "10%", "25%", "median", "75%", "90%")
    return Shown("after_exit", "After the exit", diagnosis.words["after_exit"], head, rows)


def _wider(diagnosis: Diagnosis) -> Shown:
    words = diagnosis.words["wider_stops"]
    head = (
        *("stop", "stopped", "played", "to target", "lost more", "saved R", "cost R"),
        *("change, R a trade", "95% interval", "all: net R", "same size", "same risk"),
    )
    rows = [
        (
            f"{line['width']:g} x as wide",
            *(f"{line[n]:,}" for n in ("stopped", "played", "to_target", "worse")),
            in_r(line["saved_r"], 1),
            in_r(-line["lost_r"], 1),
            in_r(line["change_mean"], 3),
            interval(line["low"], line["high"]),
            *(in_r(line[n], 1) for n in ("total_r", "total_same_size", "total_same_risk")),
        )
        for line in (_lines(diagnosis.wider_stops) if own_stops(diagnosis.examined) else ())
    ]
    return Shown("wider_stops", "A wider stop", words, head, rows)


def _scratches(diagnosis: Diagnosis) -> Shown:
    head = (
        *("scratches", "count", "played", "to target", "to stop", "unended", "earned, R"),
        *("played on, R", "difference", "95% interval"),
    )
    rows = [
        (
            line["which"],
            *(f"{line[n]:,}" for n in ("scratches", "played", "to_target", "to_stop", "unended")),
            *(in_r(line[n], 3) for n in ("earned_mean", "played_mean", "change_mean")),
            interval(line["low"], line["high"]),
        )
        for line in _lines(diagnosis.scratches)
    ]
    words = diagnosis.words["scratches"]
    return Shown("scratches", "Break-even scratches", words, head, rows)


def _groups(diagnosis: Diagnosis) -> Iterator[Shown]:
    groups = diagnosis.groups
    mean = float(numbers(diagnosis.examined.trades, "net_r").mean())
    counted = {str(line["by"]): line for line in _lines(diagnosis.looks)}
    head = ("trades", "win", "net R a trade", "95% interval", "net R")
    for by in dict.fromkeys(groups["by"]):
        rows = [
            (
                one_line(str(line["group"])),
                f"{line['trades']:,}",
                share(line["win_rate"]),
                in_r(line["net_r_mean"], 3),
                interval(line["low"], line["high"]),
                in_r(line["net_r_total"], 1),
            )
            for line in _lines(_where(groups, groups["by"] == by))
        ]
        said = one_line(by.replace("_", " "))
        words = "Known only when a trade has ended: no rule can use it."
        if by != REASON:
            look = counted.get(by)
            words = "No group is large enough for an interval."
            if look is not None:
                words = (
                    f"{look['apart']} of {look['groups']} intervals leave out the mean of all trades, "
                    f"{in_r(mean, 3)} R; {look['by_luck']:.1f} would by luck alone."
                )
            if by == "hour":
                words += " UTC, of the entry."
        yield Shown(f"groups_{by}", f"By {said}", words, (said, *head), rows)


def _months(diagnosis: Diagnosis) -> Shown:
    rows = [
        (
            str(line["year"]),
            *(in_r(line[month], 1) for month in MONTHS),
            in_r(line["year_total"], 1),
            f"{line['trades']:,}",
        )
        for line in _lines(diagnosis.months)
    ]
    head = ("net R", *MONTHS, "year", "trades")
    return Shown("months", "Net R by month", diagnosis.words["months"], head, rows)


def _drawdowns(diagnosis: Diagnosis) -> Shown:
    rows = [
        (
            f"{number}",
            f"{line['depth_r']:,.1f}",
            *(_day(line[name]) for name in ("peak", "trough", "recovered")),
            *(_number(line[name]) for name in ("days_down", "days_back", "days")),
        )
        for number, line in enumerate(_lines(diagnosis.drawdowns), 1)
    ]
    head = (
        *("deepest", "depth, R", "peak", "trough", "recovered"),
        *("days down", "days back", "days in all"),
    )
    return Shown("drawdowns", "Drawdowns in time", diagnosis.words["drawdowns"], head, rows)


def _spread(diagnosis: Diagnosis) -> Shown:
    labels = {
        "final": "account at the end, x start",
        "max_drawdown": "largest drawdown",
        "longest_underwater": "longest time under water",
        "underwater": "all time under water",
    }
    rows = []
    for line in _lines(diagnosis.chances.spread):
        names = ("as_it_was", "q5", "q25", "q50", "q75", "q95")
        final = line["what"] == "final"
        cells = (f"{line[n]:,.2f}" if final else share(line[n]) for n in names)
        rows.append((labels[line["what"]], *cells))
    chances = diagnosis.chances
    tips = {labels["longest_underwater"]: "As a share of all trades, below an earlier peak."}
    words = (
        f"Risk of ruin {share(chances.risk_of_ruin, 1)} (95%: {share(chances.low, 1)} to "
        f"{share(chances.high, 1)}, of the drawing alone). {diagnosis.words['chances']}"
    )
    head = ("account", "as it was", "5%", "25%", "median", "75%", "95%")
    title = f"Monte Carlo, {chances.size:.2%} of the account at risk a trade"
    return Shown("chances", title, words, head, rows, tips)


def _sizes(diagnosis: Diagnosis) -> Shown:
    rows = [
        (
            f"{line['size']:.2%}",
            share(line["risk_of_ruin"], 1),
            f"{line['final_q50']:,.2f}",
            share(line["max_drawdown_q50"]),
            share(line["max_drawdown_q95"]),
        )
        for line in _lines(diagnosis.chances.sizes)
    ]
    head = (
        *("risked a trade", "risk of ruin", "median account at the end, x start"),
        *("median largest drawdown", "one in twenty is deeper than"),
    )
    words = "The same drawn orders of trades at other sizes."
    return Shown("sizes", "Other sizes", words, head, rows)


def _where(table: pd.DataFrame, chosen: Any) -> pd.DataFrame:
    return table.take(np.flatnonzero(chosen))


def _lines(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in line.items()} for line in table.to_dict("records")]


def _day(moment: Any) -> str:
    return "not yet" if pd.isna(moment) else f"{moment:%Y-%m-%d}"


def _number(value: float) -> str:
    return NOTHING if pd.isna(value) else f"{value:,.0f}"
