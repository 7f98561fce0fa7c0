"""A list of trades as its owner made them: its own prices, on the bars that it was traded on.

Nothing is played here: entry and exit are the list's. Commission, swap, funding and borrowing are charged as
`costs` says and as the environment charges them; slippage is in a price that was paid. The spread is in the
prices too, unless they are said to be those of a chart: then half of the book's is charged at either end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jaxexit.data.bars import Bars as LoadedBars
from jaxexit.data.charges import charges_of
from jaxexit.data.entries import check_not_by_result, check_used, file_candidates, tradable
from jaxexit.data.features import feature_columns
from jaxexit.data.market import build_market
from jaxexit.data.matching import bar_of
from jaxexit.data.sample import experiment_bars, list_of
from jaxexit.data.sources import NAMED, Sources
from jaxexit.data.trades import TradeList, load_trades, reading_of
from jaxexit.data.types import CLOSE, OPEN, Market
from jaxexit.env.book import commission_fraction, holding_fractions
from jaxexit.env.params import env_params, env_spec
from jaxexit.env.types import EnvParams
from jaxexit.errors import DataError
from jaxexit.forensics.examined import (
    AT_STOP,
    ATR_STOP,
    OWN_STOP,
    Bars,
    Examined,
    Rules,
    excursions,
    numbers,
    tag_columns,
)
from jaxexit.forensics.list_notes import Found, Prices, left_out, list_notes
from jaxexit.forensics.spans import rows_of

if TYPE_CHECKING:
    from jaxexit.config import Experiment

NO_EXIT = "have no exit time or price"
NO_EXIT_BAR = "have an exit that lies in no bar or before the entry"
NO_RISK = "are too early for an ATR, which their stop needs"
CLOSE_TO = 0.01  # grains: an exit so near to its bar's close is that close


def examine_list(
    experiment: Experiment,
    sources: Sources = NAMED,
    *,
    prices: Prices = "paid",
    tag: str | None = None,
) -> Examined:
    """The trades of an experiment's list, with its own exits.

    Args:
        experiment: with `data.entries: trades` and `env.entry_fill: given`; its sections data, costs and env
            say how bars and list are read and what is charged.
        sources: bars and trades from memory, in place of the files that it names.
        prices: what the list's prices are.
        tag: a column of the list by which trades are grouped; None: columns of words are found.

    Raises:
        DataError: one line, for whatever is wrong with bars or list.
    """
    path = list_of(experiment, sources)
    assert path is not None  # the experiment has checked it
    bars = experiment_bars(experiment, sources)
    charges = charges_of(experiment.costs, bars)
    columns, atr, _ = feature_columns((), bars)
    market = build_market(bars, columns, atr, charges, flat_overnight=experiment.env.flat_overnight)
    listed = load_trades(path, reading_of(experiment.data))
    found = _on_bars(experiment, listed, bars, atr)
    if not len(found.rows):
        raise DataError(f"{listed.where}: no trade can be examined ({left_out(found.counts)})")
    if tag is not None and tag not in found.rows:
        known = ", ".join(map(str, listed.source.table.columns))
        raise DataError(f"{listed.where}: --tag: no column '{tag}' (found: {known})")
    tags = tag_columns(found.rows.drop(columns=["own_stop"]), tag)
    spec = env_spec(experiment, (), bars.unit)
    params = env_params(experiment, charges)
    host = Bars(bars.times, bars.bid, bars.ask)
    trades = _results(experiment, found.rows, host, bars, market, params, prices)
    trades = trades.assign(**{name: found.rows[name].to_numpy() for name in tags})
    return Examined(
        name=listed.where,
        trades=trades,
        bars=host,
        rules=Rules(spec, params, market, 0),
        unit=bars.unit,
        calendar=bars.calendar,
        tags=tags,
        notes=list_notes(experiment, listed, found, trades, bars, charges, prices),
        fills=_entries(found.rows, trades, spec.enters_next_bar),
    )


def _on_bars(experiment: Experiment, listed: TradeList, bars: LoadedBars, atr: np.ndarray) -> Found:
    """The list's trades that have an entry bar, a stop and an exit bar; what was left out, by reason."""
    data, where = experiment.data, listed.where
    rows = listed.rows
    ended = (rows["exit_time"].notna() & rows["exit_price"].notna()).to_numpy(bool)
    if not ended.any():
        raise DataError(
            f"{where}: no trade has an exit time and an exit price; name their columns with "
            "data.columns ({exit_time: ..., exit_price: ...}), or train on the entries instead"
        )
    is_trade = rows["direction"].to_numpy() != 0
    counts = {NO_EXIT: int((is_trade & ~ended).sum())}
    kept = listed._replace(rows=rows.take(np.flatnonzero(ended)))
    candidates, dropped, remarks = file_candidates(
        kept,
        bars,
        atr,
        given=True,
        stop_atr=experiment.env.initial_stop_atr,
        filled_at=data.filled_at,
        align=data.align,
    )
    counts |= dropped
    own = rows["stop"].reindex(candidates["trade_id"]).notna().to_numpy(bool)
    candidates = candidates.assign(own_stop=own)
    known = np.isfinite(numbers(candidates, "stop"))
    counts[NO_RISK] = int((~known).sum())
    candidates, unsound = tradable(candidates.take(np.flatnonzero(known)), 0)
    counts |= unsound
    exit_times = candidates["exit_time"].to_numpy("datetime64[ns]")
    exit_bar = bar_of(bars.times, exit_times, "enclosing")
    first = candidates["entry_bar"].to_numpy(int) + (data.filled_at == "bar_open")
    sound = exit_bar >= first
    counts[NO_EXIT_BAR] = int((~sound).sum())
    candidates = candidates.assign(exit_bar=exit_bar).take(np.flatnonzero(sound))
    whole = int(is_trade.sum())
    if not data.allow_partial:
        check_used(counts, whole, where)
    # Trades that are still open have no result by which they could have been chosen.
    check_not_by_result(kept.rows, candidates, counts, where)
    remarks = tuple(remark for remark in remarks if "the baseline 'listed'" not in remark)
    return Found(candidates.reset_index(drop=True), counts, remarks, whole)


