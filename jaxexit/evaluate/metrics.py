"""Metrics of a trade table. Every formula is in the docstring of the function that computes it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from jaxexit.data.calendars import FX_CALENDAR, Calendar
from jaxexit.env.types import ACTIONS
from jaxexit.evaluate.played import StepRecords
from jaxexit.units import PIPS, WEEKDAYS_A_YEAR, key


class PolicyResult(NamedTuple):
    """What one policy made of every trade of a split.

    Attributes:
        table: one row a trade (see `evaluate.table.trade_table`).
        marks: net by bar (its open, UTC) over the split, all trades marked to market at its close, in `unit`.
        records: what happened at each decision, where asked for.
        unit: name of the unit of results.
        calendar: the days of the market's year.
    """

    table: pd.DataFrame
    marks: pd.Series
    records: StepRecords | None
    unit: str = PIPS.name
    calendar: Calendar = FX_CALENDAR

    @property
    def daily(self) -> pd.Series:
        """Net by day, trades marked to market (`metrics.daily_net`)."""
        return daily_net(self.marks, self.calendar)


def daily_net(marks: pd.Series, calendar: Calendar = FX_CALENDAR) -> pd.Series:
    """Net results by day (UTC), trades marked to market: [days], in order of date.

    A trade's result belongs to the days on which it was earned, not to the day on which it was closed:
    with closes alone, trades that overlap and are held for days make neighbouring days alike, and a
    Sharpe ratio of such days is too large by up to the square root of the days held.

    Every trading day of the calendar from the first bar to the last is there, with 0 when nothing was open;
    other days only where something was earned or lost.

    Args:
        marks: net results by bar, in any unit, indexed by the bars' times (UTC).
        calendar: the market's trading days.
    """
    days = marks.index.to_numpy("datetime64[D]")
    every_day = np.arange(days[0], days[-1] + 1)
    net = np.bincount((days - days[0]).astype(int), marks.to_numpy(float), len(every_day))
    kept = np.isin(every_day, calendar.days(days[0], days[-1])) | (net != 0)
    return pd.Series(net[kept], pd.DatetimeIndex(every_day[kept], name="date"), name=marks.name)


def annual_sharpe(daily: np.ndarray, days_a_year: float = WEEKDAYS_A_YEAR) -> float | None:
    """Annualised Sharpe ratio of daily results: mean / standard deviation x sqrt(trading days a year).

    Days without a trade count as zero; a year has the calendar's trading days (260.9 weekdays of the currency
    market); sample standard deviation; no risk-free rate. None with fewer than two days or without variation.
    """
    deviation = daily.std(ddof=1) if len(daily) > 1 else 0.0
    if not deviation > 0:
        return None
    return float(daily.mean() / deviation * np.sqrt(days_a_year))


def max_drawdown(net: np.ndarray) -> float:
    """Largest fall of cumulative net results from an earlier peak (the start, 0, included); >= 0.

    Of bars marked to market it counts losses of open trades too, at the bars' closes.
    """
    equity = np.concatenate([[0.0], np.cumsum(net)])
    return float((np.maximum.accumulate(equity) - equity).max())


def profit_factor(net: np.ndarray) -> float | None:
    """Sum of gains over sum of losses; None when nothing was lost."""
    lost = -net[net < 0].sum()
    return float(net[net > 0].sum() / lost) if lost > 0 else None


def summarise(result: PolicyResult, *, horizon: int) -> dict[str, object]:
    """Metrics of one policy on one split.

    Args:
        result: of `evaluate.Backtest.play`.
        horizon: `max_bars`: length of `exit_share_by_bar` less one.

    Returns:
        The JSON object of the `backtest` command: trades; the unit; gross and net in it (mean, total), in R,
        and in money where the value of a point is known; total return (sum of net fractions of the entry
        price: the same unlevered amount in every trade); win rate (share of net > 0); profit factor; Sharpe
        and drawdown of the equity marked to market; bars held; share of trades closed at each bar; trades by
        exit reason; attempts and blocks by action.
    """
    table, unit = result.table, result.unit
    net, gross = (_column(table, key(unit, name)) for name in ("net", "gross"))
    held = np.bincount(_column(table, "bars_held").astype(int), minlength=horizon + 1)
    reasons, counts = np.unique(table["exit_reason"].to_numpy(str), return_counts=True)
    money = _column(table, "net_money") if "net_money" in table else None
    daily, days = result.daily.to_numpy(), result.calendar.days_a_year
    return {
        "trades": len(table),
        "unit": unit,
        key(unit, "gross", "mean"): float(gross.mean()),
        key(unit, "cost", "mean"): float(gross.mean() - net.mean()),
        key(unit, "net", "mean"): float(net.mean()),
        key(unit, "net", "total"): float(net.sum()),
        "return_total": float(_column(table, "net_fraction").sum()),
        "net_r_mean": float(_column(table, "net_r").mean()),
        "net_r_total": float(_column(table, "net_r").sum()),
        **({} if money is None else {"net_money_mean": float(money.mean())}),
        **({} if money is None else {"net_money_total": float(money.sum())}),
        "win_rate": float((net > 0).mean()),
        "profit_factor": profit_factor(net),
        "sharpe_annual": annual_sharpe(daily, days),
        key(unit, "max_drawdown"): max_drawdown(result.marks.to_numpy()),
        "bars_held_mean": float(_column(table, "bars_held").mean()),
        "ambiguous_share": float(_column(table, "ambiguous").mean()),
        "exit_share_by_bar": (held / len(table)).tolist(),
        "exit_reasons": dict(zip(reasons.tolist(), counts.tolist(), strict=True)),
        "actions": {name: int(_column(table, f"chosen_{name}").sum()) for name in ACTIONS},
        "blocked": {name: int(_column(table, f"blocked_{name}").sum()) for name in ACTIONS},
    }


def _column(table: pd.DataFrame, name: str) -> np.ndarray:
    return table[name].to_numpy(float)
