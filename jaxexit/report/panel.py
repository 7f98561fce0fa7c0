"""The metrics panel: summary.json in rows, each with its definition (`jaxexit.metrics`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxexit import units
from jaxexit.evaluate import compare
from jaxexit.metrics import METRICS, Metric
from jaxexit.policies import ORACLE
from jaxexit.report.run import ReportedRun, numbers
from jaxexit.report.words import NOTHING, percent, plain, signed

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


def columns(runs: Sequence[ReportedRun]) -> list[Column]:
    """The report's run, versions compared with it, then the run's baselines; the oracle last."""
    first = runs[0]
    policies, unit = first.summary["policies"], units.of(first.summary)
    year = first.dataset.calendar.days_a_year
    shown = [
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
            metrics = policies[name]
            minus = metrics.get("learned_minus")
            shown.append(Column(name, note, metrics, _capture(first, name), minus, unit, year))
    return shown


def _numbers(run: ReportedRun, policy: str) -> str:
    """The numbers of a tuned baseline, where the summary says them."""
    tuned = run.summary["policies"][policy].get("tuned") or {}
    scalars = {name: value for name, value in tuned.items() if not isinstance(value, list)}
    return ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in scalars.items())


def _capture(run: ReportedRun, policy: str) -> float | None:
    net = run.dataset.unit.key("net")
    best = float(numbers(run.tables[ORACLE.name], net).sum()) if ORACLE.name in run.tables else 0.0
    return float(numbers(run.tables[policy], net).sum()) / best if best > 0 else None


def rows(shown: Sequence[Column]) -> list[MetricRow]:
    """The metrics panel: a row a metric, a cell a column."""
    unit, year = shown[0].unit, shown[0].days_a_year

    def row(label: str, definition: str, cell: Callable[[Column], Cell]) -> MetricRow:
        return MetricRow(label, definition, [cell(column) for column in shown])

    def of(name: str, below: str = "", cell: Callable[[Column], Cell] | None = None) -> MetricRow:
        metric, title = METRICS[name], METRICS[name].title(unit)
        definition = f"{metric.definition.format(year=year)} {below}".strip()
        label = title[0].upper() + title[1:]
        return row(label, definition, cell or (lambda column: _cell(metric, column)))

    panel = [
        of("trades"),
        of(
            "net_mean",
            "Below: 95% interval from a block bootstrap of calendar time, since trades that overlap are not "
            "independent.",
        ),
        row(
            f"{shown[0].name} minus this",
            f"Mean paired difference on the same trades, {METRICS['net_mean'].title(unit)}, with its 95% "
            "interval. Better or worse is claimed only where the interval excludes zero and the data are "
            "enough.",
            _difference,
        ),
        of("net_total"),
        of("net_money_total"),
        of("gross_mean"),
        of("cost_mean"),
        of("win_rate"),
        of("profit_factor"),
        of("net_r_mean", "Below: 95% interval."),
        of("sharpe_annual", "Below: 95% interval."),
        of("deflated_sharpe", "Below: trials so far.", _deflated),
        of("max_drawdown"),
        of("bars_held_mean"),
        row(
            "Capture",
            "Total net result over that of the best single market order in hindsight on each trade (the "
            "oracle). Negative for a loss.",
            lambda column: Cell(percent(column.capture), "", _sign(column.capture or 0.0)),
        ),
        of("blocked_share"),
        of("ambiguous_share"),
    ]
    return [each for each in panel if any(cell.text != NOTHING for cell in each.cells)]


def _cell(metric: Metric, column: Column) -> Cell:
    """A metric of a column, its interval below, a result in the colour of its sign."""
    value, estimate = metric.value(column.metrics), metric.interval(column.metrics)
    digits = metric.places(column.unit)
    if metric.share:
        return Cell(percent(value, digits))
    if not metric.signed:
        return Cell(plain(value, digits))
    below = interval_words(estimate, digits) if estimate else ""
    return Cell(signed(value, digits), below, _sign(value))


def kind_of(difference: Metrics) -> str:
    """What a paired difference decides: better, worse or undecided."""
    verdict = str(difference["verdict"])
    return next((word for word in ("better", "worse") if verdict.startswith(word)), "undecided")


def interval_words(estimate: Metrics, digits: int) -> str:
    """The ends of an interval."""
    low, high = estimate["low"], estimate["high"]
    return " to ".join("unbounded" if end is None else signed(end, digits) for end in (low, high))


def _difference(column: Column) -> Cell:
    if column.difference is None:
        return Cell(NOTHING)
    gained, digits = column.difference[column.unit], units.digits(column.unit)
    kind = kind_of(column.difference)
    words = str(column.difference["verdict"]).split(":", 1)[0] if kind == "undecided" else kind
    return Cell(
        signed(gained["value"], digits),
        f"{interval_words(gained, digits)}: {words}",
        _sign(gained["value"]),
    )


def _deflated(column: Column) -> Cell:
    deflated = column.metrics.get("deflated_sharpe")
    if not deflated:
        return Cell(NOTHING)
    trials = deflated["trials"]
    return Cell(percent(deflated["deflated"]), f"{trials} trial{'s' * (trials != 1)}")


def _sign(value: float | None) -> int:
    return 0 if not value else (1 if value > 0 else -1)
