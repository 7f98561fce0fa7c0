"""What a file holds, for people and for programs: `python -m jaxexit.data inspect`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from jaxexit.data import quality
from jaxexit.data.bar_files import AS_SAID, BarReading, read_unchecked
from jaxexit.data.bars import Book, describe, find_gaps, lengthen
from jaxexit.data.book import complete_book
from jaxexit.data.fingerprint import fingerprint_bars
from jaxexit.data.quality import Quality, assess
from jaxexit.data.quotes import check_quotes
from jaxexit.data.sample import SAMPLE, SAMPLE_READING, SAMPLE_SIDE, sample_path
from jaxexit.names import one_line
from jaxexit.units import key

UNKNOWN_SPREAD = "no spread, and a run asks for one (set costs.spread, e.g. '2 bps'), shown without"
UNKNOWN_SIDE = "one side, not said which (set data.price_side), shown without a spread"


def inspect_bars(
    name: str,
    reading: BarReading = AS_SAID,
    *,
    timeframe: str | None = None,
    **book: Unpack[Book],
) -> Quality:
    """The quality of what `data.bars: name` names, and the bars that a run would get of it.

    One side that is not named, and a market whose spread nobody has said, are shown as they are; where a run
    would refuse the file, there are no bars.
    """
    side = book.get("price_side", "auto")
    path = Path(name)
    if name == SAMPLE:
        path, reading = sample_path(), SAMPLE_READING
        side = SAMPLE_SIDE if side == "auto" else side
    book = {**book, "price_side": side}
    quotes = read_unchecked(path, reading)
    assessed = assess(quotes, book)
    if assessed.faults:
        return assessed
    quotes = check_quotes(quotes)
    unsaid = book.get("spread") is None and book.get("spread_pips") is None
    if side == "auto" and "unknown" in quotes.sides and quotes.usual_side is None:
        free: Book = {**book, "spread": 0.0, "spread_pips": None}
        bars = replace(complete_book(replace(quotes, spread=None), **free), origin=UNKNOWN_SIDE)
    elif (
        len(quotes.sides) == 1 and quotes.spread is None and unsaid and assessed.unit.name != "pips"
    ):
        bars = replace(complete_book(quotes, **{**book, "spread": 0.0}), origin=UNKNOWN_SPREAD)
    else:
        bars = complete_book(quotes, **book)
    return replace(assessed, bars=replace(lengthen(bars, timeframe), where=name))


def as_text(assessed: Quality) -> str:
    """The summary a run prints, the quality report, and the file's columns."""
    # Remarks and implausible facts have their own lines below.
    head = [] if assessed.bars is None else [describe(replace(assessed.bars, remarks=()))]
    columns = one_line(f"columns: {', '.join(map(str, assessed.quotes.table.columns))}")
    return "\n".join([*head, *quality.as_lines(assessed), columns])


def as_record(found: Quality) -> dict[str, Any]:
    """The same as plain values, for `--json`. Times in ISO (UTC), spreads in the unit that keys name."""
    return {**_bars_record(found), "quality": quality.as_record(found)}


def _bars_record(assessed: Quality) -> dict[str, Any]:
    bars = assessed.bars
    if bars is None:
        return {
            "file": assessed.quotes.where,
            "rows": len(assessed.quotes.times),
            "origin": "refused",
        }
    gaps, spread = find_gaps(bars.times), bars.spread
    known = bars.origin not in (UNKNOWN_SIDE, UNKNOWN_SPREAD)
    costs = bars.unit.of_costs.name
    fingerprint = fingerprint_bars(bars.times, bars.bid, bars.ask)
    return {
        "file": bars.where,
        "rows": fingerprint["rows"],
        "start": fingerprint["start"],
        "end": fingerprint["end"],
        "sha256": fingerprint["sha256"] if known else None,
        "step_minutes": float(gaps.step / np.timedelta64(1, "m")),
        "origin": bars.origin,
        "market": {
            "kind": bars.market.kind,
            "symbol": bars.market.symbol or None,
            "known_by": bars.market.known_by,
        },
        "unit": bars.unit.name,
        "unit_size": bars.unit.size,
        "calendar": {"name": bars.calendar.name, "days_a_year": bars.calendar.days_a_year},
        "pip": bars.pip,
        key(costs, "spread", "median"): float(np.median(spread)) if known else None,
        key(costs, "spread", "p99"): float(np.percentile(spread, 99)) if known else None,
        "gaps": gaps.others,
        "weekends": gaps.weekends,
        "longest_gap_hours": float(gaps.longest / np.timedelta64(1, "h")),
        "widened_bars": bars.widened,
        "columns": [str(column) for column in bars.table.columns],
    }
