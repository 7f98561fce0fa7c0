"""Trades to be examined and the bars that they lived in: one table, whoever made the exits.

A list keeps its own prices (`listed`), a backtest its own results (`of_backtest`); from here on both are read
alike. R is the distance from the entry to the initial stop: the trade's own, else `env.initial_stop_atr`
times the ATR of the entry bar, as in the environment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxexit import units
from jaxexit.data import Market
from jaxexit.data.bars import find_gaps
from jaxexit.data.calendars import Calendar
from jaxexit.env.types import EnvParams, EnvSpec
from jaxexit.evaluate import Backtest
from jaxexit.forensics.spans import best_and_worst
from jaxexit.policies import CLASSICAL, Policy
from jaxexit.units import Unit

OWN_STOP, ATR_STOP = "stop", "atr"
FEWER = 400  # resamples of intervals of which there are dozens
AT_STOP = 0.05  # R: an exit so near to the initial stop, or beyond it, was the stop's
RESULTS = ("gross_r", "cost_r", "net_r", "mfe_r", "mae_r")
COLUMNS = (
    *("trade_id", "entry_time", "exit_time", "direction", "entry_price", "exit_price"),
    *("stop", "target", "risk", "risk_from", "exit_reason"),
    *("entry_bar", "exit_bar", "bars_held", "at_stop", *RESULTS),
)
"""Columns of every examined table; a column of the net result in the market's unit, and tags, follow."""


class Bars(NamedTuple):
    """Both sides of the book on the host."""

    times: np.ndarray  # [T] datetime64[ns], UTC, bar opens
    bid: np.ndarray  # [T, 4] float64
    ask: np.ndarray  # [T, 4]

    @property
    def step(self) -> np.timedelta64:
        """The usual length of a bar."""
        return find_gaps(self.times).step

    def exit_side(self, direction: np.ndarray, bar: np.ndarray, column: int) -> np.ndarray:
        """Prices at which positions are closed: bid of a long, ask of a short; arrays broadcast."""
        return np.where(direction > 0, self.bid[bar, column], self.ask[bar, column])


class Rules(NamedTuple):
    """What the environment needs to play trades of this market."""

    spec: EnvSpec
    params: EnvParams
    market: Market
    horizon: int  # bars from the entry at most; 0: as long as the longest trade and the bars looked at after
    classical: tuple[Policy, Any, int | None] = (CLASSICAL, (), None)
    """What plays stop and target: policy, numbers, and how many trades it is compiled for (None: as many as
    are played). A backtest's own program is one."""


@dataclass(frozen=True, eq=False)
class Examined:
    """Trades with their results, and what they are read against.

    Attributes:
        name: of the list or of the policy.
        trades: a row a trade, in the order of entry: `COLUMNS`, `net_<unit>`, tags. Prices are fills on the
            side that was traded; risk in price units; bars are rows of `bars`; excursions and results in R.
        bars: of the market.
        rules: how the environment would play them.
        unit: of results.
        calendar: trading days.
        tags: columns by which trades are grouped.
        notes: what a reader must know: costs, R, what was left out.
        fills: [N] columns that the environment needs of the entries (`data.dataset.device_trades`).
    """

    name: str
    trades: pd.DataFrame
    bars: Bars
    rules: Rules
    unit: Unit
    calendar: Calendar
    tags: tuple[str, ...]
    notes: tuple[str, ...]
    fills: pd.DataFrame

    @property
    def net(self) -> str:
        """The column of net results in the market's unit."""
        return self.unit.key("net")


def numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    """A column as float64."""
    return table[name].to_numpy(float)


