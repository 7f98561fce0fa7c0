"""Where the two engines' rules differ, and the proof that a difference of exits is a difference of rules.

A classical exit is written out once more, in plain Python, with a switch for each rule in which
backtesting.py is known to differ from us. Where the engines part, the plain exit must give our exit under
our rules, and theirs once the smallest number of switches is turned that gives it. What no switches give is
unexplained, and fails the test.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from itertools import combinations
from typing import NamedTuple

import numpy as np

from benchmarks.peers.backtesting_py import NO_BAR, REFUSED, STOP, TARGET, TIME

UNEXPLAINED = "unexplained"


class Rule(Enum):
    """A rule of backtesting.py that is not ours."""

    ONE_SIDE = (
        "one side of the book: its stops and targets meet the given bars, not the exit side's"
    )
    NEXT_OPEN = "its order at the horizon fills at the next bar's open; ours at the horizon's close"
    REFUSAL = (
        "it refuses an order unless the last price, spread added, lies between stop and target"
    )
    DOUBLES = "it compares prices in float64; ours are float32"


class Case(NamedTuple):
    """One trade of which both engines have told the exit."""

    entry_bar: int
    direction: int
    stop: float
    target: float  # nan: none
    horizon: int
    ours: np.ndarray  # [T, 4] the exit side's open, high, low, close
    theirs: np.ndarray  # [T, 4] the bars that the other engine was given
    spread: float = 0.0  # fraction by which the other engine's entry was worse than those bars


class Exit(NamedTuple):
    """How a trade ended: reason, bar, float32 price."""

    reason: str
    bar: int
    price: float


def plain_exit(case: Case, rules: Iterable[Rule] = ()) -> Exit:
    """The exit under our rules, but for those of theirs that are named."""
    rules = set(rules)
    number = np.float64 if Rule.DOUBLES in rules else np.float32
    side = case.theirs if Rule.ONE_SIDE in rules else case.ours
    first, last = case.entry_bar, case.entry_bar + case.horizon
    # A short is a long on negated prices.
    ahead = case.direction * side[first : last + 2].astype(number)
    stop = number(case.direction * case.stop)
    target = np.inf if np.isnan(case.target) else number(case.direction * case.target)
    opened, high, low = (0, 1, 2) if case.direction > 0 else (0, 2, 1)

    def ended(reason: str, bar: int, price: float) -> Exit:
        return Exit(reason, bar, float(np.float32(case.direction * price)))

    asked = ahead[0, 3] * (1.0 + case.direction * case.spread)
    if Rule.REFUSAL in rules and not stop < asked < target:
        return Exit(REFUSED, NO_BAR, np.nan)
    for k in range(1, case.horizon + 1):
        if ahead[k, low] <= stop:
            return ended(STOP, first + k, min(ahead[k, opened], stop))
        if ahead[k, high] >= target:
            return ended(TARGET, first + k, max(ahead[k, opened], target))
    if Rule.NEXT_OPEN in rules:
        return ended(TIME, last + 1, ahead[case.horizon + 1, opened])
    return ended(TIME, last, ahead[case.horizon, 3])


def same(a: Exit, b: Exit) -> bool:
    """Whether reason, bar and price are the same, the price as float32."""
    return a[:2] == b[:2] and (a.price == b.price or a.reason == REFUSED)


def explanation(case: Case, ours: Exit, theirs: Exit) -> str:
    """The rules that make the exits differ, by name ("" where they are the same), or UNEXPLAINED."""
    if same(ours, theirs):
        return ""
    if not same(plain_exit(case), ours):
        return UNEXPLAINED
    for count in range(1, len(Rule) + 1):
        for rules in combinations(Rule, count):
            if same(plain_exit(case, rules), theirs):
                return " + ".join(rule.name for rule in rules)
    return UNEXPLAINED
