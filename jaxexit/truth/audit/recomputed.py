"""Recomputation: what a recipe makes of bars does not change when the bars after it do, or are not there.

The recipe is run again on the bars up to a random moment, and on the bars with another future after it. Up to
the moment every value of every column that is observed, and every entry, must be the same to the bit: a
window that is centred, a mean of the whole sample, a daily close merged by its date are all found at the
first moment that cuts them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from jaxexit.data import recipe
from jaxexit.data.bars import Bars, minute
from jaxexit.data.recipe import Made
from jaxexit.errors import DataError
from jaxexit.truth.audit.altered import another_future
from jaxexit.truth.audit.finding import Finding
from jaxexit.truth.audit.subject import Inputs

CHECK = "recipe"
MOMENTS, FEW_MOMENTS = 50, 8  # of an audit; before a training

_ADVICE = (
    "use bars up to its own only: no centred window, no mean of the whole sample, no merge by date"
)


def check(inputs: Inputs, moments: int = MOMENTS) -> list[Finding]:
    """Columns and entries of the recipe that use later bars; nothing where there is no recipe."""
    made_by = inputs.experiment.recipe
    if made_by is None:
        return []
    whole = recipe.run(made_by, inputs.bars)
    names = sorted({f.column for f in inputs.dataset.features if f.column in whole.columns})
    count, first = len(inputs.bars.times), inputs.first_entry
    rng = inputs.rng(300)
    odd: dict[
        str, list[tuple[int, int, float]]
    ] = {}  # what: [(moment, bars before it, how far off)]
    cuts = np.sort(rng.integers(first, count - 1, moments))
    for cut in map(int, cuts):
        rows = another_future(count, first, cut, rng)
        for bars in (_rows(inputs.bars, np.arange(cut + 1)), _rows(inputs.bars, rows)):
            try:
                again = recipe.run(made_by, bars)
            except DataError as error:
                where = f"bars up to {minute(inputs.bars.times[cut])}"
                what = f"{made_by.name} cannot be run again"
                return [Finding(CHECK, "fail", what, where, str(error), _ADVICE)]
            for what, before, off in _differences(whole, again, names, inputs.bars.times, cut):
                odd.setdefault(what, []).append((cut, before, off))
    findings = [_finding(inputs.bars, what, places, moments) for what, places in odd.items()]
    if not findings:
        what = f"{made_by.name} gives the same values whatever bars follow"
        size = f"bit-identical, {2 * moments} runs"
        first_cut, last_cut = (minute(inputs.bars.times[int(cut)]) for cut in (cuts[0], cuts[-1]))
        where = f"{moments} moments, {first_cut} to {last_cut}"
        findings = [Finding(CHECK, "pass", what, where, size)]
    if whole.reads:
        findings.append(
            Finding(
                CHECK,
                "warning",
                f"{made_by.name} opens {', '.join(whole.reads)}",
                "while it runs",
                "what it reads there cannot be reproduced",
                "compute it from the bars it is given",
            )
        )
    return findings


def _rows(bars: Bars, rows: np.ndarray) -> Bars:
    """Other bars in the place of the first `len(rows)`, at the times of those."""
    return replace(
        bars,
        times=bars.times[: len(rows)],
        bid=bars.bid[rows],
        ask=bars.ask[rows],
        table=bars.table.iloc[rows].reset_index(drop=True),
    )


def _differences(
    whole: Made, again: Made, names: list[str], times: np.ndarray, cut: int
) -> Iterator[tuple[str, int, float]]:
    """(what, how many bars before the cut it begins to differ, by how much at most)."""
    for name in names:
        here = whole.columns[name][: cut + 1]
        there = again.columns.get(name, np.full(cut + 1, np.nan))[: cut + 1]
        differs = (here != there) & ~(np.isnan(here) & np.isnan(there))
        if differs.any():
            off = np.abs(here - there)[differs]
            yield (
                f"column `{name}`",
                cut - int(np.argmax(differs)),
                float(np.nan_to_num(off, nan=np.inf).max()),
            )
    if whole.entries is None:
        return
    known = [
        set(
            map(
                tuple,
                made.entries.loc[(made.entries["time"] <= times[cut]).to_numpy()]
                .to_numpy()
                .tolist(),
            )
        )
        for made in (whole, again)
        if made.entries is not None
    ]
    if len(known) < 2 or known[0] != known[1]:
        yield "the entries", 0, float("inf")


def _finding(bars: Bars, what: str, places: list[tuple[int, int, float]], moments: int) -> Finding:
    cuts = {cut for cut, _, _ in places}
    off = max(off for _, _, off in places)
    size = f"differ from {max(before for _, before, _ in places):,} bars before the moment on"
    if np.isfinite(off):
        size += f", by up to {off:.2g}"
    return Finding(
        CHECK,
        "fail",
        f"{what} of the recipe {'use' if what.endswith('s') else 'uses'} later bars",
        f"{len(cuts)} of {moments} moments, first {minute(bars.times[min(cuts)])}",
        size,
        _ADVICE,
    )
