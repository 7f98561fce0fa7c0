"""How a policy's metrics are said in a table, one row each; and rows of Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


def row(cells: Sequence[str]) -> list[str]:
    """A row of a Markdown table, as the only line of a list."""
    return ["| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"]


def _with_interval(name: str, form: str) -> Any:
    def text(metrics: dict[str, Any]) -> str:
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


ROWS: tuple[tuple[str, Any], ...] = (
    ("trades", _plain("trades", ",.0f")),
    ("net pips a trade", _with_interval("net_pips_mean", "+.2f")),
    ("gross pips a trade", _plain("gross_pips_mean", "+.2f")),
    ("net pips, total", _plain("net_pips_total", "+,.1f")),
    ("Sharpe, annual", _with_interval("sharpe_annual", "+.2f")),
    ("deflated Sharpe: probability above luck", _deflated),
    ("max drawdown, pips", _plain("max_drawdown_pips", ",.1f")),
    ("win rate", _plain("win_rate", ".1%")),
    ("profit factor", _plain("profit_factor", ".2f")),
    ("bars held", _plain("bars_held_mean", ".1f")),
    ("closed at bar 0, bar 1", _left_early),
    ("exit reasons", _shares("exit_reasons", 6)),
    ("actions", _shares("actions", 5)),
    ("attempts blocked", _blocked),
)
"""Label, and how the learned policy's metrics say it."""
