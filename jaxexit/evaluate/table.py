"""From device results to tables: one row a trade, one row a kind of guard decision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from jaxexit.data import Dataset
from jaxexit.env import ACTIONS, REASONS, rule_set_name
from jaxexit.env.guards import PROFIT_BANDS, PROFIT_EDGES
from jaxexit.evaluate.played import StepRecords, TradeResults

OF_ONE_POSITION = ("exit_price", "fills", "stop_path")
"""Columns that only a single position has."""


def trade_table(
    dataset: Dataset, split: str, results: TradeResults, records: StepRecords | None = None
) -> pd.DataFrame:
    """One row a trade, in the order of the split.

    Columns: those of the data set's table (trade_id, entry_time, direction, the entry's stop and
    target); entry_fill; exit_time (open of the bar of the last fill, UTC), exit_price (last fill),
    exit_reason, bars_held, ambiguous; net and gross results in fractions, the data set's unit and R, and in
    money where the value of a point is known; costs by kind in the unit (gross = net + costs; the spread is
    a cost); MFE and MAE in the unit and R; attempts and blocks by action. With `records` also `fills` (bar,
    time, price, size, reason) and `stop_path` (bar, price: each change of the stop in force).
    """
    trades = dataset.splits[split]
    entry, net = np.asarray(results.entry, float), np.asarray(results.net, float)
    costs = {kind: np.asarray(cost, float) for kind, cost in results.costs._asdict().items()}
    risk = np.abs(np.asarray(trades.entry_price, float) - np.asarray(trades.stop, float))
    unit, in_r = dataset.unit, entry / risk
    in_units = unit.per_fraction(entry, risk)
    gross = net + sum(costs.values())
    source = dataset.tables[split].rename(
        columns={name: f"source_{name}" for name in ("exit_time", "exit_price", "exit_reason")}
    )
    columns: dict[str, Any] = {
        "entry_fill": entry,
        "exit_time": pd.to_datetime(dataset.times[np.asarray(results.exit_bar)], utc=True),
        "exit_price": np.asarray(results.exit_price, float),
        "exit_reason": [REASONS[reason] for reason in np.asarray(results.reason)],
        "bars_held": np.asarray(results.bars_held, int),
        "ambiguous": np.asarray(results.ambiguous),
        "net_fraction": net,
        unit.key("net"): net * in_units,
        "net_r": net * in_r,
        **({} if (money := dataset.charges.money) is None else {"net_money": net * entry * money}),
        unit.key("gross"): gross * in_units,
        **{unit.key(kind): cost * in_units for kind, cost in costs.items()},
        unit.key("mfe"): np.asarray(results.mfe, float) * in_units,
        unit.key("mae"): np.asarray(results.mae, float) * in_units,
        "mfe_r": np.asarray(results.mfe, float) * in_r,
        "mae_r": np.asarray(results.mae, float) * in_r,
    }
    for i, name in enumerate(ACTIONS):
        columns[f"chosen_{name}"] = np.asarray(results.actions)[:, i]
        columns[f"blocked_{name}"] = np.asarray(results.blocked)[:, i]
    if records is not None:
        columns["fills"] = _fills(dataset, records)
        columns["stop_path"] = _stop_paths(records, np.asarray(trades.entry_bar))
    source = source.drop(columns=list(columns), errors="ignore").reset_index(drop=True)
    # All at once: inserting forty columns one by one takes five times as long.
    return pd.concat([source, pd.DataFrame(columns)], axis=1)


def _fills(dataset: Dataset, records: StepRecords) -> list[list[dict]]:
    """Every fill of every trade, in order: at most an order and a stop, target or time in one bar."""
    taken = np.asarray(records.taken)
    by_trade: list[list[dict]] = [[] for _ in taken]
    for fill in (records.order_fill, records.bar_fill):
        size, bar, price, reason = (np.asarray(leaf) for leaf in fill)
        for trade, k in zip(*np.nonzero((size > 0) & taken), strict=True):
            by_trade[trade].append(
                {
                    "bar": int(bar[trade, k]),
                    "time": np.datetime_as_string(
                        dataset.times[bar[trade, k]], unit="s", timezone="UTC"
                    ),
                    "price": float(price[trade, k]),
                    "size": float(size[trade, k]),
                    "reason": REASONS[int(reason[trade, k])],
                }
            )
    return [sorted(fills, key=lambda fill: fill["bar"]) for fills in by_trade]


def _stop_paths(records: StepRecords, entry_bar: np.ndarray) -> list[list[dict]]:
    """The stop in force: a point for the first bar and for each bar where it moved."""
    taken, stops = np.asarray(records.taken), np.asarray(records.stop)
    paths = []
    for trade, first in enumerate(entry_bar):
        path = stops[trade, : taken[trade].sum()]
        moved = np.concatenate([[True], path[1:] != path[:-1]])
        paths.append(
            [
                {"bar": int(first) + 1 + int(k), "price": float(path[k])}
                for k in np.nonzero(moved)[0]
            ]
        )
    return paths


def guard_table(records: StepRecords) -> pd.DataFrame:
    """Guard statistics: attempts by action, rules that fired, bar and profit band.

    Columns: action, rules (joined by "+", empty: not blocked), k, profit_band, blocked (bool), count.
    """
    taken = np.asarray(records.taken)
    masks = np.asarray(records.fired)[taken]
    profit = np.asarray(records.profit)[taken]
    k = np.broadcast_to(np.arange(taken.shape[1]), taken.shape)[taken]
    bands = np.searchsorted(np.array(PROFIT_EDGES, np.float32), profit, side="right")
    frame = pd.DataFrame(
        {
            "action": np.array(ACTIONS)[np.asarray(records.chosen)[taken]],
            "rules": [rule_set_name(mask) for mask in masks],
            "k": k,
            "profit_band": np.array(PROFIT_BANDS)[bands],
            "blocked": masks > 0,
        }
    )
    keys = list(frame.columns)
    return frame.value_counts(keys, sort=False).rename("count").reset_index()
