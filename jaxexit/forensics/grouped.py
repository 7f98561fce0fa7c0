"""Results by hour, weekday, direction, tag, and by month."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from jaxexit.evaluate.statistics import FEWEST_BLOCKS, mean_per_trade
from jaxexit.forensics.examined import FEWER, Examined, numbers

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FEWEST = 10  # trades of a group that gets an interval
REASON = "exit_reason"


def by_group(examined: Examined) -> pd.DataFrame:
    """Results of groups of trades, a row for each.

    Groups are by direction, by weekday and hour of the entry (UTC, the bars' clock), by each tag and by how
    the trade ended; the last is known only afterwards.

    Columns: by, group, trades, win_rate (share of net > 0), net_r_mean, its 95% interval low and high (nan
    below 10 trades or 8 independent periods), net_r_total.
    """
    trades = examined.trades
    net = numbers(trades, "net_r")
    timed = trades.assign(
        entry_time=trades["entry_time"].dt.tz_localize(None),
        exit_time=trades["exit_time"].dt.tz_localize(None),
    )
    lines = []
    for by, group, chosen in _groups(examined):
        rows = np.flatnonzero(chosen)
        line = {
            "by": by,
            "group": group,
            "trades": len(rows),
            "win_rate": float((net[rows] > 0).mean()),
            "net_r_mean": float(net[rows].mean()),
            "low": np.nan,
            "high": np.nan,
            "net_r_total": float(net[rows].sum()),
        }
        if len(rows) >= FEWEST:
            mean = mean_per_trade(timed.take(rows), "net_r", resamples=FEWER)
            if mean.blocks >= FEWEST_BLOCKS and np.isfinite([mean.low, mean.high]).all():
                line |= {"low": mean.low, "high": mean.high}
        lines.append(line)
    return pd.DataFrame(lines)


def _groups(examined: Examined) -> Iterator[tuple[str, str, np.ndarray]]:
    """By what, which, and which trades [N bool] are in it; empty groups are left out."""
    trades = examined.trades
    side = trades["direction"].to_numpy(int)
    for name, sign in (("long", 1), ("short", -1)):
        if (side == sign).any():
            yield "direction", name, side == sign
    entered = trades["entry_time"].dt
    weekday, hour = entered.day_of_week.to_numpy(), entered.hour.to_numpy()
    for day in np.unique(weekday):
        yield "weekday", WEEKDAYS[int(day)], weekday == day
    if len(np.unique(hour)) > 1:  # daily bars have but one
        for each in np.unique(hour):
            yield "hour", f"{int(each):02d}", hour == each
    for tag in dict.fromkeys((*examined.tags, REASON)):
        words = trades[tag].astype(object).fillna("").astype(str).str.strip().to_numpy(str)
        if tag == REASON and len(np.unique(words)) < 2:
            continue
        for kind in np.unique(words):
            yield tag, kind or "(blank)", words == kind


def looks(groups: pd.DataFrame, mean: float) -> pd.DataFrame:
    """How many groups there are of each kind, and how many differ from the mean of all trades.

    Of groups that differ by luck alone, about one interval in twenty leaves that mean out. Those by the way
    that trades ended are not counted: they are sorted by their result.

    Args:
        groups: of `by_group`.
        mean: net R a trade of all trades.

    Returns:
        Columns: by, groups (with an interval), apart (whose interval leaves the mean out), by_luck (expected
            if
        all groups were alike).
    """
    counted = groups["by"].to_numpy(str) != REASON
    known = groups.take(np.flatnonzero(counted & np.isfinite(numbers(groups, "low"))))
    apart = (numbers(known, "low") > mean) | (numbers(known, "high") < mean)
    by = known.assign(apart=apart.astype(int)).groupby("by", sort=False)
    found = by["apart"].agg(groups="size", apart="sum").reset_index()
    return found.assign(by_luck=0.05 * found["groups"])


def by_month(examined: Examined) -> pd.DataFrame:
    """Net R by the month in which trades ended: a row a year, columns Jan to Dec, year and trades.

    A month without an exit is nan.
    """
    trades = examined.trades
    ended = trades["exit_time"].dt
    table = pd.DataFrame(
        {"year": ended.year, "month": ended.month, "net_r": trades["net_r"].to_numpy(float)}
    )
    sums = table.pivot_table(index="year", columns="month", values="net_r", aggfunc="sum")
    ended_in = table["year"].to_numpy(int)
    years = range(ended_in.min(), ended_in.max() + 1)
    sums = sums.reindex(index=pd.Index(years, name="year"), columns=range(1, 13))
    sums.columns = pd.Index(MONTHS)
    whole = table.groupby("year")["net_r"].agg(["sum", "size"]).reindex(sums.index, fill_value=0)
    return sums.assign(year_total=whole["sum"], trades=whole["size"]).reset_index()
