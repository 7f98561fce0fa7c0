"""The tables of results that the commands print; nothing is computed here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxexit import units
from jaxexit.evaluate.assumed import detail_line
from jaxexit.evaluate.power import power_line
from jaxexit.metrics import METRICS, RESULT_TABLE, SPREAD, explanations
from jaxexit.progress import lines

NOT_ATTAINABLE = "oracle"
BY_REASON = frozenset(RESULT_TABLE) - {"profit_factor", "sharpe_annual", "max_drawdown"}
NET = METRICS["net_mean"]


def backtest(out: Console, summary: dict[str, Any], learned: pd.DataFrame) -> None:
    """A backtest's tables, its verdict, and what the columns mean."""
    out.print(backtest_table(summary, learned))
    out.print(differences_table(summary))
    if "seeds" in summary:
        out.print(seeds_table(summary))
    year = units.year_of(summary)
    oracle = "The oracle is the best market order in hindsight, not attainable."
    lines(out, [*in_words(summary), f"{explanations(year)} {oracle}", *_money(summary)])


def in_words(summary: dict[str, Any]) -> list[str]:
    """A result's verdict, what its test could have seen, and what finer bars decided in it."""
    said = (summary["verdict"], power_line(summary), detail_line(summary))
    return [words for words in said if words]


def backtest_table(summary: dict[str, Any], learned: pd.DataFrame) -> Table:
    """The learned policy by exit reason with its TOTAL, then every baseline's total.

    All in the summary's unit, on the same trades; gross is before every cost.
    """
    unit = units.of(summary)
    policies = dict(summary["policies"])
    name = next(iter(policies))
    checkpoint = summary["checkpoint"]
    table = titled_table(
        summary,
        f"{summary['version']} on {summary['split']}: checkpoint {checkpoint['step']:,} "
        f"({checkpoint['sha256'][:12]}), {units.words(unit)}",
    )
    table.add_column(f"{name}, by exit; baselines")
    for column in RESULT_TABLE:
        table.add_column(METRICS[column].heading, justify="right")
    for reason, rows in learned.groupby("exit_reason", sort=True):
        metrics = {"unit": unit, **_of_rows(rows, unit)}
        table.add_row(
            f"  {reason}",
            *(METRICS[c].text(metrics) if c in BY_REASON else "" for c in RESULT_TABLE),
        )
    table.add_section()
    table.add_row(f"TOTAL {name}", *_totals(policies.pop(name)), style="bold")
    table.add_section()
    for other, metrics in policies.items():
        mark = " (not attainable)" if other == NOT_ATTAINABLE else ""
        table.add_row(f"{other}{mark}", *_totals(metrics))
    return table


def _of_rows(rows: pd.DataFrame, unit: str) -> dict[str, float]:
    """The metrics of some trades, as far as they mean something of a part."""
    net, gross = rows[units.key(unit, "net")], rows[units.key(unit, "gross")]
    values = {
        "trades": len(rows),
        "gross_mean": gross.mean(),
        "cost_mean": (gross - net).mean(),
        "net_mean": net.mean(),
        "net_total": net.sum(),
        "net_r_mean": rows["net_r"].mean(),
        "win_rate": (net > 0).mean(),
        "bars_held_mean": rows["bars_held"].mean(),
    }
    return {METRICS[name].key(unit): value for name, value in values.items()}


def _totals(metrics: dict[str, Any]) -> list[str]:
    return [METRICS[column].text(metrics) for column in RESULT_TABLE]


def titled_table(summary: dict[str, Any], title: str) -> Table:
    """A table under the line that says what of the result is not verified."""
    unverified = summary.get("unverified", ())
    first = f"unverified: {', '.join(unverified)}\n" if unverified else ""
    return Table(title=Text(first + title), title_justify="left")


