"""What the commands print: tables and progress, on stderr and stdout, nothing computed here."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from jaxexit import terminal, units

NOT_ATTAINABLE = "oracle"


def console(*, quiet: bool = False, json: bool = False) -> Console:
    """Where people read: stdout, or stderr while stdout carries JSON; silent if quiet."""
    return Console(stderr=json, quiet=quiet, highlight=False, width=_width())


def _width() -> int | None:
    # A pipe or a log file has no width; the widest table should not be folded there.
    return None if sys.stdout.isatty() else 146


def lines(out: Console, texts: Sequence[str]) -> None:
    """Print lines as they are, without markup."""
    terminal.done()
    for text in texts:
        out.print(text, markup=False, soft_wrap=True)


SECONDS_BETWEEN_LINES = 30.0


class TrainingProgress:
    """A live bar on a terminal; on a pipe or in a log file a line now and then."""

    def __init__(self, out: Console, version: str, updates: int, steps_per_update: int) -> None:
        """Args: where to print; the version; updates of the run; environment steps of each."""
        self._out, self._total, self._steps = out, updates, steps_per_update
        self._live = out.is_terminal
        self._printed = -SECONDS_BETWEEN_LINES
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[numbers]}"),
            console=out,
            disable=not self._live,
        )
        self._bar = self._progress.add_task(
            f"train {version}", total=updates, numbers="compiling the update"
        )

    def __enter__(self) -> TrainingProgress:
        terminal.done()
        self._progress.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._progress.stop()

    def update(self, line: dict[str, Any]) -> None:
        """Show a line of metrics."""
        numbers = _progress_numbers(line, self._steps / line["seconds"])
        self._progress.update(self._bar, completed=line["update"], numbers=numbers)
        now = time.monotonic()
        last = line["update"] == self._total
        if not self._live and (last or now - self._printed >= SECONDS_BETWEEN_LINES):
            self._printed = now
            lines(self._out, [f"{line['update']}/{self._total} updates | {numbers}"])


@contextmanager
def working(out: Console, name: str) -> Iterator[Callable[[str], None]]:
    """Say what is being done: a spinner on a terminal; on a pipe or in a log file a line now and then.

    Args:
        out: where to print.
        name: of the work.

    Yields:
        What to call with each part of it.
    """
    terminal.done()
    if out.is_terminal:
        with out.status(name) as status:
            yield lambda part: status.update(f"{name}: {part}")
        return
    said = time.monotonic()

    def say(part: str) -> None:
        nonlocal said
        if time.monotonic() - said >= SECONDS_BETWEEN_LINES:
            said = time.monotonic()
            lines(out, [f"{name}: {part}"])

    yield say


OF_LEARNERS = {
    "entropy": "entropy {:.2f}",
    "kl": "KL {:.4f}",
    "minibatches_applied": "{} minibatches",
}
"""Metrics of a learner that are shown while training, where it has them."""


def _progress_numbers(line: dict[str, Any], steps_per_second: float) -> str:
    """The few numbers of a metrics line that matter while training."""
    unit = units.found(line, "net", "mean")
    net = (
        f"{line[units.key(unit, 'net', 'mean')]:{units.mean_form(unit)}} {units.words(unit)}/trade"
    )
    shown = [
        f"{steps_per_second:,.0f} steps/s",
        f"net {net}",
        f"held {line['bars_held_mean']:.1f} bars",
        f"blocked {line['blocked_share']:.0%}",
    ]
    shown += [form.format(line[name]) for name, form in OF_LEARNERS.items() if name in line]
    return " | ".join(shown)


COLUMNS = (
    "trades",
    "gross/trade",
    "costs/trade",
    "net/trade",
    "net total",
    "R/trade",
    "win",
    "PF",
    "Sharpe",
    "max DD",
    "bars",
)


def backtest_table(summary: dict[str, Any], learned: pd.DataFrame) -> Table:
    """The learned policy by exit reason with its TOTAL, then every baseline's total.

    All in the summary's unit, on the same trades; gross is before every cost.
    """
    unit = units.of(summary)
    mean, total = units.mean_form(unit), units.total_form(unit)
    policies = dict(summary["policies"])
    name = next(iter(policies))
    checkpoint = summary["checkpoint"]
    table = Table(
        title=titled(
            summary,
            f"{summary['version']} on {summary['split']}: checkpoint {checkpoint['step']:,} "
            f"({checkpoint['sha256'][:12]}), {units.words(unit)}",
        ),
        title_justify="left",
    )
    table.add_column(f"{name}, by exit; baselines")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for reason, rows in learned.groupby("exit_reason", sort=True):
        net, gross = rows[units.key(unit, "net")], rows[units.key(unit, "gross")]
        table.add_row(
            f"  {reason}",
            f"{len(rows):,}",
            f"{gross.mean():{mean}}",
            f"{(gross - net).mean():{mean.lstrip('+')}}",
            f"{net.mean():{mean}}",
            f"{net.sum():{total}}",
            f"{rows['net_r'].mean():{units.mean_form('r')}}",
            f"{(net > 0).mean():.1%}",
            *[""] * 3,
            f"{rows['bars_held'].mean():.1f}",
        )
    table.add_section()
    table.add_row(f"TOTAL {name}", *_totals(policies.pop(name), unit), style="bold")
    table.add_section()
    for other, metrics in policies.items():
        mark = " (not attainable)" if other == NOT_ATTAINABLE else ""
        table.add_row(f"{other}{mark}", *_totals(metrics, unit))
    return table


def titled(summary: dict[str, Any], title: str) -> Text:
    """A table's title, under the line that says what of the result is not verified."""
    unverified = summary.get("unverified", ())
    first = f"unverified: {', '.join(unverified)}\n" if unverified else ""
    return Text(first + title)


