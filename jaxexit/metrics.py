"""The metrics of a backtest: one record each, with label, format and definition.

Terminal, report, registry, README and trackers read these and say nothing of their own. To add a metric,
compute it in `evaluate.metrics.summarise` and append its record here; readers choose metrics by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from jaxexit import units

COSTS = "spread, commission, slippage, swap, funding and borrowing"


class Metric(NamedTuple):
    """One metric of a policy."""

    name: str
    label: str  # {unit}: the unit of results in words
    heading: str  # where there are many columns
    definition: str  # in a sentence; {year}: trading days a year
    parts: tuple[str, ...] = ()  # of its key in the unit of results; empty: the key is the name
    digits: int | None = None  # None: those of a result a trade in the unit of results
    total: bool = False  # a sum of results: a digit less
    signed: bool = True
    share: bool = False  # written as a percentage
    read: Callable[[Mapping[str, Any]], float | None] | None = None  # where no key holds the value

    def key(self, unit: str) -> str:
        """Its key in a document of results in the unit of this name."""
        return units.key(unit, *self.parts) if self.parts else self.name

    def title(self, unit: str) -> str:
        """The label in the unit of this name."""
        return self.label.format(unit=units.words(unit))

    def places(self, unit: str) -> int:
        """Digits behind the point."""
        digits = units.digits(unit) if self.digits is None else self.digits
        return digits - self.total

    def form(self, unit: str) -> str:
        """Its format specification in the unit of this name."""
        return f"{'+' * self.signed},.{self.places(unit)}{'%' if self.share else 'f'}"

    def value(self, metrics: Mapping[str, Any]) -> float | None:
        """Its value among a policy's metrics; None where there is none, or it is not finite."""
        value = (
            metrics.get(self.key(units.of(metrics))) if self.read is None else self.read(metrics)
        )
        return value if value is not None and math.isfinite(value) else None

    def text(self, metrics: Mapping[str, Any]) -> str:
        """Its value among a policy's metrics as a table shows it; a dash where there is none."""
        value = self.value(metrics)
        return "-" if value is None else format(value, self.form(units.of(metrics)))

    def interval(self, metrics: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Its 95% interval among a policy's metrics (`evaluate.Estimate`), where it has one."""
        return (metrics.get("intervals") or {}).get(self.key(units.of(metrics)))


def _deflated(metrics: Mapping[str, Any]) -> float | None:
    deflated = metrics.get("deflated_sharpe")
    return deflated["deflated"] if deflated else None


def _blocked(metrics: Mapping[str, Any]) -> float | None:
    attempts = sum(metrics["actions"].values())
    return sum(metrics["blocked"].values()) / attempts if attempts else None


METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "trades",
            "trades",
            "trades",
            "Every trade of the split, each exactly once.",
            digits=0,
            signed=False,
        ),
        Metric(
            "gross_mean",
            "gross {unit} a trade",
            "gross/trade",
            f"Before {COSTS}: at mid prices.",
            ("gross", "mean"),
        ),
        Metric(
            "cost_mean",
            "costs, {unit} a trade",
            "costs/trade",
            f"{COSTS.capitalize()}.",
            ("cost", "mean"),
            signed=False,
        ),
        Metric(
            "net_mean",
            "net {unit} a trade",
            "net/trade",
            f"Gross less {COSTS}.",
            ("net", "mean"),
        ),
        Metric(
            "net_total",
            "net {unit}, total",
            "net total",
            "Sum over all trades.",
            ("net", "total"),
            total=True,
        ),
        Metric(
            "return_total",
            "return, total",
            "return",
            "Sum of net fractions of the entry price: the same unlevered amount in every trade.",
            digits=1,
            share=True,
        ),
        Metric(
            "net_r_mean",
            "net R a trade",
            "R/trade",
            "Net result over the risk taken at entry, the distance to the initial stop.",
            digits=3,
        ),
        Metric(
            "net_r_total", "net R, total", "R total", "Sum over all trades.", digits=3, total=True
        ),
        Metric(
            "net_money_mean",
            "net money a trade",
            "money/trade",
            "At the experiment's value of a point.",
            digits=2,
        ),
        Metric(
            "net_money_total",
            "net money, total",
            "money",
            "At the experiment's value of a point.",
            digits=2,
        ),
        Metric(
            "win_rate",
            "win rate",
            "win",
            "Share of trades with a net result above 0.",
            digits=1,
            signed=False,
            share=True,
        ),
        Metric(
            "profit_factor",
            "profit factor",
            "PF",
            "Sum of net gains over sum of net losses; a dash where nothing was lost.",
            digits=2,
            signed=False,
        ),
        Metric(
            "sharpe_annual",
            "Sharpe, annual",
            "Sharpe",
            "Mean over standard deviation of daily net results, open trades marked to market, x "
            "sqrt({year:.1f} trading days); days without a trade count as 0, no risk-free rate.",
            digits=2,
        ),
        Metric(
            "deflated_sharpe",
            "deflated Sharpe",
            "deflated",
            "Probability that the true Sharpe ratio is above what the best of as many worthless trials would "
            "show by luck (Bailey and Lopez de Prado 2014).",
            digits=1,
            signed=False,
            share=True,
            read=_deflated,
        ),
        Metric(
            "max_drawdown",
            "max drawdown, {unit}",
            "max DD",
            "Largest fall of the equity, marked to market at bar closes, from an earlier peak.",
            ("max_drawdown",),
            total=True,
            signed=False,
        ),
        Metric(
            "bars_held_mean",
            "bars held",
            "bars",
            "Mean number of bars a position was held.",
            digits=1,
            signed=False,
        ),
        Metric(
            "blocked_share",
            "attempts blocked",
            "blocked",
            "Share of the policy's choices that a guard turned into HOLD. Fixed exits have no guards.",
            digits=1,
            signed=False,
            share=True,
            read=_blocked,
        ),
        Metric(
            "ambiguous_share",
            "stop and target in one bar",
            "ambiguous",
            "Share of trades whose last bar held both: which came first is unknown, the stop was taken.",
            digits=1,
            signed=False,
            share=True,
        ),
    )
}

