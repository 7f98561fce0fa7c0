"""What a file holds, for people and for programs: `python -m jaxexit.data inspect`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxexit.data import quality
from jaxexit.data.bars import PriceSide, complete_book, describe, find_gaps, lengthen
from jaxexit.data.fingerprint import fingerprint_bars
from jaxexit.data.quality import Quality, assess
from jaxexit.data.quotes import Stamps, check_quotes, read_unchecked
from jaxexit.data.sample import SAMPLE, SAMPLE_SIDE, sample_path

UNKNOWN_SIDE = "one side, not said which (set data.price_side), shown without a spread"


def inspect_bars(
    name: str,
    *,
    price_side: PriceSide,
    spread_pips: float | None,
    timezone: str,
    pip: float | None,
    source_offset: str | None = None,
    timeframe: str | None = None,
    stamps: Stamps = "auto",
    names: Mapping[str, str] | None = None,
) -> Quality:
    """The quality of what `data.bars: name` names, and the bars that a run would get of it.

    One side that is not named is shown as it is; where a run would refuse the file, there are no bars.
    """
    if name == SAMPLE:
        path, price_side = sample_path(), SAMPLE_SIDE if price_side == "auto" else price_side
        timezone, stamps, names = "UTC", "auto", None
    else:
        path = Path(name)
    quotes = read_unchecked(path, timezone, source_offset, stamps=stamps, names=names)
    found = assess(quotes, pip)
    if found.faults:
        return found
    quotes = check_quotes(quotes)
    if price_side == "auto" and "unknown" in quotes.sides and quotes.usual_side is None:
        bars = complete_book(replace(quotes, spread=None), spread_pips=0.0, pip=pip)
        bars = replace(bars, origin=UNKNOWN_SIDE)
    else:
        bars = complete_book(quotes, price_side=price_side, spread_pips=spread_pips, pip=pip)
    return replace(found, bars=replace(lengthen(bars, timeframe), where=name))


def as_text(found: Quality) -> str:
    """The summary a run prints, the quality report, and the file's columns."""
    head = [] if found.bars is None else [describe(found.bars)]
    columns = f"columns: {', '.join(map(str, found.quotes.table.columns))}"
    return "\n".join([*head, *quality.as_lines(found), columns])


def as_record(found: Quality) -> dict[str, Any]:
    """The same as plain values, for `--json`. Times in ISO (UTC), spreads in pips."""
    return {**_bars_record(found), "quality": quality.as_record(found)}


def _bars_record(found: Quality) -> dict[str, Any]:
    bars = found.bars
    if bars is None:
        return {"file": found.quotes.where, "rows": len(found.quotes.times), "origin": "refused"}
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
