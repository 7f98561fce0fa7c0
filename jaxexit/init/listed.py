"""What the list of trades says, alone and with the bars: its clock, where it was filled, its stops."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from jaxexit.config import Experiment
from jaxexit.data.bars import Bars, minute
from jaxexit.data.matching import bar_of
from jaxexit.data.tables import as_numbers, plain
from jaxexit.data.trades import TradeList, load_trades, reading_of
from jaxexit.errors import DataError
from jaxexit.init.draft import Draft
from jaxexit.init.fit import INSIDE, Entries, clock_of, end_of, entries_of, share_inside
from jaxexit.init.market import Looked
from jaxexit.init.questions import Question

_AT_OPENS = ("backtesting.py", "freqtrade", "vectorbt")
_MONEY = ("commission", "commissions", "fees", "fee", "swap")


class Listed(NamedTuple):
    """The list as a run reads it."""

    trades: TradeList
    entries: Entries


def read(draft: Draft, looked: Looked) -> Listed:
    """Read the list, and settle its stops, its clock and where it was filled.

    Raises:
        DataError: it cannot be read.
    """
    trades = _with_sound_stops(draft)
    draft.tell("trades", _count_words(trades))
    listed = _clock(draft, looked, trades)
    _filled_at(draft, looked, listed)
    _fees(draft, listed.trades)
    return listed


def _load(experiment: Experiment) -> TradeList:
    return load_trades(Path(experiment.data.trades or ""), reading_of(experiment.data))


def _count_words(trades: TradeList) -> str:
    side = trades.rows["direction"].to_numpy()
    entered = trades.rows["entry_time"].to_numpy().astype("datetime64[ns]")
    first, last = entered.min(), entered.max()
    return (
        f"{trades.source.family}: {int((side != 0).sum()):,}, {int((side > 0).sum()):,} long, "
        f"{int((side < 0).sum()):,} short, {minute(first)} to {minute(last)} UTC"
    )


def _with_sound_stops(draft: Draft) -> TradeList:
    """The list, with its stops if they are those of the entries."""
    try:
        trades = _load(draft.experiment())
    except DataError as refused:
        if draft.says("data.stops"):
            raise
        try:
            trades = _load(draft.experiment(data__stops="ignore"))
        except DataError:
            raise refused from None
        why = str(refused).removeprefix(f"{draft.trades}: ").split(";")[0].split(": write")[0]
        draft.set("data.stops", "ignore", "stops", f"not used: {why}")
        return trades
    moved = next((words for words in trades.remarks if "last stop" in words), None)
    if moved is not None and np.isfinite(trades.rows["stop"].to_numpy(float)).any():
        question = Question(
            "data.stops",
            "Such a report holds each trade's last stop. Are these the stops of the entries (file), or were "
            "some moved later (ignore)?",
            "ignore",
            "such a report holds last stops, and one that was moved knows how its trade went on",
        )
        if draft.asked(question, "stops") == "ignore":
            trades = _load(draft.experiment())
    return trades


def _clock(draft: Draft, looked: Looked, trades: TradeList) -> Listed:
    """On which clock the list's stamps are, by where its prices lie in the bars."""
    label, key = "clock of the list", "data.trades_timezone"
    entries = entries_of(trades.rows)
    if draft.says(key):
        draft.set(key, None, label, "")
        return Listed(trades, entries)
    naive = entries_of(_load(draft.experiment(data__trades_timezone="UTC")).rows)
    shifted = entries_of(_load(draft.experiment(data__trades_timezone="UTC+1")).rows)
    fixed = np.array_equal(naive.moments, shifted.moments)
    share = share_inside(entries, looked.bars)
    agree = f"; {share:.1%} of the entry prices lie in the bars of their times"
    if fixed:
        draft.tell(label, "as the stamps are labelled" + (agree if share >= INSIDE else ""))
        return Listed(trades, entries)
    if share >= INSIDE:
        draft.set(key, None, label, f"that of the bars{agree}")
        return Listed(trades, entries)
    better = clock_of(naive, looked.bars, 0.0 if np.isnan(share) else share)
    if better is not None:
        before = "" if np.isnan(share) else f", on the bars' own {share:.0%}"
        as_well = next((name for name in better.as_well if not name.startswith("UTC")), None)
        alike = f"; {as_well} fits these months as well" if as_well else ""
        draft.set(
            key,
            better.clock,
            label,
            f"on it {better.share:.0%} of the entry prices lie in the bars of their times{before}{alike}",
        )
        again = _load(draft.experiment())
        return Listed(again, entries_of(again.rows))
    if np.isnan(share):
        question = Question(
            key,
            "On which clock are the list's stamps (null: that of the bars; UTC, Europe/Athens, UTC+3)?",
            None,
            "that of the bars: the stamps carry no offset, and there are no entry prices to tell",
        )
        if draft.asked(question, label) is not None:
            again = _load(draft.experiment())
            return Listed(again, entries_of(again.rows))
    return Listed(trades, entries)


