"""Look-ahead: with all bars after a cut replaced, nothing up to the cut may change by a single bit.

The data are read and made anew by the product's own pipeline; features, entries, observations, actions and
fills up to the cut are then compared with the original's. That covers whatever computes from the bars,
a user's feature function included. A column that the user has computed beforehand is data, and cannot be
found out this way: see `foresight`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from jaxexit.data import Dataset
from jaxexit.data.bars import minute
from jaxexit.env import observation_names
from jaxexit.errors import DataError
from jaxexit.truth.audit.altered import with_another_future
from jaxexit.truth.audit.finding import Finding
from jaxexit.truth.audit.subject import Subject
from jaxexit.truth.audit.trace import Trace, trace

CHECK = "look-ahead"
CUTS = 4
LANES = 256  # trades whose decisions are compared at a cut: those that were open there
KNOWN_AT_ENTRY = ("entry_bar", "direction", "entry_price", "stop", "target")
# What a step has done once its bar has passed. The reward is not among it: regret is hindsight's.
DONE = (
    "action", "blocked", "fired", "profit", "stop", "order_fill", "bar_fill", "ambiguous", "net",
    "costs", "bars_held", "mfe", "mae",
)  # fmt: skip

_FEATURE_ADVICE = "it reads later bars: compute it from bars up to its own, then train again"
_ENTRY_ADVICE = "entries use the future: enter on what is known at the entry bar's close"
_RUN_ADVICE = "the simulation or an observation reads later bars: none of its results is real"


def check(subject: Subject) -> list[Finding]:
    """All leaks found at `CUTS` random cuts: half of them at decisions, half at entries."""
    cuts = _cuts(subject)
    leaks: dict[tuple[str, str], list[tuple[int, int]]] = {}  # (what, advice): [(cut, bars before)]
    for number, cut in enumerate(cuts):
        try:
            other = with_another_future(subject, cut, subject.rng(100 + number))
        except DataError as error:
            where = f"bars after {minute(subject.bars.times[cut])} replaced"
            advice = "audit another --split or --seed; a pipeline that depends on later bars does this too"
            return [
                Finding(CHECK, "warning", "the data cannot be rebuilt", where, str(error), advice)
            ]
        for what, advice, before in _leaks(subject, other, cut):
            leaks.setdefault((what, advice), []).append((cut, before))
    if not leaks:
        what = "features, entries, observations, actions and fills do not depend on later bars"
        where = f"{len(cuts)} cuts, {minute(subject.bars.times[min(cuts)])} to "
        where += minute(subject.bars.times[max(cuts)])
        return [Finding(CHECK, "pass", what, where, "bit-identical")]
    return [
        Finding(
            CHECK,
            "fail",
            what,
            f"at {len(places)} of {len(cuts)} cuts, first {minute(subject.bars.times[places[0][0]])}",
            f"differs from {max(before for _, before in places):,} bars before the cut on",
            advice,
        )
        for (what, advice), places in leaks.items()
    ]


def _cuts(subject: Subject) -> list[int]:
    rng = subject.rng(1)
    entries, taken = subject.entry_bars, np.argwhere(subject.records.taken)
    trade, k = taken[rng.integers(len(taken), size=CUTS // 2)].T
    at_entry = rng.choice(entries, CUTS - CUTS // 2)
    return sorted({int(bar) for bar in (*(entries[trade] + k), *at_entry)})


def _leaks(subject: Subject, other: Dataset, cut: int) -> Iterator[tuple[str, str, int]]:
    """(what changed, advice, how many bars before the cut) at one cut."""
    mine = subject.dataset
    for name, original, changed in _columns(mine, other):
        rows = np.flatnonzero(_differs(original[: cut + 1], changed[: cut + 1], axes=1))
        if len(rows):
            yield name, _FEATURE_ADVICE, cut - int(rows[0])
    known = _known_entries(subject, mine, cut)
    if not np.array_equal(known, _known_entries(subject, other, cut), equal_nan=True):
        yield f"trades of the {subject.split} split", _ENTRY_ADVICE, 0
        return
    last = np.flatnonzero(subject.entry_bars <= cut)[: len(known)]
    rows = np.resize(
        last[-LANES:], LANES
    )  # repeated where there are fewer: one shape, one compilation
    first, second = trace(subject, mine, rows), trace(subject, other, rows)
    bar = subject.entry_bars[rows][:, None] + np.arange(first.taken.shape[1])
    for what, rows_differ in _decisions(subject, first, second, bar, cut):
        if rows_differ.any():
            yield what, _RUN_ADVICE, cut - int(bar[rows_differ].min())


def _columns(mine: Dataset, other: Dataset) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Everything that a bar has: name, and its values [T, ...] here and there."""
    for name, words in (("bid", "bid prices"), ("ask", "ask prices"), ("atr", "ATR")):
        yield words, np.asarray(getattr(mine.market, name)), np.asarray(getattr(other.market, name))
    here, there = np.asarray(mine.market.features), np.asarray(other.market.features)
    for index in range(here.shape[1]):
        names = [feature.name for feature in mine.features if feature.column_index == index]
        yield f"feature {', '.join(names)}", here[:, index], there[:, index]


def _known_entries(subject: Subject, dataset: Dataset, cut: int) -> np.ndarray:
    """Entries known at the close of bar `cut`, [n, fields].

    A file's fill at the open after the entry may put a trade out of the data (its stop lies beyond it): such
    an entry is known one bar later.
    """
    trades = dataset.splits[subject.split]
    fields = np.stack([np.asarray(getattr(trades, name), float) for name in KNOWN_AT_ENTRY], axis=1)
    late = subject.backtest.spec.entry_fill == "given_next_open"
    return fields[fields[:, 0] <= cut - late]


def _decisions(
    subject: Subject, first: Trace, second: Trace, bar: np.ndarray, cut: int
) -> Iterator[tuple[str, np.ndarray]]:
    """(what, where it differs [N, H]) among decisions taken, and steps done, up to the cut."""
    known = (first.taken | second.taken) & (bar <= cut)
    names = observation_names(subject.backtest.spec)
    seen = _differs(first.observation, second.observation, axes=3)
    for index in np.flatnonzero((seen & known[:, :, None]).any(axis=(0, 1))):
        yield f"observation {names[index]}", seen[:, :, index] & known
    yield "actions", _differs(first.chosen, second.chosen, axes=2) & known
    done = known & (bar + 1 <= cut)
    for name in DONE:
        here, there = getattr(first.outcome, name), getattr(second.outcome, name)
        leaves = zip(here, there, strict=True) if isinstance(here, tuple) else [(here, there)]
        differs = np.any([_differs(a, b, axes=2) for a, b in leaves], axis=0)
        yield f"{name.replace('_', ' ')} of a step", differs & done


def _differs(a: Any, b: Any, *, axes: int) -> np.ndarray:
    """Where two host arrays are not the same (nan equals nan), by their first `axes` axes."""
    different = (a != b) & ~((a != a) & (b != b))
    return different.any(axis=tuple(range(axes, different.ndim)))
