"""How a policy's metrics are said in a table, one row each; and rows of Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxexit import units
from jaxexit.metrics import COSTS, METRICS

NET_OF = f"Net is after {COSTS}; intervals are 95%."


def row(cells: Sequence[str]) -> list[str]:
    """A row of a Markdown table, as the only line of a list."""
    return ["| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"]


def _number(name: str) -> tuple[str, Any]:
    return METRICS[name].label, METRICS[name].text


def _with_interval(name: str) -> tuple[str, Any]:
    metric = METRICS[name]

    def text(metrics: dict[str, Any]) -> str:
        value, interval = metric.text(metrics), metric.interval(metrics)
        if value == "-" or metric.key(units.of(metrics)) not in metrics["intervals"]:
            return "-"  # of results from before it was computed
        if interval is None or interval["low"] is None:
            return f"{value} (no interval)"
        form = metric.form(units.of(metrics))
        return f"{value} ({interval['low']:{form}} to {interval['high']:{form}})"

    return metric.label, text


def _deflated(metrics: dict[str, Any]) -> str:
    text = METRICS["deflated_sharpe"].text(metrics)
    if text == "-":
        return text
    deflated = metrics["deflated_sharpe"]
    certain = ", their number is NOT CERTAIN" if deflated.get("doubt") else ""
    return f"{text} ({deflated['trials']} trials{certain})"


def _shares(name: str, keep: int) -> Any:
    def text(metrics: dict[str, Any]) -> str:
        counts = metrics[name]
        total = sum(counts.values()) or 1
        most = sorted(counts.items(), key=lambda pair: -pair[1])[:keep]
        return ", ".join(f"{what} {count / total:.0%}" for what, count in most if count)

    return text


def _left_early(metrics: dict[str, Any]) -> str:
    share = [*metrics["exit_share_by_bar"], 0.0, 0.0]
    return f"{share[0]:.1%}, {share[1]:.1%}"


ROWS: tuple[tuple[str, Any], ...] = (
    _number("trades"),
    _with_interval("net_mean"),
    _number("gross_mean"),
    _number("net_total"),
    _with_interval("net_r_mean"),
    _number("net_money_total"),
    _with_interval("sharpe_annual"),
    (f"{METRICS['deflated_sharpe'].label}: probability above luck", _deflated),
    *map(_number, ("max_drawdown", "win_rate", "profit_factor", "bars_held_mean")),
    ("closed at bar 0, bar 1", _left_early),
    ("exit reasons", _shares("exit_reasons", 6)),
    ("actions", _shares("actions", 5)),
    _number("blocked_share"),
)
"""Label, with {unit} for the unit of results in words, and how the learned policy's metrics say it."""


def cells_of(metrics: Sequence[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """The rows of several policies in one unit: label, and a cell each; rows that nobody has are left out."""
    words = units.words(units.of(metrics[0]))
    rows = [(label.format(unit=words), [text(one) for one in metrics]) for label, text in ROWS]
    return [(label, cells) for label, cells in rows if set(cells) != {"-"}]
