"""From runs to the columns that the page draws: trades, decisions, bars. Nothing is simulated here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxexit.config import actions
from jaxexit.config.features import BAND_BARS, BAND_DEVIATIONS, EMA_FAST, EMA_SLOW
from jaxexit.data.indicators import talib_indicators
from jaxexit.env import ACTIONS, REASONS
from jaxexit.env.guards import RULES
from jaxexit.env.types import CostFractions, RewardTerms
from jaxexit.learners import learner_of
from jaxexit.metrics import METRICS
from jaxexit.names import visible
from jaxexit.policies import ORACLE
from jaxexit.report.run import ReportedRun, numbers
from jaxexit.units import NAMES, key

Columns = dict[str, np.ndarray]

BARS_BEFORE = 60  # shown before the entry bar at most
BARS_AFTER = 20  # shown after the horizon at most
SMALLEST_GAP = 0.02  # grains of the unit: float32 prices know no less
IN_UNITS = ("net", "gross", *CostFractions._fields, "mfe", "mae")
IN_R = ("net_r", "mfe_r", "mae_r")
OWN_COLUMNS = {
    *("trade_id", "entry_bar", "entry_time", "direction", "entry_price", "stop", "target"),
    *("entry_fill", "exit_time", "exit_price", "exit_reason", "bars_held", "ambiguous"),
    *(
        "net_fraction",
        "fills",
        "stop_path",
        "policy",
        "given_fill",
        "inside_bar",
        "listed_decision",
    ),
    *("net_money", *IN_R, *(key(unit, name) for unit in NAMES for name in IN_UNITS)),
    *(f"{word}_{action}" for word in ("chosen", "blocked") for action in ACTIONS),
}


def trades_payload(runs: Sequence[ReportedRun]) -> tuple[Columns, dict[str, Any]]:
    """What cards, filters and sums need: columns [trades] of the first run's order, and facts.

    Columns of a run are prefixed by its number ("0.net_pips"), those of a baseline by its name
    ("policy.classical.net_pips"; the baselines are the first run's).
    """
    first = runs[0]
    table, unit = first.table, first.dataset.unit
    columns: Columns = {
        "entry_time": _milliseconds(table["entry_time"].to_numpy("datetime64[ms]")),
        "direction": table["direction"].to_numpy(np.int32),
        "entry_bar": table["entry_bar"].to_numpy(np.int32) - first_bar(first),
    }
    for number, run in enumerate(runs):
        columns |= {f"{number}.{name}": values for name, values in _own_columns(run, first).items()}
    for name in first.tables:
        if name != first.learned:
            columns |= {f"policy.{name}.{k}": v for k, v in _brief(first, name).items()}
    facts = {
        "ids": [visible(str(trade)) for trade in table["trade_id"]],
        "tags": _tags(table),
        "actions": [action._asdict() for action in actions.ACTIONS],
        "reasons": [reason._asdict() for reason in actions.REASONS],
        "costs": list(CostFractions._fields),
        "headings": {name: metric.heading for name, metric in METRICS.items()},
        "titles": {name: metric.title(unit.name) for name, metric in METRICS.items()},
        "indicators": {
            "ema_fast": f"EMA {EMA_FAST}",
            "ema_slow": f"EMA {EMA_SLOW}",
            "bands": f"Bollinger {BAND_BARS}/{BAND_DEVIATIONS:g}",
        },
        "versions": [run.version for run in runs],
        "learned": [run.learned for run in runs],
        "value": [learner_of(run.experiment).value_words for run in runs],
        "baselines": [name for name in first.tables if name != first.learned],
        "oracle": ORACLE.name,
        "unit": {
            "name": unit.name,
            "words": unit.words,
            "digits": unit.digits,
            "grain": unit.grain,
        },
        "grain": _grain(first),
        "order_fill": first.experiment.env.order_fill,
        "split": first.split,
    }
    return columns, facts


def detail_payload(runs: Sequence[ReportedRun]) -> tuple[Columns, dict[str, Any]]:
    """What an opened trade needs: bars with indicators, fills, stop paths, decisions."""
    columns = _bars(runs)
    for number, run in enumerate(runs):
        columns |= {f"{number}.{name}": values for name, values in _decisions(run).items()}
    return columns, {
        "rules": [rule.name for rule in RULES],
        "groups": [list(run.decisions.groups) for run in runs],
        "terms": list(RewardTerms._fields),
    }


def _grain(run: ReportedRun) -> float:
    """Price units that are hardly a difference: of digits that prices are written with."""
    unit = run.dataset.unit
    if unit.base == "price":
        return unit.size
    return float(10.0 ** np.floor(np.log10(1e-4 * np.median(run.dataset.market.bid[:, 3]))))


def first_bar(run: ReportedRun) -> int:
    """The first bar of the page; bars on the page are counted from it."""
    return max(0, int(numbers(run.table, "entry_bar").min()) - BARS_BEFORE)


def _last_bar(runs: Sequence[ReportedRun]) -> int:
    horizon = max(run.experiment.env.max_bars for run in runs)
    last = int(numbers(runs[0].table, "entry_bar").max()) + horizon + BARS_AFTER
    return min(last, len(runs[0].dataset.times) - 1)


def _milliseconds(times: np.ndarray) -> np.ndarray:
    """Since 1970, UTC, float64: the page's own unit of time."""
    return times.astype("datetime64[ms]").astype(np.int64).astype(np.float64)


def _reasons(table: pd.DataFrame) -> np.ndarray:
    index = {reason: i for i, reason in enumerate(REASONS)}
    return np.array([index[reason] for reason in table["exit_reason"]], np.uint8)


def _bar_numbers(run: ReportedRun, times: np.ndarray) -> np.ndarray:
    """Bar of the page that opened at each time."""
    rows = np.searchsorted(run.dataset.times, times)
    return rows.astype(np.int32) - first_bar(run)


def _brief(run: ReportedRun, policy: str) -> Columns:
    """Results of a policy, a row a trade."""
    table, unit = run.tables[policy], run.dataset.unit
    return {
        unit.key("net"): numbers(table, unit.key("net")),
        "net_r": numbers(table, "net_r"),
        unit.key("gross"): numbers(table, unit.key("gross")),
        "exit_price": numbers(table, "exit_price"),
        "exit_bar": _bar_numbers(run, table["exit_time"].to_numpy("datetime64[ns]")),
        "bars_held": table["bars_held"].to_numpy(np.int32),
        "reason": _reasons(table),
    }


def _own_columns(run: ReportedRun, first: ReportedRun) -> Columns:
    """Everything about the learned policy's trades."""
    table, unit = run.table, run.dataset.unit
    fills, fill_offsets = _flat(table["fills"].tolist())
    path, path_offsets = _flat(table["stop_path"].tolist())
    zero = first_bar(first)
    levels = _stop_levels(run)
    stops = [reason.name for reason in actions.REASONS if reason.filled == "stop"]
    is_stop = np.isin([fill["reason"] for fill in fills], stops)
    direction = np.repeat(numbers(table, "direction"), np.diff(fill_offsets))
    price = np.array([fill["price"] for fill in fills])
    beyond = direction * (np.repeat(levels, np.diff(fill_offsets)) - price)
    charges = run.dataset.charges
    slipped = charges.slippage + charges.slippage_fraction * price
    entry = np.repeat(numbers(table, "entry_fill"), np.diff(fill_offsets))
    risk = np.abs(numbers(table, "entry_price") - numbers(table, "stop"))
    risk = np.repeat(risk, np.diff(fill_offsets))
    # What a stop lost beyond its level and slippage: the market jumped over it.
    gap = np.where(is_stop, (beyond - slipped) / entry * unit.per_fraction(entry, risk), 0.0)
    gap = np.where(gap > SMALLEST_GAP * unit.grain, gap, 0.0)
    names = [*(unit.key(name) for name in IN_UNITS), *IN_R]
    columns = {name: numbers(table, name) for name in names}
    columns |= _brief(run, run.learned)
    columns |= {
        "entry_fill": numbers(table, "entry_fill"),
        "entry_price": numbers(table, "entry_price"),
        "initial_stop": numbers(table, "stop"),
        "exit_time": _milliseconds(table["exit_time"].to_numpy("datetime64[ms]")),
        "ambiguous": table["ambiguous"].to_numpy(np.uint8),
        "blocked": table.filter(like="blocked_").sum(axis=1).to_numpy(np.int32),
        "fill_offsets": fill_offsets,
        "fill_bar": np.array([fill["bar"] for fill in fills], np.int32) - zero,
        "fill_price": price,
        "fill_size": np.array([fill["size"] for fill in fills]),
        "fill_reason": np.array([REASONS.index(fill["reason"]) for fill in fills], np.uint8),
        unit.key("fill_gap"): gap,
        "stop_offsets": path_offsets,
        "stop_bar": np.array([point["bar"] for point in path], np.int32) - zero,
        "stop_price": np.array([point["price"] for point in path]),
    }
    return columns


def _stop_levels(run: ReportedRun) -> np.ndarray:
    """The stop in force at each trade's end, price."""
    return np.array([path[-1]["price"] for path in run.table["stop_path"]])


def _flat(lists: Sequence[Sequence[dict[str, Any]]]) -> tuple[list[dict[str, Any]], np.ndarray]:
    """A column of lists as one list and where each row's part begins: [rows + 1] int32."""
    lengths = [len(row) for row in lists]
    return [item for row in lists for item in row], np.cumsum([0, *lengths]).astype(np.int32)


def _tags(table: pd.DataFrame) -> dict[str, list[str]]:
    """Columns that the user's trade list brought along, as text; empty ones are left out."""
    tags = {}
    for name in table.columns:
        if name in OWN_COLUMNS:
            continue
        words = ["" if pd.isna(value) else visible(str(value)) for value in table[name]]
        if any(words):
            tags[visible(str(name))] = words
    return tags


def _bars(runs: Sequence[ReportedRun]) -> Columns:
    """Bars of the page: both sides, times, and the indicators behind the built-in features, on mid prices."""
    run = runs[0]
    span = slice(first_bar(run), _last_bar(runs) + 1)
    bid, ask = np.asarray(run.dataset.market.bid), np.asarray(run.dataset.market.ask)
    mid = (bid.astype(float) + ask) / 2
    indicators = talib_indicators(*mid[:, 1:].T)
    columns: Columns = {"bar.time": _milliseconds(run.dataset.times[span])}
    for side, prices in (("bid", bid), ("ask", ask)):
        for i, name in enumerate(("open", "high", "low", "close")):
            columns[f"bar.{side}_{name}"] = prices[span, i]
    for name in ("ema_fast", "ema_slow", "band_upper", "band_lower"):
        columns[f"bar.{name}"] = getattr(indicators, name)[span].astype(np.float32)
    return columns


def _decisions(run: ReportedRun) -> Columns:
    decisions, unit = run.decisions, run.dataset.unit
    row, insight = decisions.row, decisions.insight
    columns: Columns = {
        "offsets": decisions.offsets,
        "k": row.k.astype(np.int32),
        "chosen": decisions.chosen.astype(np.uint8),
        "action": row.action.astype(np.uint8),
        "fired": row.fired.astype(np.uint8),
        unit.key("profit"): row.profit,
        "stop": row.stop,
        "remaining": row.remaining,
        unit.key("booked"): row.net,
        "value": insight.value,
        "entropy": insight.entropy,
    }
    columns[unit.key("costs")] = np.asarray(sum(row.costs), np.float32)
    columns |= {f"p{i}": insight.probabilities[:, i] for i in range(len(ACTIONS))}
    columns |= {f"g{i}": insight.gradient[:, i] for i in range(len(decisions.groups))}
    columns |= {f"r.{name}": value for name, value in row.terms._asdict().items()}
    return {name: _as_float32(values) for name, values in columns.items()}


def _as_float32(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32) if values.dtype.kind == "f" else values