def _results(
    experiment: Experiment,
    rows: pd.DataFrame,
    host: Bars,
    bars: LoadedBars,
    market: Market,
    params: EnvParams,
    prices: Prices,
) -> pd.DataFrame:
    """The table of `Examined`, without tags."""
    direction, unit = numbers(rows, "direction"), bars.unit
    entry_bar, exit_bar = (rows[name].to_numpy(int) for name in ("entry_bar", "exit_bar"))
    at_open = experiment.data.filled_at == "bar_open"
    said = numbers(rows, "given_fill" if at_open else "entry_price")
    left = numbers(rows, "exit_price")
    risk = np.abs(said - numbers(rows, "stop"))
    entry, exit_price = said, left
    if prices == "chart":
        entry_end = (entry_bar + 1, OPEN) if at_open else (entry_bar, CLOSE)
        entry = said + direction * _half_spread(host, *entry_end)
        exit_price = left - direction * _half_spread(host, exit_bar, CLOSE)
    gross = direction * (left - said)
    commission = _commission(params, direction, exit_price, entry) * entry
    carried = _carried(params, market, direction, entry, entry_bar, exit_bar, at_open) * entry
    net = direction * (exit_price - entry) - commission - carried
    entered = _at_entry(rows, host, direction, entry, entry_bar, at_open)
    own = rows["own_stop"].to_numpy(bool)
    at_stop = own & (direction * (left - numbers(rows, "stop")) <= AT_STOP * risk)
    near = CLOSE_TO * bars.grain
    resting = at_stop | (np.abs(left - numbers(rows, "target")) <= near)
    best, worst = excursions(
        host, direction, entry, exit_price, entry_bar + 1, exit_bar, entered, resting, near
    )
    in_units = unit.per_fraction(entry, risk) / entry
    return pd.DataFrame(
        {
            "trade_id": rows["trade_id"].to_numpy(),
            "entry_time": pd.to_datetime(rows["entry_time"], utc=True).to_numpy(),
            "exit_time": pd.to_datetime(rows["exit_time"], utc=True).to_numpy(),
            "direction": direction.astype(int),
            "entry_price": entry,
            "exit_price": exit_price,
            "stop": numbers(rows, "stop"),
            "target": numbers(rows, "target"),
            "risk": risk,
            "risk_from": np.where(own, OWN_STOP, ATR_STOP),
            "exit_reason": rows["exit_reason"].astype(str).to_numpy(),
            "entry_bar": entry_bar,
            "exit_bar": exit_bar,
            "bars_held": exit_bar - entry_bar,
            "at_stop": at_stop,
            "gross_r": gross / risk,
            "cost_r": (gross - net) / risk,
            "net_r": net / risk,
            "mfe_r": (best - commission) / risk,
            "mae_r": (worst - commission) / risk,
            unit.key("net"): net * in_units,
        }
    ).assign(
        entry_time=lambda t: pd.to_datetime(t["entry_time"], utc=True),
        exit_time=lambda t: pd.to_datetime(t["exit_time"], utc=True),
    )


