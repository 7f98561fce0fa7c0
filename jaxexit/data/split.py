"""Chronological splits, purged by trade interval.

A trade belongs to the split of its entry bar e, and its whole interval e ... e+H must lie inside
it: so no bar is lived through by trades of two splits. Entries within the embargo after a boundary
are left out too.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from jaxexit.data.bars import minute
from jaxexit.errors import DataError
from jaxexit.limits import instant

SPLITS = ("train", "validation", "test")

CROSSES_SPLIT = "cross the end of their split"
CROSSES_DATA = "cross the end of the data"
IN_EMBARGO = "in the embargo after a boundary"


class Bounds(NamedTuple):
    """Bars [start, end) of a split."""

    start: int
    end: int


def split_bounds(
    times: np.ndarray, validation_start: float | str, test_start: float | str
) -> dict[str, Bounds]:
    """Where the splits lie among bars with opens `times` [T] datetime64[ns], UTC.

    A start is a fraction of the bars, or an ISO date (or time; UTC unless it has an offset) whose
    first bar begins the split. Raises DataError for a date that cannot be read and for splits out
    of order.
    """
    validation = _boundary(times, validation_start, "validation_start")
    test = _boundary(times, test_start, "test_start")
    if not 0 < validation < test < len(times):
        raise DataError(
            f"data.split: validation_start {validation_start} and test_start {test_start} leave a split "
            f"without bars, the bars run from {minute(times[0])} to {minute(times[-1])} UTC"
        )
    edges = (0, validation, test, len(times))
    return {name: Bounds(*edge) for name, edge in zip(SPLITS, pairwise(edges), strict=True)}


def fold_bounds(
    bars: int, splits: dict[str, Bounds], folds: int, *, rolling: bool
) -> list[dict[str, Bounds]]:
    """Where the splits of each fold of a walk-forward lie: [folds], each as `split_bounds`.

    The bars are cut into folds + 1 equal stretches, the last of which may be a few bars longer. Fold i
    (from 0) is tested on stretch i + 1, and trained and validated on what comes before it: on all of it
    (anchored), or on stretch i alone (rolling). Validation is the last part of that, of the same share as in
    the experiment's own split.

    Args:
        bars: how many there are.
        splits: the experiment's own (`split_bounds`).
        folds: at least 2.
        rolling: whether the training's start moves with the fold.

    Raises:
        DataError: there are fewer bars than that needs.
    """
    validation, test = splits["validation"], splits["test"]
    share = (test.start - validation.start) / test.start
    stretch = bars // (folds + 1)
    edges = [i * stretch for i in range(folds + 1)] + [bars]
    bounds = []
    for i in range(folds):
        start, middle, end = edges[i] if rolling else 0, edges[i + 1], edges[i + 2]
        cut = middle - round(share * (middle - start))
        if not start < cut < middle < end:
            raise DataError(f"--walk-forward: {bars} bars are too few for {folds} folds")
        edge = (start, cut, middle, end)
        bounds.append(
            {name: Bounds(*pair) for name, pair in zip(SPLITS, pairwise(edge), strict=True)}
        )
    return bounds


def _boundary(times: np.ndarray, start: float | str, key: str) -> int:
    if not isinstance(start, str):
        return int(start * len(times))
    try:
        moment = np.datetime64(instant(start).replace(tzinfo=None), "ns")
    except ValueError as error:
        raise DataError(
            f"data.split.{key}: got '{start}', expected a fraction of the bars such as 0.7 or {error}"
        ) from None
    return int(np.searchsorted(times, moment))


def assign_splits(
    entry_bar: np.ndarray, bounds: dict[str, Bounds], max_bars: int, embargo_bars: int
) -> tuple[np.ndarray, dict[str, int]]:
    """The split of each trade, as an index into `SPLITS` or -1 where it is left out; [N] int.

    Also how many were left out, by reason; entries before the first split or after the last are no concern of
    theirs and not counted. `max_bars` is the horizon H in bars.
    """
    starts = np.array([bounds[name].start for name in SPLITS])
    ends = np.array([bounds[name].end for name in SPLITS])
    split = np.searchsorted(starts, entry_bar, side="right") - 1
    inside = (split >= 0) & (entry_bar < ends[-1])
    crosses = inside & (entry_bar + max_bars >= ends[split])
    crosses_data = crosses & (entry_bar + max_bars >= ends[-1])
    embargoed = inside & ~crosses & (split > 0) & (entry_bar < starts[split] + embargo_bars)
    counts = {
        CROSSES_SPLIT: int((crosses & ~crosses_data).sum()),
        CROSSES_DATA: int(crosses_data.sum()),
        IN_EMBARGO: int(embargoed.sum()),
    }
    return np.where(inside & ~crosses & ~embargoed, split, -1), counts
