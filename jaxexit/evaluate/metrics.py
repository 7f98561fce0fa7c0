"""Metrics of a trade table. Every formula is in the docstring of the function that computes it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jaxexit.env.types import ACTIONS

WEEKDAYS_A_YEAR = 365.25 * 5 / 7


def daily_net_pips(marks: pd.Series) -> pd.Series:
    """Net pips by day (UTC), trades marked to market: [days], in order of date.

    A trade's result belongs to the days on which it was earned, not to the day on which it was closed:
    with closes alone, trades that overlap and are held for days make neighbouring days alike, and a
    Sharpe ratio of such days is too large by up to the square root of the days held.

    Every weekday from the first bar to the last is there, with 0 when nothing was open; Saturdays and
    Sundays only where something was earned or lost.

    Args:
        marks: net pips by bar, indexed by the bars' times (UTC).
    """
    days = marks.index.to_numpy("datetime64[D]")
    every_day = np.arange(days[0], days[-1] + 1)
    net = np.bincount((days - days[0]).astype(int), marks.to_numpy(float), len(every_day))
    kept = np.is_busday(every_day) | (net != 0)
    return pd.Series(net[kept], pd.DatetimeIndex(every_day[kept], name="date"), name="net_pips")


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
    """Largest fall of cumulative net pips from an earlier peak (the start, 0, included); >= 0.

    Of bars marked to market it counts losses of open trades too, at the bars' closes.
    """
    equity = np.concatenate([[0.0], np.cumsum(net_pips)])
    return float((np.maximum.accumulate(equity) - equity).max())


def profit_factor(net_pips: np.ndarray) -> float | None:
    """Sum of gains over sum of losses; None when nothing was lost."""
    lost = -net_pips[net_pips < 0].sum()
    return float(net_pips[net_pips > 0].sum() / lost) if lost > 0 else None


def summarise(table: pd.DataFrame, marks: pd.Series, *, horizon: int) -> dict[str, object]:
    """Metrics of one policy on one split.

    Args:
        table: trade table of `evaluate.table.trade_table`.
        marks: net pips by bar of the split, marked to market.
        horizon: `max_bars`: length of `exit_share_by_bar` less one.

    Returns:
        The JSON object of the `backtest` command: trades; gross and net pips (mean, total); total return
        (sum of net fractions of the entry price: the same unlevered amount in every trade); win rate
        (share of net > 0); profit factor; Sharpe and drawdown of the equity marked to market; bars held;
        share of trades closed at each bar; trades by exit reason; attempts and blocks by action.
    """
    net = _column(table, "net_pips")
    gross = _column(table, "gross_pips")
    held = np.bincount(_column(table, "bars_held").astype(int), minlength=horizon + 1)
    reasons, counts = np.unique(table["exit_reason"].to_numpy(str), return_counts=True)
    return {
        "trades": len(table),
        "gross_pips_mean": float(gross.mean()),
        "cost_pips_mean": float(gross.mean() - net.mean()),
        "net_pips_mean": float(net.mean()),
        "net_pips_total": float(net.sum()),
        "return_total": float(_column(table, "net_fraction").sum()),
        "net_r_mean": float(_column(table, "net_r").mean()),
        "win_rate": float((net > 0).mean()),
        "profit_factor": profit_factor(net),
        "sharpe_annual": annual_sharpe(daily_net_pips(marks).to_numpy()),
        "max_drawdown_pips": max_drawdown(marks.to_numpy()),
        "bars_held_mean": float(_column(table, "bars_held").mean()),
        "ambiguous_share": float(_column(table, "ambiguous").mean()),
        "exit_share_by_bar": (held / len(table)).tolist(),
        "exit_reasons": dict(zip(reasons.tolist(), counts.tolist(), strict=True)),
        "actions": {name: int(_column(table, f"chosen_{name}").sum()) for name in ACTIONS},
        "blocked": {name: int(_column(table, f"blocked_{name}").sum()) for name in ACTIONS},
    }


def _column(table: pd.DataFrame, name: str) -> np.ndarray:
    return table[name].to_numpy(float)