def of_backtest(backtest: Backtest, table: pd.DataFrame, name: str) -> Examined:
    """The trades of a backtest (`evaluate.table.trade_table`) under one policy.

    Args:
        backtest: whose rules they were played by.
        table: N trades.
        name: of the policy.
    """
    dataset = backtest.dataset
    times, unit = dataset.times, dataset.unit
    bid, ask = (np.asarray(side, float) for side in (dataset.market.bid, dataset.market.ask))
    table = table.reset_index(drop=True)
    direction, fill = numbers(table, "direction"), numbers(table, "entry_fill")
    risk = np.abs(numbers(table, "entry_price") - numbers(table, "stop"))
    in_units = unit.per_fraction(fill, risk)
    gross = numbers(table, unit.key("gross")) / in_units * fill / risk
    exit_bar = np.searchsorted(times, table["exit_time"].to_numpy("datetime64[ns]"))
    trades = pd.DataFrame(
        {
            "trade_id": table["trade_id"],
            "entry_time": pd.to_datetime(table["entry_time"], utc=True),
            "exit_time": pd.to_datetime(times[exit_bar], utc=True),
            "direction": direction.astype(int),
            "entry_price": fill,
            "exit_price": numbers(table, "exit_price"),
            "stop": numbers(table, "stop"),
            "target": numbers(table, "target"),
            "risk": risk,
            "risk_from": OWN_STOP,
            "exit_reason": table["exit_reason"].to_numpy(str),
            "entry_bar": table["entry_bar"].to_numpy(int),
            "exit_bar": exit_bar,
            "bars_held": table["bars_held"].to_numpy(int),
            "at_stop": table["exit_reason"].to_numpy(str) == "STOP",
            "gross_r": gross,
            "cost_r": gross - numbers(table, "net_r"),
            "net_r": numbers(table, "net_r"),
            "mfe_r": numbers(table, "mfe_r"),
            "mae_r": numbers(table, "mae_r"),
            unit.key("net"): numbers(table, unit.key("net")),
        }
    )
    # A stop that was tightened before it filled was not the initial one.
    beyond = direction * (trades["exit_price"] - trades["stop"]) / risk
    trades["at_stop"] &= np.asarray(beyond <= AT_STOP)
    tags = tag_columns(table)
    trades = trades.assign(**{tag: table[tag].to_numpy() for tag in tags})
    return Examined(
        name=name,
        trades=trades,
        bars=Bars(times, bid, ask),
        rules=Rules(
            backtest.spec,
            backtest.world.params,
            backtest.world.market,
            backtest.horizon,
            backtest.player(CLASSICAL, ()),
        ),
        unit=unit,
        calendar=dataset.calendar,
        tags=tags,
        notes=(
            "gross: at mid prices; net: after spread, commission, slippage and what holding costs, as the "
            "experiment's section costs has them.",
            "R: the distance from the entry's price to its initial stop.",
        ),
        fills=table,
    )


NOT_TAGS = {
    *COLUMNS,
    *("policy", "fills", "stop_path", "given_fill", "inside_bar", "listed_decision", "ambiguous"),
    *("entry_fill", "net_fraction", "net_money"),
    *(units.key(unit, name) for unit in units.NAMES for name in ("net", "gross", "mfe", "mae")),
}
MOST_KINDS, MOST_TAGS = 12, 3


def tag_columns(table: pd.DataFrame, named: str | None = None) -> tuple[str, ...]:
    """Columns that a list brought along and that sort its trades: text of 2 to 12 kinds, three at most.

    Args:
        table: of the trades.
        named: a column to take whatever it holds; None: none.
    """
    found = [] if named is None else [named]
    for name in map(str, table.columns):
        if name in NOT_TAGS or name in found or not _is_text(table[name]):
            continue
        kinds = table[name].dropna().astype(str).str.strip()
        if 2 <= kinds[kinds != ""].nunique() <= MOST_KINDS and len(kinds) > len(table) // 2:
            found.append(name)
    return tuple(found[:MOST_TAGS])


def _is_text(column: Any) -> bool:
    """Whether it holds words: no numbers, no times, no lists."""
    if not (pd.api.types.is_string_dtype(column) or column.dtype == object):
        return False
    known = column.dropna().head(50)
    if not all(isinstance(value, str) for value in known):
        return False
    as_numbers: Any = pd.to_numeric(known, errors="coerce")
    return bool(as_numbers.isna().all())


def excursions(
    bars: Bars,
    direction: np.ndarray,
    entry: np.ndarray,
    exit_price: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    entered: np.ndarray,
    resting: np.ndarray,
    tolerance: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Best and worst price difference of each trade, price units, as the environment counts them.

    The moment of the entry counts, seen from the side at which the position would be closed. A bar held to
    its end counts whole. The last bar counts only by the exit itself, since its extremes may come after it;
    whole where the exit is its close and no stop or target.

    Args:
        bars: of the market.
        direction: [N] +1, -1.
        entry: [N] fills.
        exit_price: [N].
        first: [N] int, the first bar that each trade meets.
        last: [N] int, the bar of its exit.
        entered: [N] exit-side prices at the moment of the entry.
        resting: [N] bool, exits at a stop or target: the bar went on from there, wherever it closed.
        tolerance: price units within which an exit is its bar's close.

    Returns:
        (best, worst), [N] each; best is never below, worst never above the result itself.
    """
    realised, began = direction * (exit_price - entry), direction * (entered - entry)
    at_close = np.abs(exit_price - bars.exit_side(direction, last, 3)) <= tolerance
    at_close &= ~resting
    best, worst = best_and_worst(bars, direction, first, last - ~at_close)
    best = np.maximum(np.maximum(best - direction * entry, realised), began)
    worst = np.minimum(np.minimum(worst - direction * entry, realised), began)
    return best, worst
