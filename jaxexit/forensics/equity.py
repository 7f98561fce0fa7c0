"""The equity of the trades in R, marked to market: drawdowns in time, and ratios with their formulas."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxexit.data.types import CLOSE
from jaxexit.evaluate.metrics import annual_sharpe, daily_net, max_drawdown, profit_factor
from jaxexit.evaluate.statistics import mean_per_trade, sharpe_interval
from jaxexit.forensics.examined import Examined, numbers
from jaxexit.forensics.spans import rows_of
from jaxexit.units import DAYS_A_YEAR

DEEPEST = 10  # drawdowns
SQN_CAP = 100  # trades


def marks_of(examined: Examined) -> pd.Series:
    """Net R by bar, all trades marked to market at its close: from the first entry to the last exit.

    A trade counts with one R of its own whatever its size in money. What it will have paid besides the spread
    is booked at its exit, and so is what was closed before it in parts.
    """
    trades, bars = examined.trades, examined.bars
    direction, entry, risk, net = (
        numbers(trades, n) for n in ("direction", "entry_price", "risk", "net_r")
    )
    entry_bar, exit_bar = (trades[n].to_numpy(int) for n in ("entry_bar", "exit_bar"))
    first, last = int(entry_bar.min()), int(exit_bar.max())
    marks = np.zeros(last - first + 1)
    marked = np.zeros(len(trades))  # worth at the close before the exit's bar
    for trade, bar in rows_of(entry_bar + 1, exit_bar - 1):
        if not len(trade):
            continue
        side = direction[trade]
        worth = side * (bars.exit_side(side, bar, CLOSE) - entry[trade]) / risk[trade]
        begins = np.diff(trade, prepend=-1) != 0
        before = np.concatenate([[0.0], worth[:-1]])
        marks += np.bincount(bar - first, worth - np.where(begins, 0.0, before), len(marks))
        ends = np.diff(trade, append=-1) != 0
        marked[trade[ends]] = worth[ends]
    marks += np.bincount(exit_bar - first, net - marked, len(marks))
    times = pd.DatetimeIndex(bars.times[first : last + 1], tz="UTC", name="time")
    return pd.Series(marks, times, name="net_r")


def drawdowns(marks: pd.Series, most: int = DEEPEST) -> pd.DataFrame:
    """Falls of the equity from a peak, in time, the deepest first.

    A drawdown begins at a peak (the start counts as one), ends where the equity is back at it, and is over as
    deep as its lowest mark at a bar's close.

    Args:
        marks: net results by bar (`marks_of`).
        most: how many.

    Returns:
        Columns: depth_r; peak, trough, recovered (times of bars; NaT: not yet); days_down (peak to trough),
        days_back (trough to recovery), days (peak to recovery, or to the end of the data).
    """
    net, times = marks.to_numpy(float), pd.DatetimeIndex(marks.index)
    equity = np.concatenate([[0.0], np.cumsum(net)])
    stamps = times[:1].append(times)  # the start, then each bar's mark
    peak = np.maximum.accumulate(equity)
    under = equity < peak - 1e-9
    edges = np.flatnonzero(np.diff(np.concatenate([[0], under.astype(int), [0]])))
    lines = []
    for begin, end in edges.reshape(-1, 2):
        trough = begin + int(np.argmin(equity[begin:end]))
        back = end < len(equity)
        top, low = stamps[begin - 1], stamps[trough]
        over = stamps[end] if back else pd.NaT
        lines.append(
            {
                "depth_r": float(peak[begin] - equity[trough]),
                "peak": top,
                "trough": low,
                "recovered": over,
                "days_down": _days(low - top),
                "days_back": _days(over - low) if back else np.nan,
                "days": _days((over if back else stamps[-1]) - top),
            }
        )
    names = ["depth_r", "peak", "trough", "recovered", "days_down", "days_back", "days"]
    found = pd.DataFrame(lines, columns=pd.Index(names))
    found = found.sort_values("depth_r", ascending=False, kind="stable").head(most)
    return found.reset_index(drop=True)


def _days(length: Any) -> float:
    return float(length / np.timedelta64(1, "D"))


class Ratio(NamedTuple):
    """One ratio.

    Attributes:
        key: in JSON and tables.
        label: for people.
        value: None where it is not defined.
        low, high: 95% interval, where there is one.
        blocks: of the interval: roughly, independent periods.
        formula: how it is computed, and its source.
    """

    key: str
    label: str
    value: float | None
    formula: str
    low: float | None = None
    high: float | None = None
    blocks: float | None = None


def ratios(examined: Examined, marks: pd.Series) -> list[Ratio]:
    """Expectancy, SQN, exposure, Sharpe, Sortino, Calmar and others; net, one R a trade."""
    trades, year = examined.trades, examined.calendar.days_a_year
    net = numbers(trades, "net_r")
    won, lost = net[net > 0], net[net < 0]
    timed = trades.assign(
        entry_time=trades["entry_time"].dt.tz_localize(None),
        exit_time=trades["exit_time"].dt.tz_localize(None),
    )
    mean = mean_per_trade(timed, "net_r")
    daily = daily_net(marks, examined.calendar)
    sharpe = sharpe_interval(daily, year)
    share, most = exposure(examined)
    years = _days(marks.index[-1] + examined.bars.step - marks.index[0]) / DAYS_A_YEAR
    return [
        Ratio(
            "expectancy_r", "expectancy, R a trade", mean.value,
            "Mean net R: win rate x mean win - loss rate x mean loss (Van Tharp 1998).",
            mean.low, mean.high, mean.blocks,
        ),
        Ratio("win_rate", "win rate", float((net > 0).mean()), "Share of trades with net > 0."),
        Ratio("win_mean_r", "mean win, R", _mean(won), "Mean net R of winners."),
        Ratio("loss_mean_r", "mean loss, R", _mean(lost), "Mean net R of losers."),
        Ratio(
            "profit_factor", "profit factor", profit_factor(net),
            "Sum of gains over sum of losses, in R.",
        ),
        Ratio(
            "sqn", "SQN", sqn(net),
            f"sqrt(min(trades, {SQN_CAP})) x mean R / standard deviation of R (Van Tharp 2008). It takes "
            "trades for independent: no significance where they overlap.",
        ),
        Ratio(
            "sharpe_annual", "Sharpe, annual", annual_sharpe(daily.to_numpy(), year),
            f"Mean over standard deviation of daily net R, marked to market, x sqrt({year:.1f} trading "
            "days).",
            None if sharpe is None else sharpe.low, None if sharpe is None else sharpe.high,
        ),
        Ratio(
            "sortino_annual", "Sortino, annual", sortino(daily.to_numpy(), year),
            "Mean of daily net R over the root of the mean square of the days below 0, annualised alike "
            "(Sortino and Price 1994; target 0).",
        ),
        Ratio(
            "calmar", "Calmar", calmar(net.sum(), max_drawdown(marks.to_numpy()), years),
            "Net R a year over the largest drawdown in R, of the whole time (Young 1991, there 36 months); "
            "nothing is compounded.",
        ),
        Ratio(
            "max_drawdown_r", "max drawdown, R", max_drawdown(marks.to_numpy()),
            "Largest fall of the equity in R, marked to market at bar closes.",
        ),
        Ratio(
            "exposure", "exposure", share,
            "Share of the bars from the first entry to the last exit with a trade open.",
        ),
        Ratio("most_open", "most trades open at once", float(most), "At any bar."),
    ]  # fmt: skip


def sqn(net_r: np.ndarray) -> float | None:
    """System quality number: sqrt(min(N, 100)) x mean / sample standard deviation of R (Van Tharp 2008).

    None with fewer than two trades or without variation.
    """
    deviation = net_r.std(ddof=1) if len(net_r) > 1 else 0.0
    if not deviation > 1e-12:
        return None
    return float(math.sqrt(min(len(net_r), SQN_CAP)) * net_r.mean() / deviation)


def sortino(daily: np.ndarray, days_a_year: float) -> float | None:
    """Annual Sortino ratio: mean / sqrt(mean(min(day, 0)^2)) x sqrt(days a year), target 0.

    The mean square is over all days (Sortino and Price 1994), not over the losing ones. None where no day
    lost.
    """
    below = math.sqrt(float(np.mean(np.minimum(daily, 0.0) ** 2))) if len(daily) else 0.0
    return float(daily.mean()) / below * math.sqrt(days_a_year) if below > 0 else None


def calmar(total: float, depth: float, years: float) -> float | None:
    """Net result a year over the largest drawdown (Young 1991); None without a drawdown."""
    return float(total / years / depth) if depth > 0 and years > 0 else None


def exposure(examined: Examined) -> tuple[float, int]:
    """Share of bars with a trade open, from the first entry to the last exit; most trades open at once.

    A trade is open in the bars that it meets: from the one after its entry bar to that of its exit.
    """
    entry_bar, exit_bar = (
        examined.trades[name].to_numpy(int) for name in ("entry_bar", "exit_bar")
    )
    first, last = int(entry_bar.min()) + 1, int(exit_bar.max())
    change = np.zeros(max(last - first, 0) + 2)
    np.add.at(change, entry_bar + 1 - first, 1)
    np.add.at(change, np.maximum(exit_bar, entry_bar) + 1 - first, -1)
    open_trades = np.cumsum(change)[: max(last - first, 0) + 1]
    return float((open_trades > 0).mean()), int(open_trades.max())


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None
