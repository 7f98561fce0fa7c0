"""Entries of any kind as one table of candidate trades, and the checks that all of them must pass.

A candidate table has the columns of `TABLE_COLUMNS` in front, one row a trade, in the order of
entry bars. Of a file it may also have `given_fill` (the file's price of a fill at the open after the
entry bar; `entry_price` is then the entry bar's close) and `listed_decision` (see
`trades.listed_decisions`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from jaxexit.data.bars import Bars
from jaxexit.data.ema_bb import ema_bb_entries
from jaxexit.data.features import feature_columns
from jaxexit.data.list_checks import winners_apart
from jaxexit.data.matching import Align, FilledAt, listed_decisions, match_bars
from jaxexit.data.trades import TradeList
from jaxexit.errors import DataError
from jaxexit.limits import float32

TABLE_COLUMNS = (
    "trade_id", "entry_bar", "entry_time", "direction", "entry_price", "stop", "target",
    "exit_time", "exit_price", "exit_reason",
)  # fmt: skip
OWN_COLUMNS = ("given_fill", "inside_bar", "listed_decision")  # never taken from a file

NO_TRADE = "neither long nor short"
NO_BAR = "match no bar"
OUTSIDE = "lie before the first or after the last bar"
BEFORE_WARMUP = "before the warm-up ends"
NO_PRICE = "have no entry price"
NOT_TRADED = "have a given price outside their bar"
WRONG_STOP = "have a stop that is not on the losing side of the entry"
STOP_IN_SPREAD = "have a stop that the book had already passed when they were filled"
WRONG_TARGET = "have a target that is not on the winning side of the entry"
# What is the list's own fault. The warm-up and the splits are the experiment's.
OF_THE_LIST = (
    NO_TRADE,
    NO_BAR,
    OUTSIDE,
    NOT_TRADED,
    NO_PRICE,
    WRONG_STOP,
    STOP_IN_SPREAD,
    WRONG_TARGET,
)
MOST_UNUSED = 0.05  # share of a list


def every_bar_candidates(
    bars: Bars, atr: np.ndarray, first: int, every: int, stop_atr: float
) -> pd.DataFrame:
    """Each `every`-th bar from `first` on, long and short. `atr` [T] and stops in price units."""
    entry_bar = np.repeat(np.arange(first, len(bars.times), every), 2)
    direction = np.tile([1, -1], len(entry_bar) // 2)
    price = entry_side_closes(bars, entry_bar, direction)
    return pd.DataFrame(
        {
            "trade_id": np.arange(len(entry_bar)),
            "entry_bar": entry_bar,
            "entry_time": bars.times[entry_bar],
            "direction": direction,
            "entry_price": price,
            "stop": price - direction * stop_atr * atr[entry_bar],
            "target": np.nan,
            "exit_time": np.datetime64("NaT", "ns"),
            "exit_price": np.nan,
            "exit_reason": "",
        },
        columns=list(TABLE_COLUMNS),
    )


def ema_bb_candidates(bars: Bars, first: int) -> pd.DataFrame:
    """The built-in strategy's trades from bar `first` on, with their classical exits."""
    table = ema_bb_entries(bars, first)
    exit_bar = table["exit_bar"].to_numpy(np.int64)
    table["trade_id"] = np.arange(len(table))
    table["entry_time"] = bars.times[table["entry_bar"].to_numpy(np.int64)]
    table["exit_time"] = np.where(exit_bar < 0, np.datetime64("NaT", "ns"), bars.times[exit_bar])
    return table.filter(list(TABLE_COLUMNS))


def built_in_candidates(
    kind: str, bars: Bars, warmup: int, *, every: int, stop_atr: float
) -> pd.DataFrame:
    """Entries of "ema_bb" or "every_bar", from bar `warmup` on at the earliest.

    Raises DataError where there are none.
    """
    _, atr, first_ready = feature_columns((), bars)
    first = max(warmup, first_ready)
    if kind == "ema_bb":
        candidates = ema_bb_candidates(bars, first)
    else:
        candidates = every_bar_candidates(bars, atr, first, every, stop_atr)
    candidates, _ = tradable(candidates, first)
    if candidates.empty:
        raise DataError(
            f"{bars.where}: no entries of {kind} in {len(bars.times):,} bars after a warm-up of "
            f"{first:,}, bring more bars"
        )
    return candidates


