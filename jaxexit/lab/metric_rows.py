"""How a policy's metrics are said in a table, one row each; and rows of Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from jaxexit import units

NET_OF = (
    "Net is after spread, commission, slippage, swap, funding and borrowing; intervals are 95%."
)


def row(cells: Sequence[str]) -> list[str]:
    """A row of a Markdown table, as the only line of a list."""
    return ["| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"]


def _with_interval(name: str, form: str) -> Any:
    def text(metrics: dict[str, Any]) -> str:
        if name not in metrics or name not in metrics["intervals"]:
            return "-"  # of results from before it was computed
        value, interval = metrics[name], metrics["intervals"][name]
        if value is None:
            return "-"
        if interval is None or interval["low"] is None:
            return f"{value:{form}} (no interval)"
        return f"{value:{form}} ({interval['low']:{form}} to {interval['high']:{form}})"

    return text


def _plain(name: str, form: str) -> Any:
    def text(metrics: dict[str, Any]) -> str:
        value = metrics.get(name)
        return "-" if value is None or not math.isfinite(value) else format(value, form)

    return text


def _deflated(metrics: dict[str, Any]) -> str:
    found = metrics.get("deflated_sharpe")
    return "-" if found is None else f"{found['deflated']:.1%} ({found['trials']} trials)"


def _shares(name: str, keep: int) -> Any:
    def text(metrics: dict[str, Any]) -> str:
        counts = metrics[name]
        total = sum(counts.values()) or 1
        most = sorted(counts.items(), key=lambda pair: -pair[1])[:keep]
        return ", ".join(f"{what} {count / total:.0%}" for what, count in most if count)

    return text


def _blocked(metrics: dict[str, Any]) -> str:
    attempts, blocked = sum(metrics["actions"].values()), sum(metrics["blocked"].values())
    return f"{blocked / max(attempts, 1):.1%}"


def _left_early(metrics: dict[str, Any]) -> str:
    share = [*metrics["exit_share_by_bar"], 0.0, 0.0]
    return f"{share[0]:.1%}, {share[1]:.1%}"


def rows_of(unit: str) -> tuple[tuple[str, Any], ...]:
    """Label, and how the learned policy's metrics say it; in the unit of this name, and in R."""
    said, mean, total = units.words(unit), units.mean_form(unit), units.total_form(unit)
    return (
        ("trades", _plain("trades", ",.0f")),
        (f"net {said} a trade", _with_interval(units.key(unit, "net", "mean"), mean)),
        (f"gross {said} a trade", _plain(units.key(unit, "gross", "mean"), mean)),
        (f"net {said}, total", _plain(units.key(unit, "net", "total"), total)),
        ("net R a trade", _with_interval("net_r_mean", units.mean_form("r"))),
        ("net money, total", _plain("net_money_total", "+,.2f")),
        ("Sharpe, annual", _with_interval("sharpe_annual", "+.2f")),
        ("deflated Sharpe: probability above luck", _deflated),
        (
            f"max drawdown, {said}",
            _plain(units.key(unit, "max_drawdown"), units.total_form(unit, signed=False)),
        ),
        ("win rate", _plain("win_rate", ".1%")),
        ("profit factor", _plain("profit_factor", ".2f")),
        ("bars held", _plain("bars_held_mean", ".1f")),
        ("closed at bar 0, bar 1", _left_early),
        ("exit reasons", _shares("exit_reasons", 6)),
        ("actions", _shares("actions", 5)),
        ("attempts blocked", _blocked),
    )


def cells_of(metrics: Sequence[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """The rows of several policies in one unit: label, and a cell each; rows that nobody has are left out."""
    rows = [
        (label, [text(one) for one in metrics]) for label, text in rows_of(units.of(metrics[0]))
    ]
    return [(label, cells) for label, cells in rows if set(cells) != {"-"}]
