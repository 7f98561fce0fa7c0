"""Fit an ordered list of thresholds to decisions, each weighed by what a wrong one costs.

Greedily: the line that saves most cost, put at the place of the list where it does, then the next. A line
has one or two thresholds, found by trying all pairs on a grid at once, as sums over a two-dimensional
histogram. A list instead of a tree, because people read it from top to bottom; a fitter of our own,
because it takes a cost for each action (a tree's sample weights know one cost a sample) and draws nothing
at random.

The costs are VIPER's (Bastani, Pu and Solar-Lezama 2018): V(s) - Q(s, a), what taking `a` gives up.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxexit.distil.numbers import Number
from jaxexit.distil.rule import Condition, Line, Rule
from jaxexit.env import ACTIONS
from jaxexit.env.observation import CLIP
from jaxexit.env.types import HOLD

GRID = 32
"""Thresholds tried of each number among all decisions, and as many among those that are not HOLD."""
DIGITS = 3
LEAST_GAIN = 1e-3
"""Share of the cost of always holding that a line must save."""
WORTH_A_CONDITION = 1.01
"""A second threshold must save so many times what the best single one saves."""


class Binned(NamedTuple):
    """Decisions on the grid of each number that varies."""

    number: tuple[int, ...]  # places of the numbers
    thresholds: tuple[np.ndarray, ...]  # of each, rising; of few digits
    place: tuple[
        np.ndarray, ...
    ]  # of each, [decisions]: how many thresholds lie below the decision's value


class Found(NamedTuple):
    """A line and what it saves."""

    gain: float
    action: int
    parts: tuple[tuple[int, int, bool], ...]  # (index into `Binned`, threshold, above)


def binned(values: np.ndarray, acts: np.ndarray, numbers: Sequence[Number]) -> Binned:
    """Lay decisions on a grid.

    Args:
        values: [decisions, numbers] float32.
        acts: [decisions] bool: those whose action is not HOLD. Half of the grid is theirs: they are few.
        numbers: what they are. An entry of the observation has no threshold where it is clipped: unclipped
            it would mean something else.
    """
    shares = (np.arange(GRID) + 0.5) / GRID
    places, grids, found = [], [], []
    for i, column in enumerate(values.T):
        tried = np.quantile(column, shares, method="inverted_cdf")
        if acts.any():
            tried = np.concatenate(
                [tried, np.quantile(column[acts], shares, method="inverted_cdf")]
            )
        grid = np.unique([float(f"{value:.{DIGITS}g}") for value in tried])
        if numbers[i].entry is not None:
            grid = grid[np.abs(grid) < CLIP]
        place = np.searchsorted(grid, column.astype(float), side="left")
        if len(np.unique(place)) < 2:
            continue
        places.append(i)
        grids.append(grid)
        found.append(place)
    return Binned(tuple(places), tuple(grids), tuple(found))


def fit(
    values: np.ndarray,
    costs: np.ndarray,
    numbers: Sequence[Number],
    *,
    lines: int,
    conditions: int,
) -> list[Rule]:
    """Rules of one line, two lines, ... up to `lines`; each has one more line than the one before.

    Args:
        values: [decisions, numbers] float32.
        costs: [decisions, actions]: what each action gives up, 0 for the best.
        numbers: what they are.
        lines: at most.
        conditions: of a line, 1 or 2.

    Returns:
        At least one rule; the first has no line where no line saves anything.
    """
    acts = costs[:, HOLD] > 0
    grid = binned(values, acts, numbers)
    gains = costs[:, [HOLD]] - costs
    actions = [a for a in range(len(ACTIONS)) if a != HOLD and (gains[acts, a] > 0).any()]
    least = LEAST_GAIN * costs[:, HOLD].sum()
    found: list[Found] = []
    rules = []
    for _ in range(lines):
        best, place = _best_line(grid, costs, found, actions, conditions)
        if best is None or best.gain <= least:
            break
        found.insert(place, best)
        rules.append(Rule(tuple(_line(grid, one, numbers) for one in found)))
    return rules or [Rule()]


def _line(grid: Binned, found: Found, numbers: Sequence[Number]) -> Line:
    conditions = (
        Condition(numbers[grid.number[i]].name, above, float(grid.thresholds[i][j]))
        for i, j, above in found.parts
    )
    return Line(tuple(conditions), ACTIONS[found.action])


def _met(grid: Binned, found: Found) -> np.ndarray:
    """[decisions] bool: where the conditions hold."""
    return np.logical_and.reduce([(grid.place[i] > j) == above for i, j, above in found.parts])


def _best_line(
    grid: Binned,
    costs: np.ndarray,
    lines: Sequence[Found],
    actions: Sequence[int],
    conditions: int,
) -> tuple[Found | None, int]:
    """The line that saves most, and its place among the lines found so far; of equals the last place."""
    does = np.full(len(costs), HOLD)
    for line in reversed(lines):
        does = np.where(_met(grid, line), line.action, does)
    now = np.take_along_axis(costs, does[:, None], axis=1)[:, 0]
    left, reached = [np.ones(len(costs), bool)], np.ones(len(costs), bool)
    for line in lines:
        reached = reached & ~_met(grid, line)
        left.append(reached)
    best, place = None, 0
    for at in reversed(range(len(left))):
        places = [column[left[at]] for column in grid.place]
        sizes = [len(thresholds) for thresholds in grid.thresholds]
        for action in actions:
            gains = (now - costs[:, action])[left[at]]
            for gain, parts in _of_action(places, sizes, gains, conditions):
                one = Found(gain, action, parts)
                if best is None or _worth(one) > _worth(best):
                    best, place = one, at
    return best, place


def _worth(found: Found) -> float:
    return found.gain / (WORTH_A_CONDITION if len(found.parts) > 1 else 1.0)


Part = tuple[float, tuple[tuple[int, int, bool], ...]]


def _of_action(
    places: Sequence[np.ndarray], sizes: Sequence[int], gains: np.ndarray, conditions: int
) -> list[Part]:
    """The best line of each number, and of each pair: (what it saves, its parts)."""
    found: list[Part] = []
    total = float(gains.sum())
    below = [
        np.cumsum(np.bincount(p, gains, size + 1))[:-1]
        for p, size in zip(places, sizes, strict=True)
    ]
    for i, sums in enumerate(below):
        for above, save in ((False, sums), (True, total - sums)):
            j = int(save.argmax())
            found.append((float(save[j]), ((i, j, above),)))
        if conditions > 1 and len(sums) > 1:  # between two thresholds of one number
            between = np.triu(sums[None, :] - sums[:, None], 1)
            j, k = np.unravel_index(int(between.argmax()), between.shape)
            found.append((float(between[j, k]), ((i, int(j), True), (i, int(k), False))))
    if conditions > 1:
        pairs = itertools.combinations(range(len(places)), 2)
        found += [_of_pair(places, sizes, gains, i, other) for i, other in pairs]
    return found


def _of_pair(
    places: Sequence[np.ndarray], sizes: Sequence[int], gains: np.ndarray, i: int, other: int
) -> Part:
    """The best of the four quadrants at every pair of thresholds."""
    width = sizes[other] + 1
    cell = places[i] * width + places[other]
    sums = np.bincount(cell, gains, (sizes[i] + 1) * width).reshape(-1, width)
    sums = sums.cumsum(0).cumsum(1)
    both, one, two, total = sums[:-1, :-1], sums[:-1, -1:], sums[-1:, :-1], sums[-1, -1]
    quadrants = {
        (False, False): both,
        (False, True): one - both,
        (True, False): two - both,
        (True, True): total - one - two + both,
    }
    best: Part = (-np.inf, ())
    for (first, second), save in quadrants.items():
        j, k = np.unravel_index(int(save.argmax()), save.shape)
        if save[j, k] > best[0]:
            best = (float(save[j, k]), ((i, int(j), first), (other, int(k), second)))
    return best