def file_candidates(
    trades: TradeList,
    bars: Bars,
    atr: np.ndarray,
    *,
    given: bool,
    stop_atr: float,
    filled_at: FilledAt = "bar_close",
    align: Align = "exact",
) -> tuple[pd.DataFrame, dict[str, int], tuple[str, ...]]:
    """Trades of a list that have a bar: candidates, how many were dropped by reason, remarks.

    The entry bar is the one that opens at the entry time, or with `filled_at` "bar_open" the one
    before, so that the bar of the entry time is the first that the trade meets. The entry price is the
    entry-side close of the entry bar, or the file's own where `given` (then a trade without one, or with
    one outside its bar, is dropped; a fill at an open is kept apart, as `given_fill`). The stop is the
    file's, else `stop_atr` x ATR from the entry price. Raises DataError for a list that cannot be
    matched, and for `given` without any price.
    """
    rows = trades.rows.drop(columns=list(OWN_COLUMNS), errors="ignore")
    is_trade = rows["direction"].to_numpy() != 0
    counts = {NO_TRADE: int((~is_trade).sum())}
    rows = rows.take(np.flatnonzero(is_trade))
    bar, astray, match_remarks = match_bars(rows, bars, trades.where, filled_at, align)
    if filled_at == "bar_open":
        bar = np.maximum(bar - 1, -1)
    elsewhere = (bar < 0) & outside(rows["entry_time"].to_numpy(), bars)
    counts[OUTSIDE] = int(elsewhere.sum())
    counts[NO_BAR] = int((bar < 0).sum()) - counts[OUTSIDE]
    # A price that the market never traded is no fill: where it would be one, the trade is out.
    kept = (bar >= 0) & ~(astray & given)
    counts[NOT_TRADED] = int((bar >= 0).sum() - kept.sum())
    rows, entry_bar = rows.take(np.flatnonzero(kept)), bar[kept]

    if given and not np.isfinite(rows["entry_price"].to_numpy(np.float64)).any():
        raise DataError(
            f"{trades.where}: env.entry_fill: got given, but the list has no entry price"
        )
    rows = priced(rows, entry_bar, bars, atr, given=given, stop_atr=stop_atr, filled_at=filled_at)
    rows["trade_id"] = rows.index
    decision, exit_remarks = listed_decisions(rows, entry_bar, bars, filled_at, align)
    if (decision >= 0).any():
        rows["listed_decision"] = decision
    others = [name for name in rows.columns if name not in TABLE_COLUMNS]
    rows = rows.filter([*TABLE_COLUMNS, *others]).take(np.argsort(entry_bar, kind="stable"))
    return rows.reset_index(drop=True), counts, trades.remarks + match_remarks + exit_remarks


def outside(moments: np.ndarray, bars: Bars) -> np.ndarray:
    """Which moments [N] lie before the first or after the last bar."""
    moments = moments.astype("datetime64[ns]")
    return (moments < bars.times[0]) | (moments > bars.times[-1])


def check_used(counts: Mapping[str, int], whole: int, where: str) -> None:
    """Refuse a list of which too much cannot be used.

    Args:
        counts: rows left out, by reason.
        whole: rows of the list.
        where: the list.

    Raises:
        DataError: one line, with the reasons.
    """
    unused = {reason: counts[reason] for reason in OF_THE_LIST if counts.get(reason)}
    total = sum(unused.values())
    if total <= MOST_UNUSED * whole:
        return
    reasons = "; ".join(f"{count:,} {reason}" for reason, count in unused.items())
    raise DataError(
        f"{where}: {total:,} of {whole:,} trades cannot be used ({reasons}): correct the list, or set "
        "data.allow_partial to true to continue without them"
    )


