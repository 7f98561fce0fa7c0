"""What a bar file holds, for people and for programs: `python -m jaxexit.data inspect`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxexit.data.bars import Bars, PriceSide, complete_book, describe, find_gaps
from jaxexit.data.fingerprint import fingerprint_bars
from jaxexit.data.quotes import read_quotes
from jaxexit.data.sample import SAMPLE, load_named_bars

UNKNOWN_SIDE = "one side, not said which (set data.price_side), shown without a spread"


def inspect_bars(
    name: str,
    *,
    price_side: PriceSide,
    spread_pips: float | None,
    timezone: str,
    pip: float | None,
) -> Bars:
    """The bars that `data.bars: name` would give; one side that is not named is shown as it is."""
    if name == SAMPLE:
        return load_named_bars(name, price_side=price_side, spread_pips=spread_pips, pip=pip)
    quotes = read_quotes(Path(name), timezone)
    if price_side == "auto" and "unknown" in quotes.sides:
        bars = complete_book(replace(quotes, spread=None), spread_pips=0.0, pip=pip)
        return replace(bars, origin=UNKNOWN_SIDE)
    return complete_book(quotes, price_side=price_side, spread_pips=spread_pips, pip=pip)


def as_text(bars: Bars) -> str:
    """Two lines: the summary a run prints, and the file's columns."""
    return f"{describe(bars)}\ncolumns: {', '.join(map(str, bars.table.columns))}"


def as_record(bars: Bars) -> dict[str, Any]:
    """The same as plain values, for `--json`. Times in ISO (UTC), spreads in pips."""
    gaps, spread = find_gaps(bars.times), bars.spread_pips
    known = bars.origin != UNKNOWN_SIDE
    fingerprint = fingerprint_bars(bars.times, bars.bid, bars.ask)
    return {
        "file": bars.where,
        "rows": fingerprint["rows"],
        "start": fingerprint["start"],
        "end": fingerprint["end"],
        "sha256": fingerprint["sha256"] if known else None,
        "step_minutes": float(gaps.step / np.timedelta64(1, "m")),
        "origin": bars.origin,
        "pip": bars.pip,
        "spread_pips_median": float(np.median(spread)) if known else None,
        "spread_pips_p99": float(np.percentile(spread, 99)) if known else None,
        "gaps": gaps.others,
        "weekends": gaps.weekends,
        "longest_gap_hours": float(gaps.longest / np.timedelta64(1, "h")),
        "widened_bars": bars.widened,
        "columns": [str(column) for column in bars.table.columns],
    }
