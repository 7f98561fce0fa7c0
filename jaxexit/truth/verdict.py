"""Verdicts: what an examinee earned against what it should have, and whether a planted trap was caught."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

STANDARD_ERRORS = 4.0  # that a mean may be away from what is expected
CEILING_ERRORS = 3.0  # standard errors by which a raw mean may exceed the ceiling
# Pips: half a float32 step of a price near 1. No mean is known better than that.
ROUNDING_PIPS = 0.0006


@dataclass(frozen=True)
class Verdict:
    """One examinee on one market. Money in pips a trade."""

    examinee: str
    market: str
    trades: int
    mean: float  # net
    expected: float  # net, known from theory
    standard_error: float  # of mean - expected
    one_sided: bool  # only too much is a failure

    @property
    def t(self) -> float:
        """(mean - expected) in standard errors."""
        return (self.mean - self.expected) / max(self.standard_error, ROUNDING_PIPS)

    @property
    def passed(self) -> bool:
        """Whether the mean is what it must be."""
        return (self.t if self.one_sided else abs(self.t)) <= STANDARD_ERRORS

    @property
    def words(self) -> str:
        """The verdict in words."""
        if self.passed:
            return "earns nothing" if not self.one_sided else "earns nothing or less"
        return (
            "FAIL: earns more than is possible" if self.t > 0 else "FAIL: loses more than its costs"
        )

    def as_json(self) -> dict[str, Any]:
        """The attributes, `t` and `passed`."""
        return asdict(self) | {"t": self.t, "passed": self.passed}


@dataclass(frozen=True)
class Control:
    """One trap and one check; or a check where there is nothing to be caught."""

    trap: str  # empty: nothing is planted
    planted: str
    check: str
    statistic: str  # t of the exam, or the audit's line
    caught: bool

    @property
    def passed(self) -> bool:
        """Whether what is planted was caught, and nothing where nothing is."""
        return self.caught == bool(self.trap)

    @property
    def words(self) -> str:
        """The verdict in words."""
        if self.trap:
            return "caught" if self.caught else "FAIL: not caught"
        return "FAIL: false alarm" if self.caught else "nothing found"

    def as_json(self) -> dict[str, Any]:
        """The attributes and `passed`."""
        return asdict(self) | {"passed": self.passed}


@dataclass(frozen=True)
class Share:
    """How much of the optimum a policy earned. Money in pips a trade, net."""

    examinee: str
    market: str
    steps: int
    seed: int
    trades: int
    mean: float
    standard_error: float
    share: float  # of the optimum, the market's luck taken off
    share_error: float
    bars_held: float
    ceiling: float
    asked: float | None  # share that must be reached; None: shown for comparison

    @property
    def leaks(self) -> bool:
        """Whether it earned more than any policy can."""
        return self.mean > self.ceiling + CEILING_ERRORS * self.standard_error

    @property
    def passed(self) -> bool:
        """Whether it earned enough, and not too much."""
        return not self.leaks and (self.asked is None or self.share >= self.asked)

    @property
    def words(self) -> str:
        """The verdict in words."""
        if self.leaks:
            return "FAIL: above the upper bound"
        if self.asked is None:
            return ""
        return f"reaches {self.asked:.1%}" if self.passed else f"FAIL: {self.asked:.1%} is required"

    def as_json(self) -> dict[str, Any]:
        """The attributes, None for what is not a number, and `passed`."""
        numbers = {k: None if v != v else v for k, v in asdict(self).items()}
        return numbers | {"passed": self.passed}


class Tally:
    """Running mean and standard error of independent trades that come in batches."""

    def __init__(self) -> None:
        self.count, self._net, self._excess, self._squares = 0, 0.0, 0.0, 0.0

    def add(self, net: np.ndarray, excess: np.ndarray) -> None:
        """Add trades: [n] net pips, and [n] net pips less the known ones."""
        self.count += len(net)
        self._net += float(net.sum(dtype=np.float64))
        self._excess += float(excess.sum(dtype=np.float64))
        self._squares += float(np.square(excess, dtype=np.float64).sum())

    def verdict(self, examinee: str, market: str, *, one_sided: bool) -> Verdict:
        """The verdict on the trades so far."""
        excess = self._excess / self.count
        variance = max(0.0, self._squares / self.count - excess**2)
        return Verdict(
            examinee=examinee,
            market=market,
            trades=self.count,
            mean=self._net / self.count,
            expected=(self._net - self._excess) / self.count,
            standard_error=float(np.sqrt(variance / max(1, self.count - 1))),
            one_sided=one_sided,
        )
