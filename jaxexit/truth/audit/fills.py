"""Fills: every one lies in its bar, and each trade is replayed by the reference simulator.

The reference simulator (`truth.reference`) shares nothing with the environment. It is given the file's bars,
the bar that opens at the trade's entry time, direction and first stop, the experiment's rules, and the
actions that the policy chose; entry, guards, orders, stops, costs and net result it works out for itself.
Prices are rounded to single precision first, so that an exact touch of a level is one for both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import jax
import numpy as np
import pandas as pd

from jaxexit.config import Experiment
from jaxexit.data.charges import Charges
from jaxexit.env import rule_set_name
from jaxexit.truth.audit.finding import Finding
from jaxexit.truth.audit.plain import plain_bars
from jaxexit.truth.audit.subject import Subject
from jaxexit.truth.reference.fills import entry_side
from jaxexit.truth.reference.records import (
    FLOAT32_MARGIN,
    LONG,
    Bar,
    Result,
    Rules,
    Trade,
)
from jaxexit.truth.reference.simulator import simulate
from jaxexit.units import Unit

CHECK = "fills"
MONEY = (
    5e-6  # fraction of the price: roundings of single precision over a long trade (0.05 pips at 1)
)
MOST_REPLAYED = 2_000  # trades that are replayed; of more, so many spread evenly
SHOWN = 3  # trades described, of those that differ

PRICED = ("slippage", "swap_long", "swap_short")  # charges in price units
_STOPS = ("STOP", "BREAKEVEN_STOP")
_ADVICE = "the backtest's fills are wrong: trust none of its numbers, and report this line"
_ENTRY_ADVICE = (
    "trades do not begin at the bar of their entry time: correct how entries are matched to bars"
)


def check(subject: Subject) -> list[Finding]:
    """Entries at their own bars, fills inside theirs, and trades replayed."""
    trades: list[dict[str, Any]] = subject.result.table.to_dict("records")  # type: ignore[assignment]
    return [
        _entries(subject, trades),
        _inside(subject, trades),
        *_derived(subject, trades),
    ]


# --- entries -------------------------------------------------------------------------------


def _entry_bars(subject: Subject) -> np.ndarray:
    """The entry bar of each trade, [N] int, looked up by its entry time; -1 where no bar opens then."""
    times = subject.bars.times
    entered = subject.result.table["entry_time"].to_numpy().astype("datetime64[ns]")
    bar = np.minimum(np.searchsorted(times, entered), len(times) - 1)
    bar = np.where(times[bar] == entered, bar, -1)
    # A trade that its file says was filled at this bar's open was decided at the close before it.
    return bar - 1 if subject.experiment.data.filled_at == "bar_open" else bar


def _entries(subject: Subject, trades: Sequence[dict[str, Any]]) -> Finding:
    by_time, played = _entry_bars(subject), subject.entry_bars
    wrong = np.flatnonzero(by_time != played)
    where = f"{len(trades):,} trades"
    if not len(wrong):
        return Finding(
            CHECK, "pass", "each trade begins at the bar of its entry time", where, "0 off"
        )
    off = np.unique(played[wrong] - by_time[wrong])
    size = f"{len(wrong):,} trades are {', '.join(f'{bars:+d}' for bars in off[:SHOWN])} bars off"
    where = _name(subject, trades[wrong[0]])
    return Finding(CHECK, "fail", "trades begin at the wrong bar", where, size, _ENTRY_ADVICE)


# --- inside their bars ---------------------------------------------------------------------


def _inside(subject: Subject, trades: Sequence[dict[str, Any]]) -> Finding:
    wrong = [
        (trade, words)
        for entry_bar, trade in zip(subject.entry_bars, trades, strict=True)
        if (words := _impossible(subject, int(entry_bar), trade)) is not None
    ]
    count = sum(len(trade["fills"]) for trade in trades)
    if not wrong:
        what = (
            "every fill is a price traded in its bar, and no stop fills better than the bar's open"
        )
        return Finding(CHECK, "pass", what, f"{count:,} fills", "0 impossible")
    trade, words = wrong[0]
    size = f"{len(wrong):,} of {len(trades):,} trades; the first: {words}"
    return Finding(CHECK, "fail", "impossible fills", _name(subject, trade), size, _ADVICE)


def _impossible(subject: Subject, entry_bar: int, trade: dict[str, Any]) -> str | None:
    """What is impossible about a trade's fills, if anything."""
    sign = 1 if trade["direction"] > 0 else -1
    side = subject.bars.bid if sign > 0 else subject.bars.ask
    charges = subject.dataset.charges
    size = sum(fill["size"] for fill in trade["fills"])
    if abs(size - 1.0) > MONEY:
        return f"{size:.4f} of the position was closed"
    for fill in trade["fills"]:
        opened, high, low, _ = side[fill["bar"]]
        price, reason = fill["price"], fill["reason"]
        # A long's fill is the market's price times 1 - fraction, less the slippage in price units.
        raw = (price + sign * charges.slippage) / (1.0 - sign * charges.slippage_fraction)
        raw = price if reason == "TARGET" else raw
        room = MONEY * price
        if not low - room <= raw <= high + room:
            return f"{reason} at {raw:.5f}, outside [{low:.5f}, {high:.5f}]"
        if reason in _STOPS and sign * (raw - opened) > room:
            return f"{reason} at {raw:.5f}, better than the open {opened:.5f}"
        if fill["bar"] < entry_bar:
            return f"{reason} before the entry bar"
    return None