def _at_entry(
    rows: pd.DataFrame,
    host: Bars,
    direction: np.ndarray,
    entry: np.ndarray,
    entry_bar: np.ndarray,
    at_open: bool,
) -> np.ndarray:
    """Exit-side prices [N] as each is entered; inside a bar: the entry less the spread of its open."""
    if not at_open:
        return host.exit_side(direction, entry_bar, CLOSE)
    opens = host.exit_side(direction, entry_bar + 1, OPEN)
    if "inside_bar" not in rows:
        return opens
    below = entry - direction * 2 * _half_spread(host, entry_bar + 1, OPEN)
    return np.where(rows["inside_bar"].to_numpy(bool), below, opens)


def _half_spread(host: Bars, bar: np.ndarray, column: int) -> np.ndarray:
    return 0.5 * (host.ask[bar, column] - host.bid[bar, column])


def _commission(
    params: EnvParams, direction: np.ndarray, exit_price: np.ndarray, entry: np.ndarray
) -> np.ndarray:
    """Commission of both sides as fractions of the entry, [N], as the environment charges it."""
    left, entered = ((direction * price).astype(np.float32) for price in (exit_price, entry))
    charged: Any = commission_fraction(params.costs, left, entered)  # type: ignore[arg-type]
    return np.broadcast_to(np.asarray(charged, float), direction.shape)


def _carried(
    params: EnvParams,
    market: Market,
    direction: np.ndarray,
    entry: np.ndarray,
    entry_bar: np.ndarray,
    exit_bar: np.ndarray,
    at_open: bool,
) -> np.ndarray:
    """Swap, funding and borrowing of the bars that each trade met, as fractions of the entry, [N].

    A rollover inside the bar of the exit is charged where it costs and not granted where it is a credit,
    since the exit may have come before it.
    """
    total = np.zeros(len(entry))
    for trade, bar in rows_of(entry_bar + 1, exit_bar):
        if not len(trade):
            continue
        side = direction[trade].astype(np.float32)
        entered = (direction * entry)[trade].astype(np.float32)
        both: Any = holding_fractions(params.costs, market, bar, side, entered)  # type: ignore[arg-type]
        crossed, inside = (np.broadcast_to(np.asarray(part, float), bar.shape) for part in both)
        if at_open:  # the position comes into being at the open, after what that open crosses
            crossed = np.where(bar == entry_bar[trade] + 1, 0.0, crossed)
        inside = np.where(bar == exit_bar[trade], np.maximum(inside, 0.0), inside)
        total += np.bincount(trade, crossed + inside, len(entry))
    return total


def _entries(rows: pd.DataFrame, trades: pd.DataFrame, enters_next_bar: bool) -> pd.DataFrame:
    """What the environment needs of the entries: the fills that the results are of."""
    filled = numbers(trades, "entry_price")
    if enters_next_bar:
        return rows.assign(given_fill=filled)
    return rows.assign(entry_price=filled)
