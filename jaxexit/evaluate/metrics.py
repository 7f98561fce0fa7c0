"""Metrics of a trade table. Every formula is in the docstring of the function that computes it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jaxexit.env.types import ACTIONS

WEEKDAYS_A_YEAR = 365.25 * 5 / 7


def daily_net_pips(table: pd.DataFrame, start: np.datetime64, end: np.datetime64) -> np.ndarray:
    """Net pips by the day (UTC) on which a trade was closed: [days] in order of date.

    Every weekday of [start, end] is there, with 0 when nothing was closed on it; Saturdays and Sundays
    only where something was.
    """
    closed = table["exit_time"].to_numpy("datetime64[D]")
    every_day = np.arange(start.astype("datetime64[D]"), end.astype("datetime64[D]") + 1)
    days = np.union1d(every_day[np.is_busday(every_day)], closed)
    net = np.zeros(len(days))
    np.add.at(net, np.searchsorted(days, closed), _column(table, "net_pips"))
    return net


def annual_sharpe(daily: np.ndarray) -> float | None:
    """Annualised Sharpe ratio of daily results: mean / standard deviation x sqrt(260.9).

    Days without a trade count as zero; 260.9 weekdays a year; sample standard deviation; no risk-free
    rate, since a pip is earned on margin. None with fewer than two days or without variation.
    """
    deviation = daily.std(ddof=1) if len(daily) > 1 else 0.0
    if not deviation > 0:
        return None
    return float(daily.mean() / deviation * np.sqrt(WEEKDAYS_A_YEAR))


def max_drawdown(net_pips: np.ndarray) -> float:
    """Largest fall of cumulative net pips from an earlier peak (the start, 0, included); >= 0."""
    equity = np.concatenate([[0.0], np.cumsum(net_pips)])
    return float((np.maximum.accumulate(equity) - equity).max())


def profit_factor(net_pips: np.ndarray) -> float | None:
    """Sum of gains over sum of losses; None when nothing was lost."""
    lost = -net_pips[net_pips < 0].sum()
    return float(net_pips[net_pips > 0].sum() / lost) if lost > 0 else None


def summarise(
    table: pd.DataFrame, *, horizon: int, start: np.datetime64, end: np.datetime64
) -> dict[str, object]:
    """Metrics of one policy on one split.

    Args:
        table: trade table of `evaluate.table.trade_table`.
        horizon: `max_bars`: length of `exit_share_by_bar` less one.
        start: first moment of the split, for the daily results behind the Sharpe ratio.
        end: last moment of the split.

    Returns:
        The JSON object of the `backtest` command: trades; gross and net pips (mean, total); win rate
        (share of net > 0); profit factor; Sharpe; drawdown of the equity in the order of exits; bars held;
        share of trades closed at each bar; trades by exit reason; attempts and blocks by action.
    """
    net = _column(table.sort_values("exit_time", kind="stable"), "net_pips")
    gross = _column(table, "gross_pips")
    held = np.bincount(_column(table, "bars_held").astype(int), minlength=horizon + 1)
    reasons, counts = np.unique(table["exit_reason"].to_numpy(str), return_counts=True)
    return {
        "trades": len(table),
        "gross_pips_mean": float(gross.mean()),
        "cost_pips_mean": float(gross.mean() - net.mean()),
        "net_pips_mean": float(net.mean()),
        "net_pips_total": float(net.sum()),
        "net_r_mean": float(_column(table, "net_r").mean()),
        "win_rate": float((net > 0).mean()),
        "profit_factor": profit_factor(net),
        "sharpe_annual": annual_sharpe(daily_net_pips(table, start, end)),
        "max_drawdown_pips": max_drawdown(net),
        "bars_held_mean": float(_column(table, "bars_held").mean()),
        "ambiguous_share": float(_column(table, "ambiguous").mean()),
        "exit_share_by_bar": (held / len(table)).tolist(),
        "exit_reasons": dict(zip(reasons.tolist(), counts.tolist(), strict=True)),
        "actions": {name: int(_column(table, f"chosen_{name}").sum()) for name in ACTIONS},
        "blocked": {name: int(_column(table, f"blocked_{name}").sum()) for name in ACTIONS},
    }


def _column(table: pd.DataFrame, name: str) -> np.ndarray:
    return table[name].to_numpy(float)
