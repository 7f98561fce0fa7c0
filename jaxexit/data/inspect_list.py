"""What a list of trades says, before anything is trained on it: `python -m jaxexit.data inspect --trades`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxexit.data.bars import Bars, duration, find_gaps
from jaxexit.data.entries import (
    check_not_by_result,
    exit_side_closes,
    file_candidates,
    tradable,
)
from jaxexit.data.features import feature_columns
from jaxexit.data.list_checks import SYMBOLS
from jaxexit.data.matching import Align, FilledAt, bar_of
from jaxexit.data.tables import plain
from jaxexit.data.trades import Reading, load_trades
from jaxexit.data.types import CLOSE, OPEN
from jaxexit.names import one_line

NEAR = 0.05  # of a bar's range: a price so near to its open or close is that
STOP_ATR, WARMUP = 1.1, 300


def inspect_list(
    path: Path,
    bars: Bars | None,
    reading: Reading,
    *,
    filled_at: FilledAt = "bar_close",
    align: Align = "exact",
    stop_atr: float = STOP_ATR,
    warmup: int = WARMUP,
) -> dict[str, Any]:
    """The list as plain values, for `--json`.

    Args:
        path: of the list.
        bars: that it was traded on; None: what only they can tell is left out.
        reading: how it is read.
        filled_at: as `data.filled_at`.
        align: as `data.align`.
        stop_atr: as `env.initial_stop_atr`.
        warmup: as `data.warmup`.

    Raises:
        DataError: it cannot be read, is not what it says, or what is left out was chosen by its result.
    """
    trades = load_trades(path, reading)
    rows, remarks, where, source = trades
    side = rows["direction"].to_numpy()
    symbols = next((n for n in source.table.columns if plain(n) in SYMBOLS), None)
    facts: dict[str, Any] = {
        "file": where,
        "format": source.family,
        "clock": f"{source.clock.zone if reading.timezone == 'auto' else reading.timezone}",
        "symbols": [] if symbols is None else sorted(set(map(str, source.table[symbols].dropna()))),
        "rows": len(source.table),
        "trades": int((side != 0).sum()),
        "long": int((side > 0).sum()),
        "short": int((side < 0).sum()),
        "first_entry": _time(rows["entry_time"].min()),
        "last_entry": _time(rows["entry_time"].max()),
        "with_exit": int(np.sum(rows["exit_time"].notna().to_numpy())),
        "with_price": int(np.sum(rows["entry_price"].notna().to_numpy())),
        "hours_held": _spread((rows["exit_time"] - rows["entry_time"]) / pd.Timedelta(hours=1)),
        "remarks": list(remarks),
    }
    atr = None if bars is None else feature_columns((), bars)[1]
    for name in ("stop", "target"):
        facts[name] = _distances(rows, name, bars, atr, align)
    if bars is None or atr is None:
        return facts
    facts["pip"], facts["unit"], facts["fills"] = bars.pip, bars.unit.name, _fills(rows, bars)
    candidates, counts, said = file_candidates(
        trades, bars, atr, given=False, stop_atr=stop_atr, filled_at=filled_at, align=align
    )
    sound, unsound = tradable(candidates, warmup, exit_side_closes(bars, candidates))
    check_not_by_result(rows, sound, counts | unsound, where)
    facts["used"] = len(sound)
    facts["left_out"] = {reason: n for reason, n in (counts | unsound).items() if n}
    facts["remarks"] += [remark for remark in said if remark not in remarks]
    return facts


def _time(moment: Any) -> str | None:
    return None if pd.isna(moment) else f"{pd.Timestamp(moment):%Y-%m-%dT%H:%M:%SZ}"


def _spread(values: Any) -> dict[str, float] | None:
    numbers = np.asarray(values, float)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return None
    return {"median": float(np.median(numbers)), "largest": float(numbers.max())}


def _distances(
    rows: pd.DataFrame, name: str, bars: Bars | None, atr: np.ndarray | None, align: Align
) -> dict[str, Any]:
    """How many trades have one, and how far it lies from the entry: percent, the unit of price, ATR."""
    price, level = rows["entry_price"].to_numpy(float), rows[name].to_numpy(float)
    away = np.abs(price - level)
    facts: dict[str, Any] = {
        "trades": int(np.isfinite(level).sum()),
        "percent": _spread(100.0 * away / price),
    }
    if bars is not None and atr is not None:
        bar = bar_of(bars.times, rows["entry_time"].to_numpy().astype("datetime64[ns]"), align)
        if bars.unit.base == "price":
            facts[bars.unit.name] = _spread(away / bars.unit.size)
        facts["atr"] = _spread(np.where(bar >= 0, away / atr[np.maximum(bar, 0)], np.nan))
    return facts


def _fills(rows: pd.DataFrame, bars: Bars) -> dict[str, int]:
    """Where in the bar of its entry time each price lies, whichever way entries are aligned."""
    moments = rows["entry_time"].to_numpy().astype("datetime64[ns]")
    exact, inside = (bar_of(bars.times, moments, how) for how in ("exact", "enclosing"))
    price, bar = rows["entry_price"].to_numpy(float), np.maximum(inside, 0)
    low, high = bars.bid[bar, 2], bars.ask[bar, 1]
    room = NEAR * np.maximum(high - low, bars.grain)
    known = (inside >= 0) & np.isfinite(price)

    def near(column: int) -> np.ndarray:
        return (
            known
            & (price >= bars.bid[bar, column] - room)
            & (price <= bars.ask[bar, column] + room)
        )

    at_open, at_close = near(OPEN), near(CLOSE)
    between = known & ~at_open & ~at_close & (price >= low - room) & (price <= high + room)
    return {
        "on_bar_opens": int((exact >= 0).sum()),
        "inside_bars": int(((exact < 0) & (inside >= 0)).sum()),
        "at_open": int(at_open.sum()),
        "at_close": int((at_close & ~at_open).sum()),
        "inside": int(between.sum()),
        "outside": int((known & ~at_open & ~at_close & ~between).sum()),
    }


DISTANCES = (
    ("percent", "%"),
    *((name, name) for name in ("pips", "ticks", "points")),
    ("atr", "ATR"),
)


def as_text(facts: dict[str, Any], bars: Bars | None) -> str:
    """The same for people."""
    symbols = f" of {', '.join(facts['symbols'])}" if facts["symbols"] else ""
    lines = [
        f"list {facts['file']}: {facts['format']}{symbols}, clock: {facts['clock']}; {facts['rows']:,} rows, "
        f"{facts['trades']:,} trades: {facts['long']:,} long, {facts['short']:,} short; "
        f"{facts['first_entry']} to {facts['last_entry']}"
    ]
    held = facts["hours_held"]
    if held is not None:
        lines.append(
            f"exits: {facts['with_exit']:,}; held {held['median']:,.1f} h (median), at most "
            f"{held['largest']:,.1f} h"
        )
    lines += [_said(name, facts[name], facts["trades"]) for name in ("stop", "target")]
    if bars is not None:
        step = duration(find_gaps(bars.times).step)
        fills = facts["fills"]
        lines.append(
            f"entry times on bars of {step}: {fills['on_bar_opens']:,} at their opens, "
            f"{fills['inside_bars']:,} inside them"
        )
        lines.append(
            f"entry prices: {fills['at_open']:,} the bar's open, {fills['at_close']:,} its close, "
            f"{fills['inside']:,} inside it, {fills['outside']:,} outside"
        )
        left = "; ".join(f"{n:,} {reason}" for reason, n in facts["left_out"].items()) or "none"
        lines.append(f"used: {facts['used']:,}; left out: {left}")
    lines += [f"note: {remark}" for remark in facts["remarks"]]
    return "\n".join(map(one_line, lines))


def _said(name: str, facts: dict[str, Any], trades: int) -> str:
    if not facts["trades"]:
        return f"{name}s: none"
    parts = [
        f"{facts[unit]['median']:.3g} {words} (median), {facts[unit]['largest']:.3g} at most"
        for unit, words in DISTANCES
        if facts.get(unit) is not None
    ]
    return f"{name}s: {facts['trades']:,} of {trades:,}; {'; '.join(parts)}"
