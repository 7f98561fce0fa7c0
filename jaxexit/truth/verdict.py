"""A verdict: what an examinee earned, what it should have, and how sure one can be of the difference."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

STANDARD_ERRORS = 4.0  # how many of them a mean may be away
# Pips: half a float32 step of a price near 1. No mean is known better, so no standard error is less.
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
            return "earns nothing" if not self.one_sided else "earns no more than nothing"
        return "FAIL: money from nowhere" if self.t > 0 else "FAIL: loses more than its costs"

    def as_json(self) -> dict[str, Any]:
        """The attributes, `t` and `passed`."""
        return asdict(self) | {"t": self.t, "passed": self.passed}


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
        """What the trades so far say."""
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