def differences_table(summary: dict[str, Any]) -> Table:
    """The learned policy less each baseline, paired on the same trades, and its own interval."""
    name, unit = next(iter(summary["policies"])), units.of(summary)
    net, form = units.key(unit, "net", "mean"), units.mean_form(unit)
    table = Table(
        title=titled(
            summary, f"{name} less each baseline, net {units.words(unit)} on the same trades"
        ),
        title_justify="left",
    )
    table.add_column("baseline")
    table.add_column("settings, tuned on train")
    for heading in ("net/trade, 95% interval", "difference, 95% interval"):
        table.add_column(heading, justify="right")
    table.add_column("the learned policy is")
    for other, metrics in summary["policies"].items():
        own = _estimate(metrics["intervals"][net], form)
        settings = ", ".join(
            f"{key} {value:.3g}" for key, value in metrics.get("tuned", {}).items()
        )
        if other == name:
            table.add_row(other, "", own, "", "", style="bold")
            table.add_section()
            continue
        difference = metrics["learned_minus"]
        verdict = difference["verdict"].split(":")[0]
        if verdict == "better" and not summary.get("verified", {}).get("columns", True):
            verdict = "better, if honest"
        table.add_row(other, settings, own, _estimate(difference[unit], form), verdict)
    return table


def seeds_table(summary: dict[str, Any]) -> Table:
    """Every agent of a version with several, and how they are spread; none is singled out."""
    table = Table(
        title=titled(
            summary,
            f"{len(summary['seeds'])} seeds, net {units.words(units.of(summary))}; the version is "
            "all of them in equal shares",
        ),
        title_justify="left",
    )
    unit = units.of(summary)
    net, form = units.key(unit, "net", "mean"), units.mean_form(unit)
    fall = units.key(unit, "max_drawdown")
    forms = {
        net: form,
        "win_rate": ".1%",
        "sharpe_annual": ".2f",
        fall: units.total_form(unit, signed=False),
        "bars_held_mean": ".1f",
    }
    table.add_column("seed")
    for heading in ("net/trade, 95% interval", "win", "Sharpe", "max DD", "bars"):
        table.add_column(heading, justify="right")
    for one in summary["seeds"]:
        table.add_row(
            str(one["seed"]),
            _estimate(one["intervals"][net], form),
            f"{one['win_rate']:.1%}",
            _or_dash(one["sharpe_annual"]),
            f"{one[fall]:{forms[fall]}}",
            f"{one['bars_held_mean']:.1f}",
        )
    table.add_section()
    across = summary["across_seeds"]
    for statistic in ("mean", "standard_deviation", "min", "median", "max"):
        cells = (
            "-" if across[name] is None else format(across[name][statistic], form)
            for name, form in forms.items()
        )
        table.add_row(statistic.replace("_", " "), *cells)
    return table