def differences_table(summary: dict[str, Any]) -> Table:
    """The learned policy minus each baseline, paired on the same trades, and its own interval."""
    name, unit = next(iter(summary["policies"])), units.of(summary)
    table = titled_table(
        summary, f"{name} minus each baseline, net {units.words(unit)} on the same trades"
    )
    table.add_column("baseline")
    table.add_column("settings, tuned on train")
    for heading in (f"{NET.heading}, 95% interval", "difference, 95% interval"):
        table.add_column(heading, justify="right")
    table.add_column("the rule is" if name == "rule" else "the learned policy is")
    form = NET.form(unit)
    for other, metrics in summary["policies"].items():
        result = _estimate(metrics["intervals"][NET.key(unit)], form)
        settings = ", ".join(
            f"{key} {value:.3g}"
            for key, value in metrics.get("tuned", {}).items()
            if not isinstance(value, list)
        )
        if other == name:
            table.add_row(other, "", result, "", "", style="bold")
            table.add_section()
            continue
        difference = metrics["learned_minus"]
        verdict = difference["verdict"].split(":")[0]
        if verdict == "better" and not summary.get("verified", {}).get("columns", True):
            verdict = "better, if honest"
        table.add_row(other, settings, result, _estimate(difference[unit], form), verdict)
    return table


def seeds_table(summary: dict[str, Any]) -> Table:
    """Every agent of a version with several, and how they are spread; none is singled out."""
    unit = units.of(summary)
    table = titled_table(
        summary,
        f"{len(summary['seeds'])} seeds, net {units.words(unit)}; the version is all of them in "
        "equal shares",
    )
    # The net result first, with its interval; the others in the order of the backtest's table.
    shown = [METRICS[name] for name in RESULT_TABLE if name in SPREAD]
    assert shown[0] is NET
    table.add_column("seed")
    for heading in (f"{NET.heading}, 95% interval", *(metric.heading for metric in shown[1:])):
        table.add_column(heading, justify="right")
    for agent in summary["seeds"]:
        result = _estimate(agent["intervals"][NET.key(unit)], NET.form(unit))
        table.add_row(str(agent["seed"]), result, *(metric.text(agent) for metric in shown[1:]))
    table.add_section()
    across = summary["across_seeds"]
    for statistic in ("mean", "standard_deviation", "min", "median", "max"):
        values = ((metric.form(unit), across[metric.key(unit)]) for metric in shown)
        unsigned = statistic == "standard_deviation"
        cells = (
            "-" if of is None else format(of[statistic], form.lstrip("+") if unsigned else form)
            for form, of in values
        )
        table.add_row(statistic.replace("_", " "), *cells)
    return table


def _estimate(estimate: dict[str, float | None], form: str) -> str:
    if estimate["low"] is None or estimate["high"] is None:
        return f"{estimate['value']:{form}} (too little data)"
    return f"{estimate['value']:{form}} ({estimate['low']:{form}} to {estimate['high']:{form}})"


def _money(summary: dict[str, Any]) -> list[str]:
    """Of an experiment that says what a point is worth: what the trades earned in money."""
    total, mean = METRICS["net_money_total"], METRICS["net_money_mean"]
    earned = [
        f"{name} {total.text(metrics)} ({mean.text(metrics)} a trade)"
        for name, metrics in summary["policies"].items()
        if total.name in metrics
    ]
    return [f"In money: {'; '.join(earned)}."] if earned else []


def exported(out: Console, manifest: dict[str, Any], folder: Path) -> None:
    """The files of an export and how they compare with JAX."""
    parity = manifest["parity"]
    table = Table(title=f"{manifest['version']}: {manifest['trained_steps']:,} steps, exported")
    for name in ("file", "KB", "decisions", "other actions", "logits differ by", "values by"):
        table.add_column(name, justify="left" if name == "file" else "right")
    for name, facts in manifest["files"].items():
        compared = parity[name]
        table.add_row(
            name,
            f"{facts['bytes'] / 1e3:,.0f}",
            f"{compared['decisions']:,}",
            f"{compared['different_actions']:,}",
            f"{compared['largest_logit_difference']:.1e}",
            f"{compared['largest_value_difference']:.1e}",
        )
    out.print(table)
    count = f"every decision of the {parity['trades']:,} trades of {parity['split']}"
    lines(out, [f"{folder}: {count} compared with JAX"])
