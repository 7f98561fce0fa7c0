"""What models are fitted to: bars of the training part in shares of the last close, and times of the week."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from jaxexit.data import Dataset
from jaxexit.data.hours import NEW_YORK
from jaxexit.errors import DataError

FEWEST_BARS = 2_000  # of the training part
FEWEST_IN_SLOT = 20  # bars; a rarer time of the week has no statistics of its own
DAY = np.timedelta64(1, "D")


class Source(NamedTuple):
    """B bars, in shares of the mid close before them, float64, and the slots of all T bars of the data.

    A slot is a time of the New York week at which bars open; S there are.
    """

    open: np.ndarray  # [B] mid
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    half: np.ndarray  # half of the spread: at the open where orders fill there, else at the close
    slot: np.ndarray  # [B] int32
    slots: np.ndarray  # [T] int32: of all bars, later ones as well
    num_slots: int  # S
    a_day: int  # bars, about

    def by_slot(self, values: np.ndarray) -> np.ndarray:
        """Means of [B] values in each slot, [S]."""
        return np.bincount(self.slot, values, self.num_slots) / np.bincount(
            self.slot, minlength=self.num_slots
        )


def source_of(dataset: Dataset, *, at_open: bool) -> Source:
    """The bars that an experiment trains on: from its first to the last one that a training trade may meet.

    Args:
        dataset: the experiment's.
        at_open: whether EXIT fills at an open.

    Raises:
        DataError: they are too few to fit anything.
    """
    train = np.asarray(dataset.splits["train"].entry_bar)
    validation = np.asarray(dataset.splits["validation"].entry_bar)
    end = int(validation.min()) if len(validation) else int(train.max())
    if end < FEWEST_BARS:
        raise DataError(
            f"ceiling: the training part has {end:,} bars, expected at least {FEWEST_BARS:,} to fit a model"
        )
    bid, ask = (
        np.asarray(side, np.float64)[:end] for side in (dataset.market.bid, dataset.market.ask)
    )
    mid, spread = 0.5 * (bid + ask), ask - bid
    last = mid[:-1, 3]
    shares = (mid[1:] / last[:, None] - 1.0).T
    slots, count = _slots(dataset.times, end)
    step = np.median(np.diff(dataset.times[:end]))
    return Source(
        *shares,
        half=0.5 * np.maximum(spread[1:, 0 if at_open else 3], 0.0) / last,
        slot=slots[1:end],
        slots=slots,
        num_slots=count,
        a_day=max(1, int(DAY / step)),
    )


def _slots(times: np.ndarray, end: int) -> tuple[np.ndarray, int]:
    """The slot of every bar [T], and how many there are: those frequent among bars 1 to `end`."""
    local = pd.DatetimeIndex(times, tz="UTC").tz_convert(NEW_YORK)
    minute = 1440 * np.asarray(local.day_of_week) + 60 * np.asarray(local.hour)
    minute = minute + np.asarray(local.minute)
    known, counts = np.unique(minute[1:end], return_counts=True)
    usual = known[counts >= min(FEWEST_IN_SLOT, counts.max())]
    above = np.searchsorted(usual, minute).clip(0, len(usual) - 1)
    below = np.maximum(above - 1, 0)
    nearer = np.abs(minute - usual[below]) < np.abs(usual[above] - minute)
    nearest = np.where(nearer, below, above)
    used, inverse = np.unique(nearest[1:end], return_inverse=True)
    place = np.searchsorted(used, nearest).clip(0, len(used) - 1)
    place[1:end] = inverse
    return place.astype(np.int32), len(used)


def believed(mean: float, error: float) -> float:
    """A mean shrunk by how little it is above its standard error: 0 below one (as `exact.drift.evidence`).

    Noise taken for a drift would raise the ceiling by what nobody can earn.
    """
    return mean * max(0.0, 1.0 - (error / mean) ** 2) if abs(mean) > error else 0.0
