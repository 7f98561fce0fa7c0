"""Metrics of a trade table. Every formula is in the docstring of the function that computes it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jaxexit.env.types import ACTIONS

WEEKDAYS_A_YEAR = 365.25 * 5 / 7


def daily_net_pips(table: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
    """Net pips by the day (UTC) on which a trade was closed, every weekday of [start, end] present.

    Saturdays and Sundays are rows only where a trade was closed on them.
    """
    by_day = table.groupby(table["exit_time"].dt.floor("D"))["net_pips"].sum()
    weekdays = pd.bdate_range(start.floor("D"), end.floor("D"))
    return by_day.reindex(weekdays.union(by_day.index), fill_value=0.0)


def annual_sharpe(daily: pd.Series) -> float | None:
    """Annualised Sharpe ratio of daily results: mean / standard deviation x sqrt(260.9).

    Days without a trade count as zero; 260.9 weekdays a year; sample standard deviation; no risk-free
    rate, since a pip is earned on margin. None with fewer than two days or without variation.
    """
    deviation = float(daily.std(ddof=1)) if len(daily) > 1 else 0.0
    if not deviation > 0:
        return None
    return float(daily.mean()) / deviation * float(np.sqrt(WEEKDAYS_A_YEAR))


def max_drawdown(net_pips: np.ndarray) -> float:
    """Largest fall of cumulative net pips from an earlier peak (the start, 0, included); >= 0."""
    equity = np.concatenate([[0.0], np.cumsum(net_pips)])
    return float((np.maximum.accumulate(equity) - equity).max())


def profit_factor(net_pips: np.ndarray) -> float | None:
    """Sum of gains over sum of losses; None when nothing was lost."""
    lost = -net_pips[net_pips < 0].sum()
    return float(net_pips[net_pips > 0].sum() / lost) if lost > 0 else None


def summarise(
    table: pd.DataFrame, *, horizon: int, start: pd.Timestamp, end: pd.Timestamp
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
    in_exit_order = table.sort_values("exit_time", kind="stable")
    net = in_exit_order["net_pips"].to_numpy(float)
    held = np.bincount(table["bars_held"], minlength=horizon + 1) / len(table)
    return {
        "trades": len(table),
        "gross_pips_mean": float(table["gross_pips"].mean()),
        "cost_pips_mean": float((table["gross_pips"] - table["net_pips"]).mean()),
        "net_pips_mean": float(net.mean()),
        "net_pips_total": float(net.sum()),
        "net_r_mean": float(table["net_r"].mean()),
        "win_rate": float((net > 0).mean()),
        "profit_factor": profit_factor(net),
        "sharpe_annual": annual_sharpe(daily_net_pips(table, start, end)),
        "max_drawdown_pips": max_drawdown(net),
        "bars_held_mean": float(table["bars_held"].mean()),
        "ambiguous_share": float(table["ambiguous"].mean()),
        "exit_share_by_bar": [float(share) for share in held],
        "exit_reasons": {
            str(reason): int(count) for reason, count in table["exit_reason"].value_counts().items()
        },
        "actions": {name: int(table[f"chosen_{name}"].sum()) for name in ACTIONS},
        "blocked": {name: int(table[f"blocked_{name}"].sum()) for name in ACTIONS},
    }
