"""How much of the list can be used, with which stops, held for how long, and how it is split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxexit.data.bars import Bars
from jaxexit.data.entries import BEFORE_WARMUP, MOST_UNUSED, OF_THE_LIST, OUTSIDE
from jaxexit.data.inspect_list import DISTANCES, inspect_list
from jaxexit.data.trades import reading_of
from jaxexit.errors import DataError
from jaxexit.init.draft import Draft
from jaxexit.init.listed import Listed
from jaxexit.init.questions import Question

FEWEST_TRADES = 20  # fewer cannot be trained, validated and tested on
_HORIZONS = (50, 100, 200, 300, 500, 1000, 2000)
USUAL_HORIZON = 200
_LONGER = 4.0  # the horizon, in what 95% of the list's own trades were held
_VALIDATION, _TEST = 0.70, 0.85  # of the trades, in the order of their entries
_DAYS = 14  # a part of the split so long begins at midnight


def settle(draft: Draft, listed: Listed, bars: Bars) -> dict[str, Any]:
    """Say what of the list can be used, with which stops, for how long, and how it is split.

    Args:
        draft: all but that is settled.
        listed: the list.
        bars: both sides of the book.

    Returns:
        The list as `inspect_list` has it.

    Raises:
        DataError: too little of it can be used, or what cannot was chosen by its result.
    """
    data = draft.experiment().data
    facts = inspect_list(
        Path(draft.trades),
        bars,
        reading_of(data),
        filled_at=data.filled_at,
        align=data.align,
        warmup=data.warmup,
    )
    _usable(draft, facts)
    _stops(draft, facts)
    _horizon(draft, listed, bars)
    _split(draft, listed, bars)
    return facts


def _usable(draft: Draft, facts: dict[str, Any]) -> None:
    left, rows = facts["left_out"], facts["used"] + sum(facts["left_out"].values())
    used = f"{facts['used']:,} of {rows:,}"
    out = "; ".join(f"{n:,} {reason}" for reason, n in left.items())
    unused = sum(left.get(reason, 0) for reason in OF_THE_LIST)
    if facts["used"] < FEWEST_TRADES:
        why = f" (left out: {out})" if out else ""
        raise DataError(
            f"{draft.trades}: {used} trades can be used{why}, at least {FEWEST_TRADES} are needed to train, "
            "validate and test: bring a longer list, or bars of its time"
        )
    draft.tell("usable", used + (f"; left out: {out}" if out else ""))
    if left.get(BEFORE_WARMUP):
        warmup = draft.experiment().data.warmup
        draft.notes.append(
            f"{left[BEFORE_WARMUP]:,} trades lie in the first {warmup} bars, which indicators need: bars "
            "from further back would save them"
        )
    if unused > MOST_UNUSED * rows:
        where = " (most lie outside the bars)" if left.get(OUTSIDE, 0) > unused / 2 else ""
        question = Question(
            "data.allow_partial",
            f"{unused:,} of {rows:,} trades cannot be used{where}. Go on without them (true, false)?",
            True,
            f"{unused:,} of {rows:,} trades cannot be used: {out}",
        )
        if not draft.asked(question, "go on"):
            raise DataError(f"{draft.trades}: {unused:,} of {rows:,} trades cannot be used ({out})")


def _stops(draft: Draft, facts: dict[str, Any]) -> None:
    for name in ("stop", "target"):
        known = facts[name]
        parts = [
            f"{known[unit]['median']:.3g}{' ' * (words != '%')}{words}"
            for unit, words in DISTANCES
            if known.get(unit) is not None
        ]
        if known["trades"]:
            words = f"{known['trades']:,} of {facts['trades']:,} have their own, {', '.join(parts)} (median)"
            draft.tell(f"{name}s", words)
        elif name == "target":
            draft.tell("targets", "none")
    if facts["stop"]["trades"] < facts["trades"]:
        few = "some trades have no stop" if facts["stop"]["trades"] else "the list has no stops"
        distance = draft.experiment().env.initial_stop_atr
        draft.set(
            "env.initial_stop_atr",
            distance,
            "first stop",
            f"{distance:g} ATR from the entry: {few}",
            "assumed",
        )


def _horizon(draft: Draft, listed: Listed, bars: Bars) -> None:
    """How long a trade may be held: longer than the list's own were."""
    rows = listed.trades.rows.loc[listed.trades.rows["direction"] != 0]
    entered, left = (
        rows[name].to_numpy().astype("datetime64[ns]") for name in ("entry_time", "exit_time")
    )
    known = ~np.isnat(left) & ~np.isnat(entered)
    if known.sum() < FEWEST_TRADES:
        draft.set(
            "env.max_bars",
            USUAL_HORIZON,
            "horizon",
            "bars at most; the list does not say how long trades were held",
            "assumed",
        )
        return
    held = np.searchsorted(bars.times, left[known], "right") - np.searchsorted(
        bars.times, entered[known], "right"
    )
    middle, most = (float(np.percentile(held, share)) for share in (50, 95))
    horizon = next((h for h in _HORIZONS if h >= _LONGER * most), _HORIZONS[-1])
    draft.set(
        "env.max_bars",
        horizon,
        "horizon",
        f"bars at most; the list's own trades were held for {middle:,.0f} (median), 95% for up to "
        f"{most:,.0f}",
    )


def _split(draft: Draft, listed: Listed, bars: Bars) -> None:
    """Validation and test by date, so that they do not move when the files grow."""
    moments = listed.entries.moments
    first = bars.times[min(draft.experiment().data.warmup, len(bars.times) - 1)]
    inside = np.sort(moments[(moments >= first) & (moments <= bars.times[-1])])
    ends = [inside[int(share * len(inside))] for share in (_VALIDATION, _TEST)]
    for key, end, share in zip(
        ("validation_start", "test_start"), ends, (_VALIDATION, _TEST), strict=True
    ):
        name = key.removesuffix("_start")
        draft.set(
            f"data.split.{key}",
            _date(end, inside[-1] - ends[0]),
            name,
            f"{share:.0%} of the trades are entered before it",
            "assumed",
        )


def _date(moment: np.datetime64, rest: np.timedelta64) -> str:
    long = rest > 2 * _DAYS * np.timedelta64(1, "D")
    return f"{pd.Timestamp(moment):%Y-%m-%d}" if long else f"{pd.Timestamp(moment):%Y-%m-%dT%H:%M}"
