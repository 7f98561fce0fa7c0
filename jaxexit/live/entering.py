"""Trades to be followed: placed among the bars fed so far, as a backtest would place them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxexit.config import Experiment
from jaxexit.data.entries import exit_side_closes, priced, tradable
from jaxexit.data.matching import match_bars
from jaxexit.errors import DataError
from jaxexit.live.feed import Feed

FARTHEST_STOP = 2.0  # times the entry price, or a part of it: what lies beyond was mistyped
FARTHEST_TARGET = 10.0
_TYPED = "is that number right?"


class WaitingTrade(NamedTuple):
    """A trade whose entry bar has not closed yet. Prices are nan where none is given."""

    name: str
    time: np.datetime64  # of its entry, UTC
    direction: int
    entry_price: float = np.nan
    stop: float = np.nan
    target: float = np.nan


class Placed(NamedTuple):
    """A trade as it is traded: bar of decision 0, and what `Trades` has of it."""

    waiting: WaitingTrade
    entry: int
    entry_price: float
    stop: float
    target: float
    given_fill: float
    inside_bar: bool


def waiting_trades(rows: pd.DataFrame) -> list[WaitingTrade]:
    """The trades of a list (`data.trades.load_trades`), named by its `trade_id`, else by its row."""
    names = rows["trade_id"] if "trade_id" in rows else pd.Series(rows.index)
    times = rows["entry_time"].to_numpy().astype("datetime64[ns]")
    prices = rows[["entry_price", "stop", "target"]].to_numpy(float).tolist()
    directions = rows["direction"].to_numpy(int).tolist()
    return [
        WaitingTrade(str(name), times[i], directions[i], *prices[i])
        for i, name in enumerate(names)
        if directions[i]
    ]


def placed(
    waiting: Sequence[WaitingTrade], feed: Feed, experiment: Experiment
) -> list[Placed | DataError]:
    """Each trade with prices, stop and target as a backtest would give it, or why it would leave it out.

    Args:
        waiting: trades whose entry bars are known.
        feed: the bars so far.
        experiment: how entries are filled.
    """
    if len(waiting) > 1:
        try:
            bar, astray = _matched(waiting, feed, experiment)
        except DataError:  # of the whole list: each is looked at alone
            bar, astray = np.full(len(waiting), -1), np.zeros(len(waiting), bool)
        sound = (bar >= 0) & ~astray
        found = iter(
            _priced(
                [w for w, ok in zip(waiting, sound, strict=True) if ok],
                bar[sound],
                feed,
                experiment,
            )
        )
        return [
            next(found) if ok else _alone(one, feed, experiment)
            for one, ok in zip(waiting, sound, strict=True)
        ]
    return [_alone(one, feed, experiment) for one in waiting]


def _alone(waiting: WaitingTrade, feed: Feed, experiment: Experiment) -> Placed | DataError:
    try:
        bar, astray = _matched([waiting], feed, experiment)
    except DataError as error:
        return error
    if experiment.env.entry_fill == "given" and astray.any():
        return DataError("has a given price outside its bar")
    return _priced([waiting], bar, feed, experiment)[0]


def _matched(
    waiting: Sequence[WaitingTrade], feed: Feed, experiment: Experiment
) -> tuple[np.ndarray, np.ndarray]:
    data = experiment.data
    bar, astray, _ = match_bars(
        _rows(waiting), feed.bars(), "the trade", data.filled_at, data.align
    )
    return bar, astray


def _priced(
    waiting: Sequence[WaitingTrade], bar: np.ndarray, feed: Feed, experiment: Experiment
) -> list[Placed | DataError]:
    if not waiting:
        return []
    given, filled_at = experiment.env.entry_fill == "given", experiment.data.filled_at
    bars, (_, first) = feed.bars(), feed.rows()
    bar = np.maximum(bar - 1, 0) if filled_at == "bar_open" else bar
    trades = priced(
        _rows(waiting),
        bar,
        bars,
        feed.atr(),
        given=given,
        stop_atr=experiment.env.initial_stop_atr,
        filled_at=filled_at,
    )
    at_close = experiment.env.entry_fill != "next_open" and "given_fill" not in trades
    exits = exit_side_closes(bars, trades) if at_close else None
    sound, _ = tradable(trades.assign(place=range(len(trades))), first, exits)
    kept = set(sound["place"].tolist())
    found: list[Placed | DataError] = []
    for i, one in enumerate(trades.to_dict("records")):
        if i in kept:
            found.append(_far(one) or _as_traded(waiting[i], one))
        else:
            close = None if exits is None else exits[i : i + 1]
            _, counts = tradable(trades.iloc[[i]], first, close)
            reason = next(reason for reason, count in counts.items() if count)
            found.append(DataError(f"is one of those that {reason}"))
    return found


def _far(trade: dict[Any, Any]) -> DataError | None:
    """Stop and target beyond what any trade has, on the right side of the entry as they may be."""
    price = trade["entry_price"]
    for name, most in (("stop", FARTHEST_STOP), ("target", FARTHEST_TARGET)):
        level = trade[name]
        if not np.isnan(level) and not price / most <= level <= price * most:
            return DataError(
                f"has a {name} of {level:g} where the price is {price:g}, more than {most:g} times as "
                f"large or as small: {_TYPED}"
            )
    return None


def _as_traded(waiting: WaitingTrade, trade: dict[Any, Any]) -> Placed:
    return Placed(
        waiting,
        int(trade["entry_bar"]),
        trade["entry_price"],
        trade["stop"],
        trade["target"],
        trade.get("given_fill", np.nan),
        bool(trade.get("inside_bar", False)),
    )


def _rows(waiting: Sequence[WaitingTrade]) -> pd.DataFrame:
    """The trades as `load_trades` has them."""
    _, times, directions, prices, stops, targets = zip(*waiting, strict=True)
    return pd.DataFrame(
        {
            "direction": directions,
            "entry_time": np.array(times, "datetime64[ns]"),
            "exit_time": np.datetime64("NaT", "ns"),
            "entry_price": prices,
            "stop": stops,
            "target": targets,
            "exit_price": np.nan,
        }
    )