# --- replayed -----------------------------------------------------------------------------


def _derived(subject: Subject, trades: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    chosen = np.linspace(0, len(trades) - 1, min(len(trades), MOST_REPLAYED)).astype(int)
    rules = plain_rules(subject.experiment, subject.dataset.charges)
    bars, entry_bars = plain_bars(subject), _entry_bars(subject)
    records = jax.tree.map(np.asarray, subject.records)
    different, undecided = [], 0
    for i in chosen:
        words, close_call = _difference(
            subject, records, int(i), trades[i], int(entry_bars[i]), bars, rules
        )
        if words is not None and close_call:
            undecided += 1
        elif words is not None:
            different.append((trades[i], words))
    where = f"{len(chosen):,} of {len(trades):,} trades"
    if not different:
        what = "trades replayed by the reference simulator agree, fill for fill"
        size = f"all within {MONEY / 1e-6:g} millionths of the price"
        if undecided:
            size = f"{undecided:,} decided by less than float32 precision; the rest agree"
        yield Finding(CHECK, "pass", what, where, size)
    for trade, words in different[:SHOWN]:
        size = f"{words} (one of {len(different):,} such trades of {len(chosen):,})"
        what = "the reference simulator disagrees with the backtest"
        yield Finding(CHECK, "fail", what, _name(subject, trade), size, _ADVICE)


def plain_rules(experiment: Experiment, charges: Charges) -> Rules:
    """The reference simulator's rules: each field from the key, or the charge, of the same name."""
    rules: dict[str, Any] = {"pip": 1.0}  # the charges are in price units
    names = {field.name for field in fields(Rules)}
    for section in (experiment.env, experiment.guards, experiment.reward):
        rules |= {name: value for name, value in section if name in names}
    rules |= {name: value for name, value in charges._asdict().items() if name in names}
    rules |= {f"{name}_pips": getattr(charges, name) for name in PRICED}
    if experiment.env.entry_fill == "given" and experiment.data.filled_at == "bar_open":
        rules["entry_fill"] = "given_next_open"
    return Rules(**rules, gamma=experiment.ppo.gamma)


def _difference(
    subject: Subject,
    records: Any,
    row: int,
    trade: dict[str, Any],
    entry_bar: int,
    bars: Sequence[Bar],
    rules: Rules,
) -> tuple[str | None, bool]:
    """The first thing in which a trade differs, if any; and whether single precision may decide so."""
    direction = int(trade["direction"])
    known = entry_side(bars[entry_bar], direction).close
    if rules.entry_fill == "given":
        known = _single(trade["entry_price"])
    elif abs(_single(trade["entry_price"]) - known) > MONEY * known:
        return f"entered at {trade['entry_price']:.5f}, its bar closed at {known:.5f}", False
    taken = int(records.taken[row].sum())
    plain = Trade(
        entry_bar,
        direction,
        known,
        _single(trade["stop"]),
        given_fill=_single(trade["given_fill"]) if "given_fill" in trade else None,
        inside_bar=bool(trade.get("inside_bar", False)),
    )
    try:
        result = simulate(bars, plain, rules, records.chosen[row][:taken].tolist())
    except ValueError as error:
        return str(error), False
    words = _disagrees(trade, result, subject.dataset.unit, plain)
    if words is None:
        fired = [
            set(rule_set_name(int(mask)).split("+")) - {""} for mask in records.fired[row][:taken]
        ]
        words = _steps_disagree(fired, records.stop[row][:taken], result)
    return words, result.closest_call <= FLOAT32_MARGIN


def _single(price: float) -> float:
    return float(np.float32(price))


def _steps_disagree(fired: list[set[str]], stops: np.ndarray, result: Result) -> str | None:
    """The first decision whose guards, or the stop that it left in force, differ."""
    for k, (rules, stop, step) in enumerate(zip(fired, stops, result.steps, strict=True)):
        if rules != step.blocked:
            here, expected = ("+".join(sorted(names)) or "none" for names in (rules, step.blocked))
            return f"at decision {k} blocked by {here}, by the reference: {expected}"
        if step.stop is not None and abs(stop - step.stop) > MONEY * step.stop:
            return f"after decision {k} stop at {stop:.5f}, reference {step.stop:.5f}"
    return None


def _disagrees(trade: dict[str, Any], result: Result, unit: Unit, plain: Trade) -> str | None:
    """The first difference between the backtest's row of a trade and the reference simulator's result."""
    entry = result.entry_price
    if abs(trade["entry_fill"] - entry) > MONEY * entry:
        return f"entry at {trade['entry_fill']:.5f}, reference {entry:.5f}"
    for played, fill in zip(trade["fills"], result.fills, strict=False):
        close = abs(played["price"] - fill.price) <= MONEY * entry
        same = (played["bar"], played["reason"]) == (fill.bar, fill.reason)
        if not (same and close and abs(played["size"] - fill.size) <= MONEY):
            here = f"{played['reason']} at {played['price']:.5f} in bar {played['bar']}"
            return f"{here}, reference {fill.reason} at {fill.price:.5f} in bar {fill.bar}"
    counts = {"fills": (len(trade["fills"]), len(result.fills))}
    counts["bars held"] = (trade["bars_held"], result.bars_held)
    for name, (here, expected) in counts.items():
        if here != expected:
            return f"{here} {name}, reference {expected}"
    money = {"net": (trade[unit.key("net")], result.net)}
    for kind in ("spread", "commission", "slippage", "swap"):
        money[kind] = (trade[unit.key(kind)], getattr(result.costs, kind))
    in_units = float(unit.per_fraction(entry, abs(plain.entry_price - plain.stop)))
    for name, (here, fraction) in money.items():
        if abs(here / in_units - fraction) > MONEY:
            return f"{name} {here:.3f} {unit.words}, reference {fraction * in_units:.3f}"
    return None


def _name(subject: Subject, trade: dict[str, Any]) -> str:
    """A trade, for people."""
    side = "long" if trade["direction"] == LONG else "short"
    return f"trade {trade['trade_id']}, {side}, {pd.Timestamp(trade['entry_time']):%Y-%m-%d %H:%M}"
