"""Bars that lie too far from the last one to be believed without being asked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxexit.data.bars import Bars
from jaxexit.errors import UserError
from jaxexit.live.messages import RefusedError, stamp

MOST_ATR = 100.0
"""How far from the last close a bar may lie, in mean true ranges of the bars before it."""
RANGES = 14
SMALLEST_RANGE = 1e-4  # of the price: what a market that stands still is taken to move
LONGEST_PAUSE = np.timedelta64(366, "D")


class Recent(NamedTuple):
    """The last bars, RANGES + 1 of them or all that there are."""

    times: np.ndarray  # [n] opens
    mid: np.ndarray  # [n, 4] middle prices


def check_most(atr: float) -> None:
    """Refuse a distance that holds back every bar.

    Raises:
        UserError: it is not above 0.
    """
    if not atr > 0:
        raise UserError(f"--jump-atr: got {atr:g}, expected a number above 0")


def distances(
    times: np.ndarray, mid: np.ndarray, step: np.timedelta64
) -> tuple[np.ndarray, np.ndarray]:
    """How far bars lie from the close before them, and how far one may lie that is allowed a distance of 1.

    The distance is that of the bar's middle price furthest from the last middle close. The measure is the
    mean true range of the RANGES bars before; after a pause, as of a random walk, the square root of the
    number of bars since then times as much.

    Args:
        times: [T] bar opens.
        mid: [T, 4] middle prices.
        step: the usual length of a bar.

    Returns:
        Distance and measure of bars RANGES + 1 to T - 1, price units, [T - RANGES - 1] each.
    """
    close = mid[:-1, 3]
    ranges = np.maximum(mid[1:, 1], close) - np.minimum(mid[1:, 2], close)
    sums = np.lib.stride_tricks.sliding_window_view(ranges, RANGES)[:-1]
    close = close[RANGES:]
    atr = np.maximum(sums.mean(axis=1), SMALLEST_RANGE * close)
    pause = np.maximum(1.0, np.diff(times)[RANGES:] / step)
    return np.abs(mid[RANGES + 1 :] - close[:, None]).max(axis=1), atr * np.sqrt(pause)


def any_far(last: Recent, coming: Bars, step: np.timedelta64 | None, most: float) -> bool:
    """Whether `hold_back` would hold one of many bars back, each measured by those before it."""
    times = np.concatenate([last.times, coming.times])
    if (np.diff(times) > LONGEST_PAUSE).any():
        return True
    if step is None or len(times) < RANGES + 2:
        return False
    distance, measure = distances(times, np.concatenate([last.mid, coming.mid]), step)
    return bool((distance > most * measure).any())


def hold_back(last: Recent, coming: Bars, step: np.timedelta64 | None, most: float) -> None:
    """Hold back a bar that is further from the last close than a market goes.

    Args:
        last: the last RANGES + 1 bars; of fewer, prices are not compared.
        coming: the bar.
        step: the usual length of a bar.
        most: MOST_ATR, or another multiple of the measure of `distances`.

    Raises:
        RefusedError: `jump`: why it is held back, and what takes it.
    """
    time, before = coming.times[0], last.times[-1]
    takes = (
        'it is not used; if it is right, send it with "accept_jump": true, or use --accept-jumps'
    )
    if time - before > LONGEST_PAUSE:
        days = int((time - before) / np.timedelta64(1, "D"))
        words = f"opens {days:,} days after the last one ({stamp(before)}): {takes}"
        raise RefusedError("jump", words, time)
    if len(last.times) <= RANGES or step is None:
        return
    times, mid = np.concatenate([last.times, coming.times]), np.concatenate([last.mid, coming.mid])
    distance, measure = (float(one[0]) for one in distances(times, mid, step))
    if distance <= most * measure:
        return
    atr = distance / measure
    words = f"lies {atr:,.0f} ATR from the last close ({last.mid[-1, 3]:g}), more than {most:g}: {takes}"
    raise RefusedError("jump", words, time, facts={"atr": round(atr, 1)})