def _estimate(estimate: dict[str, float | None], form: str) -> str:
    if estimate["low"] is None or estimate["high"] is None:
        return f"{estimate['value']:{form}} (too few data)"
    return f"{estimate['value']:{form}} ({estimate['low']:{form}} to {estimate['high']:{form}})"


def backtest(out: Console, summary: dict[str, Any], learned: pd.DataFrame) -> None:
    """A backtest's tables, its verdict, and what the columns mean."""
    out.print(backtest_table(summary, learned))
    out.print(differences_table(summary))
    if "seeds" in summary:
        out.print(seeds_table(summary))
    year = summary.get("calendar", {}).get("days_a_year", units.WEEKDAYS_A_YEAR)
    lines(out, [summary["verdict"], FOOTNOTE.format(year=year), *_money(summary)])


def _money(summary: dict[str, Any]) -> list[str]:
    """Of an experiment that says what a point is worth: what the trades earned in money."""
    said = [
        f"{name} {metrics['net_money_total']:+,.2f} ({metrics['net_money_mean']:+,.2f} a trade)"
        for name, metrics in summary["policies"].items()
        if "net_money_total" in metrics
    ]
    return [f"In money: {'; '.join(said)}."] if said else []


def _totals(metrics: dict[str, Any], unit: str) -> list[str]:
    mean, total = units.mean_form(unit), units.total_form(unit)
    in_r = metrics.get("net_r_mean")
    return [
        f"{metrics['trades']:,}",
        f"{metrics[units.key(unit, 'gross', 'mean')]:{mean}}",
        f"{metrics[units.key(unit, 'cost', 'mean')]:{mean.lstrip('+')}}",
        f"{metrics[units.key(unit, 'net', 'mean')]:{mean}}",
        f"{metrics[units.key(unit, 'net', 'total')]:{total}}",
        "-" if in_r is None else f"{in_r:{units.mean_form('r')}}",
        f"{metrics['win_rate']:.1%}",
        _or_dash(metrics["profit_factor"]),
        _or_dash(metrics["sharpe_annual"]),
        f"{metrics[units.key(unit, 'max_drawdown')]:{units.total_form(unit, signed=False)}}",
        f"{metrics['bars_held_mean']:.1f}",
    ]


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


FOOTNOTE = (
    "net = gross - costs (spread, commission, slippage, swap, funding, borrowing); R: distance of the "
    "initial stop. Sharpe: mean / standard deviation of daily net results, open trades marked to market, x "
    "sqrt({year:.1f} trading days); days without a trade count as 0. max DD: of the marked equity at bar "
    "closes. PF: gains / losses. The oracle is the best market order in hindsight, not attainable."
)


def exported(out: Console, manifest: dict[str, Any], folder: Path) -> None:
    """The files of an export and how they compare with JAX."""
    parity = manifest["parity"]
    table = Table(title=f"{manifest['version']}: {manifest['trained_steps']:,} steps, exported")
    for name in ("file", "KB", "decisions", "other actions", "logits differ by", "values by"):
        table.add_column(name, justify="left" if name == "file" else "right")
    for name, facts in manifest["files"].items():
        found = parity[name]
        table.add_row(
            name,
            f"{facts['bytes'] / 1e3:,.0f}",
            f"{found['decisions']:,}",
            f"{found['different_actions']:,}",
            f"{found['largest_logit_difference']:.1e}",
            f"{found['largest_value_difference']:.1e}",
        )
    out.print(table)
    count = f"every decision of the {parity['trades']:,} trades of {parity['split']}"
    lines(out, [f"{folder}: {count} compared with JAX"])
