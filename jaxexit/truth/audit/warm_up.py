"""Warm-up: a feature must not depend on where the file happens to begin.

All columns are computed again from histories that begin at other bars, by the product's own function, and
compared with those of the whole file, bar by bar and by the age of the shorter history. What remains at the
age at which the first trade enters must lie below the tolerance; else the history that is needed is told.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jaxexit.data import Feature
from jaxexit.data.features import feature_columns
from jaxexit.data.recipe import completed
from jaxexit.truth.audit.finding import Finding
from jaxexit.truth.audit.subject import Subject

CHECK = "warm-up"
TOLERANCE = 0.001  # in units of the observation, whose entries are of order 1
STARTS = 5  # shorter histories
LONGEST = 5_000  # bars: a feature that has not settled by then is said never to settle


def check(subject: Subject) -> list[Finding]:
    """Features (and the ATR behind stops) that have not settled when the first trade enters."""
    bars, features, recipe = subject.bars, subject.dataset.features, subject.experiment.recipe
    longest = min(LONGEST, len(bars.times) // 2)
    whole, whole_atr, _ = feature_columns(features, completed(recipe, bars))
    names = [*(feature.name for feature in features), "ATR"]
    off = np.zeros((len(names), longest))  # [names, age]
    for start in subject.rng(2).integers(1, len(bars.times) - longest + 1, STARTS):
        rest = slice(start, start + longest)
        shorter = replace(
            bars,
            times=bars.times[start:],
            bid=bars.bid[start:],
            ask=bars.ask[start:],
            table=bars.table.iloc[start:].reset_index(drop=True),
        )
        columns, atr, _ = feature_columns(features, completed(recipe, shorter))
        for row, feature in enumerate(features):
            index = feature.column_index
            apart = _apart(feature, columns[:longest, index], whole[rest, index])
            off[row] = np.maximum(off[row], apart)
        relative = np.abs(atr[:longest] / whole_atr[rest] - 1.0)
        off[-1] = np.maximum(off[-1], np.nan_to_num(relative, nan=np.inf))
    used = subject.first_entry
    unsettled = off > TOLERANCE
    needed = np.where(unsettled.any(axis=1), longest - unsettled[:, ::-1].argmax(axis=1), 0)
    where = f"{STARTS} histories of {longest:,} bars"
    late = [row for row in range(len(names)) if needed[row] > used]
    if not late:
        slowest = int(np.argmax(needed))
        what = f"features settle before the first entry ({used:,} bars of history)"
        size = f"within {TOLERANCE:g} after {needed.max():,} bars at most ({names[slowest]})"
        return [Finding(CHECK, "pass", what, where, size)]
    return [_finding(names[row], off[row], int(needed[row]), used, longest, where) for row in late]


def _finding(
    name: str, off: np.ndarray, needed: int, used: int, longest: int, where: str
) -> Finding:
    if needed >= longest:
        size = f"still {off[used:].max():.3g} off after {longest:,} bars"
        advice = "give it a finite memory: in live use the history begins elsewhere"
        what = f"{name} depends on where the file begins"
        return Finding(CHECK, "warning", what, where, size, advice)
    size = f"up to {off[used:needed].max():.3g} off at entries, tolerance {TOLERANCE:g}"
    what = f"{name} has not settled after {used:,} bars, at the first entry"
    return Finding(CHECK, "warning", what, where, size, f"set data.warmup to {needed:,} or more")


def _apart(feature: Feature, short: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """How far two versions of a column lie apart, [n], in units of the observation."""
    if feature.ratio_to_entry:
        return np.abs(short / np.where(whole == 0, 1.0, whole) - 1.0)
    return np.abs(short.astype(float) - whole)