def _filled_at(draft: Draft, looked: Looked, listed: Listed) -> None:
    """Whether times are opens of bars, and at which end of the bar trades were filled."""
    bars, entries = looked.bars, listed.entries
    facts = _times_on_bars(entries, bars)
    priced = bool(np.isfinite(entries.price).any())
    if facts["inside"] > facts["exact"] and not draft.says("data.align"):
        many = f"{facts['inside']:,} of {len(entries.moments):,} entry times lie inside bars"
        draft.set("data.align", "enclosing", "entry times", many)
        draft.set(
            "data.filled_at",
            "bar_open",
            "filled",
            "inside the bar of the entry time, all of whose range counts as after the fill for the stop",
        )
        fill = (
            ("given", "at the list's own price") if priced else ("next_open", "no price is known")
        )
        draft.set("env.entry_fill", fill[0], "entry", fill[1])
        return
    draft.set("data.align", "exact", "entry times", f"{facts['exact']:,} are opens of bars")
    end = None if draft.says("data.filled_at") else end_of(entries, bars)
    if end is not None:
        words = "the close" if end.filled_at == "bar_close" else "the open"
        away = end.scatter[end.filled_at == "bar_close"]
        unit = "pips" if bars.pip is not None else "bp"
        draft.set(
            "data.filled_at",
            end.filled_at,
            "filled",
            f"{end.told_by:,} entry prices are {words} of the bar of their time, within {away:.2g} {unit} "
            "(median)",
        )
        return
    opens = listed.trades.source.family.startswith(_AT_OPENS)
    question = Question(
        "data.filled_at",
        "Was a trade filled at the open of the bar of its entry time, or at its close (bar_open, bar_close)?",
        "bar_open" if opens else "bar_close",
        f"as {listed.trades.source.family} fills"
        if opens
        else "the entry time as the bar of the signal; no prices of the list tell",
    )
    draft.asked(question, "filled")


def _times_on_bars(entries: Entries, bars: Bars) -> dict[str, int]:
    exact, inside = (
        bar_of(bars.times, entries.moments, how) >= 0 for how in ("exact", "enclosing")
    )
    if not inside.any():
        raise DataError(
            f"every trade lies outside the bars: trades from {minute(entries.moments.min())} to "
            f"{minute(entries.moments.max())}, bars from {minute(bars.times[0])} to "
            f"{minute(bars.times[-1])} UTC; bring bars of that time, or check data.timezone"
        )
    return {"exact": int(exact.sum()), "inside": int((inside & ~exact).sum())}


def _fees(draft: Draft, trades: TradeList) -> None:
    """What the list says of commissions: fractions are taken; money only where it is known of what."""
    rows = trades.rows
    known = {plain(name): name for name in rows.columns}

    def numbers(name: str) -> np.ndarray:
        return np.abs(as_numbers(pd.Series(rows[known[name]])))

    fraction, how = None, ""
    if "feeopen" in known:
        fraction, how = numbers("feeopen"), f"'{known['feeopen']}' of the list, a side"
    elif trades.source.family.startswith("backtesting.py") and {"commission", "size"} <= set(known):
        traded = numbers("size") * (rows["entry_price"] + rows["exit_price"]).to_numpy(float)
        fraction = numbers("commission") / traded
        how = f"'{known['commission']}' of the list over what was bought and sold, a side"
    if fraction is not None and np.isfinite(fraction).any():
        usual = float(f"{np.nanmedian(fraction):.3g}")
        draft.set("costs.commission", usual, "commission", how)
        return
    money = [name for name in known if name in _MONEY and np.nansum(numbers(name))]
    for name in money:
        draft.notes.append(
            f"the list has '{known[name]}' in money, which is not read: say costs.commission_per_lot and "
            "costs.point_value, or costs.swap_long and swap_short"
        )