RESULT_TABLE = (
    *("trades", "gross_mean", "cost_mean", "net_mean", "net_total", "net_r_mean", "win_rate"),
    *("profit_factor", "sharpe_annual", "max_drawdown", "bars_held_mean"),
)
"""Those of a backtest's first table."""
SPREAD = ("net_mean", "sharpe_annual", "win_rate", "max_drawdown", "bars_held_mean")
"""Those whose spread over several agents is shown."""
OF_A_SEED = (
    *("net_r_mean", "sharpe_annual", "win_rate", "profit_factor", "bars_held_mean"),
    *("net_mean", "gross_mean", "net_total", "max_drawdown"),
)
"""Those that a summary keeps of each of several agents."""
REGISTRY = (
    *("trades", "return_total", "net_r_mean", "sharpe_annual", "win_rate", "profit_factor"),
    *("net_mean", "net_total", "max_drawdown"),
)
"""Those that the registry keeps of a result."""
REGISTRY_TABLE = (
    *("trades", "net_mean", "net_r_mean", "win_rate"),
    *("profit_factor", "sharpe_annual", "max_drawdown"),
)
"""Those that it shows."""
EXPLAINED = ("net_mean", "net_r_mean", "profit_factor", "sharpe_annual", "max_drawdown")
"""Headings that a reader may ask about."""


def pick(metrics: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Those of a policy's metrics that are named, by their keys."""
    keys = [METRICS[name].key(units.of(metrics)) for name in names]
    return {key: metrics[key] for key in keys}


def explanations(year: float, names: Iterable[str] = EXPLAINED) -> str:
    """What headings mean, in one line.

    Args:
        year: trading days a year.
        names: of the metrics.
    """
    said = ((METRICS[name].heading, METRICS[name].definition.format(year=year)) for name in names)
    return " ".join(f"{heading}: {text[0].lower()}{text[1:]}" for heading, text in said)
