"""Verdict and metrics panel: summary.json in words and rows. Each number's definition stands beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxexit import units
from jaxexit.evaluate import compare
from jaxexit.evaluate.statistics import TOO_LITTLE
from jaxexit.policies import CLASSICAL, LISTED, ORACLE
from jaxexit.report.run import ReportedRun, numbers
from jaxexit.report.words import NOTHING, percent, plain, signed, typographic

Metrics = Mapping[str, Any]


class Cell(NamedTuple):
    """A number, and what stands in small letters under it."""

    text: str
    below: str = ""
    sign: int = 0  # of a result: -1 loss, +1 gain


class MetricRow(NamedTuple):
    """One metric of every policy."""

    label: str
    definition: str
    cells: list[Cell]


class Column(NamedTuple):
    """One policy of the panel."""

    name: str
    note: str  # in small letters under the name
    metrics: Metrics
    capture: float | None
    difference: Metrics | None  # the report's own learned policy minus this one, paired
    unit: str = units.PIPS.name  # of results
    days_a_year: float = units.WEEKDAYS_A_YEAR


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


def columns(runs: Sequence[ReportedRun]) -> list[Column]:
    """The report's run, versions compared with it, then the run's baselines; the oracle last."""
    first = runs[0]
    policies, unit = first.summary["policies"], units.of(first.summary)
    year = first.dataset.calendar.days_a_year
    found = [
        Column(
            run.version,
            "learned" if run is first else "learned, compared",
            run.summary["policies"][run.learned],
            _capture(run, run.learned),
            None if run is first else compare(first.table, run.table).as_json(),
            unit,
            year,
        )
        for run in runs
    ]
    for name in first.tables:
        if name != first.learned:
            note = "not attainable" if name == ORACLE.name else _numbers(first, name)
            own = policies[name]
            less = own.get("learned_minus")
            found.append(Column(name, note, own, _capture(first, name), less, unit, year))
    return found


def _numbers(run: ReportedRun, policy: str) -> str:
    """The numbers of a tuned baseline, where the summary says them."""
    tuned = run.summary["policies"][policy].get("tuned") or {}
    return ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in tuned.items())


def _capture(run: ReportedRun, policy: str) -> float | None:
    net = run.dataset.unit.key("net")
    best = float(numbers(run.tables[ORACLE.name], net).sum()) if ORACLE.name in run.tables else 0.0
    return float(numbers(run.tables[policy], net).sum()) / best if best > 0 else None


def verdict(found: Sequence[Column], *, cap: str = "") -> Verdict:
    """The run against the exit that its entries came with: the list's own, else stop and target.

    Args:
        found: of `columns`.
        cap: why no gain is claimed as it stands, in words that begin the headline; empty: it is.
    """
    own, rest = found[0], {column.name: column for column in found[1:]}
    sentences = []
    mean = _estimate(own, units.key(own.unit, "net", "mean"))
    digits = units.digits(own.unit)
    if mean is not None:
        sentences.append(
            f"Learned exits earn {signed(mean['value'], digits)} {units.words(own.unit)} a trade net, 95% "
            f"interval {_interval(mean, digits)}: {_against_zero(mean)}."
        )
    rival = next((rest[p.name] for p in (LISTED, CLASSICAL) if p.name in rest), None)
    if rival is None or rival.difference is None:
        return Verdict(
            "undecided", "No comparison in these results: run the backtest again", sentences
        )
    title = {
        LISTED.name: "the exits of the trade list",
        CLASSICAL.name: "the classical exit",
    }[rival.name]
    kind, said = _verdict_of(rival.difference)
    sentences.insert(0, f"Learned minus {rival.name}, on the same trades: {said}.")
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


def _verdict_of(difference: Metrics) -> tuple[str, str]:
    """The kind of a paired difference, and its words."""
    said = str(difference["verdict"])
    kind = next((word for word in ("better", "worse") if said.startswith(word)), "undecided")
    return kind, typographic(said.split(": ", 1)[-1])


def _against_zero(estimate: Metrics) -> str:
    low, high = estimate["low"], estimate["high"]
    if low is not None and low > 0:
        return "above zero"
    if high is not None and high < 0:
        return "below zero"
    return "not distinguishable from zero"


def _interval(estimate: Metrics, digits: int = 2) -> str:
    low, high = estimate["low"], estimate["high"]
    return " to ".join("unbounded" if end is None else signed(end, digits) for end in (low, high))


def rows(found: Sequence[Column]) -> list[MetricRow]:
    """The metrics panel: a row a metric, a cell a column."""

    def row(label: str, definition: str, cell: Callable[[Column], Cell]) -> MetricRow:
        return MetricRow(label, definition, [cell(column) for column in found])

    def number(key: str, write: Callable[[Any], str] = plain) -> Callable[[Column], Cell]:
        return lambda column: Cell(write(column.metrics.get(key)))

    def result(key: str, digits: int = 2) -> Callable[[Column], Cell]:
        def cell(column: Column) -> Cell:
            value, estimate = column.metrics[key], _estimate(column, key)
            below = _interval(estimate, digits) if estimate else ""
            return Cell(signed(value, digits), below, _sign(value))

        return cell

    unit = found[0].unit
    said, digits = units.words(unit), units.digits(unit)
    of_net = "spread, commission, slippage, swap, funding and borrowing"
    money = [
        row(
            "Net money, total",
            "At the experiment's value of a point.",
            number("net_money_total"),
        )
    ]
    return [
        row("Trades", "Every trade of the split, each exactly once.", number("trades", _count)),
        row(
            f"Net {said} a trade",
            f"Mean of net results: gross less {of_net}. Below: 95% interval from "
            "a block bootstrap of calendar time, since trades that overlap are not independent.",
            result(units.key(unit, "net", "mean"), digits),
        ),
        row(
            f"{found[0].name} minus this",
            f"Mean paired difference on the same trades, net {said} a trade, with its 95% interval. Better "
            "or worse is said only where the interval excludes zero, and of enough independent time.",
            _difference,
        ),
        row(
            f"Net {said}, total",
            "Sum over all trades.",
            result(units.key(unit, "net", "total"), digits - 1),
        ),
        *(money if "net_money_total" in found[0].metrics else []),
        row(
            f"Gross {said} a trade",
            f"Before {of_net}: what the middle of the book gave.",
            result(units.key(unit, "gross", "mean"), digits),
        ),
        row(
            f"Costs, {said} a trade",
            "Spread (half at either end), commission, slippage, swap, funding and borrowing.",
            number(units.key(unit, "cost", "mean"), lambda v: plain(v, digits)),
        ),
        row("Win rate", "Share of trades with a net result above 0.", number("win_rate", percent)),
        row(
            "Profit factor",
            "Sum of net gains over sum of net losses; a dash where nothing was lost.",
            number("profit_factor"),
        ),
        row(
            "Expectancy, R",
            "Mean net result in units of the risk taken at entry, the distance to the first stop.",
            result("net_r_mean", 3),
        ),
        row(
            "Sharpe, annual",
            f"Mean over standard deviation of daily net results x sqrt({found[0].days_a_year:.1f} trading "
            "days), open trades marked to market, days without a trade as 0, no risk-free rate. Below: 95% "
            "interval.",
            result("sharpe_annual"),
        ),
        row(
            "Deflated Sharpe",
            "Probability that the true Sharpe ratio is above what the best of as many worthless trials would "
            "show by luck (Bailey and Lopez de Prado 2014). Below: trials so far.",
            _deflated,
        ),
        row(
            f"Max drawdown, {said}",
            "Largest fall of the equity, marked to market at bar closes, from an earlier peak.",
            number(units.key(unit, "max_drawdown"), lambda v: plain(v, digits - 1)),
        ),
        row("Bars held", "Mean number of bars a position was held.", number("bars_held_mean")),
        row(
            "Capture",
            "Total net result over that of the best single market order in hindsight on each trade (the "
            "oracle). Negative for a loss.",
            lambda column: Cell(percent(column.capture), "", _sign(column.capture or 0.0)),
        ),
        row(
            "Blocked attempts",
            "Share of the policy's choices that a guard turned into HOLD. Fixed exits have no guards.",
            lambda column: Cell(percent(_blocked_share(column.metrics))),
        ),
        row(
            "Stop and target in one bar",
            "Share of trades whose last bar held both: which came first is unknown, the stop was taken.",
            number("ambiguous_share", percent),
        ),
    ]


def whiskers(found: Sequence[Column]) -> list[Whisker]:
    """The net result a trade with intervals, for the picture beside the verdict, without the oracle."""
    shown = [
        (column, estimate)
        for column in found
        if column.name != ORACLE.name
        and (estimate := _estimate(column, units.key(column.unit, "net", "mean")))
    ]
    digits = units.digits(found[0].unit)
    ends = [e[k] for _, e in shown for k in ("low", "high", "value") if e[k] is not None]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    width = (high - low) or 1.0

    def place(value: float | None, otherwise: float) -> float:
        return round(100 * ((otherwise if value is None else value) - low) / width, 2)

    return [
        Whisker(
            name=column.name,
            words=f"{signed(e['value'], digits)} ({_interval(e, digits)})",
            value=place(e["value"], 0.0),
            low=place(e["low"], low),
            high=place(e["high"], high),
            zero=place(0.0, 0.0),
            own=column is found[0],
        )
        for column, e in shown
    ]


def _estimate(column: Column, key: str) -> Metrics | None:
    return (column.metrics.get("intervals") or {}).get(key)


def _difference(column: Column) -> Cell:
    if column.difference is None:
        return Cell(NOTHING)
    gained, digits = column.difference[column.unit], units.digits(column.unit)
    kind, _ = _verdict_of(column.difference)
    words = str(column.difference["verdict"]).split(":", 1)[0] if kind == "undecided" else kind
    return Cell(
        signed(gained["value"], digits),
        f"{_interval(gained, digits)}: {words}",
        _sign(gained["value"]),
    )


def _deflated(column: Column) -> Cell:
    found = column.metrics.get("deflated_sharpe")
    if not found:
        return Cell(NOTHING)
    return Cell(
        percent(found["deflated"]), f"{found['trials']} trial{'s' * (found['trials'] != 1)}"
    )


def _blocked_share(metrics: Metrics) -> float | None:
    attempts = sum(metrics["actions"].values())
    return sum(metrics["blocked"].values()) / attempts if attempts else None


def _count(value: int) -> str:
    return f"{value:,}"


def _sign(value: float | None) -> int:
    return 0 if not value else (1 if value > 0 else -1)