def check_not_by_result(
    rows: pd.DataFrame, kept: pd.DataFrame, counts: Mapping[str, int], where: str
) -> None:
    """Refuse a list of which mostly winners, or mostly losers, would be left out.

    Args:
        rows: the list (`load_trades`); its index is the row of the file.
        kept: the trades that are used, `trade_id` that row.
        counts: rows left out, by reason.
        where: the list.

    Raises:
        DataError: one line, with the reasons.
    """
    gained = rows["direction"] * (rows["exit_price"] - rows["entry_price"])
    ended = np.asarray(gained.notna() & (gained != 0))
    left = ~np.isin(np.asarray(rows.index), kept["trade_id"].to_numpy())
    apart = winners_apart(np.asarray(gained, float)[ended], left[ended])
    if apart is None:
        return
    reasons = "; ".join(f"{n:,} {reason}" for reason, n in counts.items() if n)
    raise DataError(
        f"{where}: the trades that cannot be used mostly {apart}, where the others did not ({reasons}): what "
        "is left is no sample of the strategy; correct what leaves them out"
    )


def priced(
    rows: pd.DataFrame,
    entry_bar: np.ndarray,
    bars: Bars,
    atr: np.ndarray,
    *,
    given: bool,
    stop_atr: float,
    filled_at: FilledAt,
) -> pd.DataFrame:
    """Trades of a file [N] (see `load_trades`) with the entry bar, price and stop that they are traded with.

    As `file_candidates` says.
    """
    direction = rows["direction"].to_numpy(np.int64)
    price = rows["entry_price"].to_numpy(np.float64)
    known = entry_side_closes(bars, entry_bar, direction)
    stop = rows["stop"].to_numpy(np.float64)
    columns: dict[str, np.ndarray] = {}
    if given and filled_at == "bar_open":
        columns["given_fill"] = price
        opened = bars.times[np.minimum(entry_bar + 1, len(bars.times) - 1)]
        inside = rows["entry_time"].to_numpy().astype("datetime64[ns]") > opened
        if inside.any():
            columns["inside_bar"] = inside
        price = np.where(np.isnan(price), np.nan, known)
    elif not given:
        price = known
    stop = np.where(np.isnan(stop), price - direction * stop_atr * atr[entry_bar], stop)
    return rows.assign(**columns, entry_bar=entry_bar, entry_price=price, stop=stop)


def entry_side_closes(bars: Bars, entry_bar: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Ask close for a long, bid close for a short, [N] float64."""
    return np.where(direction > 0, bars.ask[entry_bar, 3], bars.bid[entry_bar, 3])


def exit_side_closes(bars: Bars, candidates: pd.DataFrame) -> np.ndarray:
    """Bid close of a long's entry bar, ask close of a short's, [N] float64."""
    direction = candidates["direction"].to_numpy()
    return entry_side_closes(bars, candidates["entry_bar"].to_numpy(), -direction)


def tradable(
    candidates: pd.DataFrame, first: int, exit_close: np.ndarray | None = None
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Candidates that can be traded from bar `first` on; how many were dropped, by reason.

    Compared in float32, the precision in which they are traded. A fill given for the next open must lie
    between stop and target as the entry price must.

    Args:
        candidates: N of them.
        first: the first bar on which a trade may be entered.
        exit_close: [N] for trades filled at their bar's close: the exit side's close of that bar. A stop on
            the wrong side of it, inside the spread, would be executed at once; no bar would ever meet it.
    """
    direction, price, stop, target = (
        float32(candidates[name].to_numpy(np.float64), "entries", name)
        for name in ("direction", "entry_price", "stop", "target")
    )
    fill = candidates["given_fill"].to_numpy(np.float32) if "given_fill" in candidates else price
    keep = np.ones(len(candidates), bool)
    counts = {}
    for reason, wrong in (
        (BEFORE_WARMUP, candidates["entry_bar"].to_numpy() < first),
        (NO_PRICE, np.isnan(price)),
        (WRONG_STOP, ~((direction * (price - stop) > 0) & (direction * (fill - stop) > 0))),
        (
            STOP_IN_SPREAD,
            np.zeros(len(candidates), bool)
            if exit_close is None
            else direction * (exit_close.astype(np.float32) - stop) <= 0,
        ),
        (
            WRONG_TARGET,
            (direction * (target - price) <= 0) | (direction * (target - fill) <= 0),
        ),
    ):
        counts[reason] = int((keep & wrong).sum())
        keep &= ~wrong
    return candidates.take(np.flatnonzero(keep)).reset_index(drop=True), counts
