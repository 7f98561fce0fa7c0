"""What is asked in the exam of few trades, and how each examinee did over all series and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

LEARNED, RULE, LEAVE, HOLD, ORACLE = (
    "learned",
    "fitted rule",
    "leave at once",
    "hold",
    "oracle's rule",
)
MAY_LOSE = 0.01  # share of the optimum by which the learned policy may stay behind the fitted rule
ERRORS = 2.0  # standard errors that a difference is given, or must have
QUICK_SLACK = 0.03  # share of the optimum by which less is asked of a quick run
ROUNDING_PIPS = 0.01  # float32 prices, over all trades
SHARES = {
    ("ou", 1_000): 0.97,
    ("disorder", 1_000): 0.94,
    ("ou", 4_000): 0.99,
    ("disorder", 4_000): 0.97,
    ("ou", 16_000): 0.996,
    ("disorder", 16_000): 0.988,
}
"""Share of the optimum that the learned policy must reach."""
ABOVE = {("ou_weak", 4_000): 0.0, ("disorder_weak", 4_000): 0.0, ("switching", 4_000): 0.05}
"""Share of the optimum by which it must lie above the fitted rule; where that is 0, beyond the errors."""


class Earned(NamedTuple):
    """What an examinee earned after learning from one series. Pips a trade, luck taken off."""

    market: str
    optimum: float | None  # pips; None: nothing can be earned
    trades: int
    market_seed: int
    examinee: str
    pips: tuple[float, ...]  # of each learning seed
    seconds: float | None = None  # of one learning
    words: str = ""  # which rule it is


@dataclass(frozen=True)
class FewScore:
    """An examinee on one market after learning from so many trades; over all series and learning seeds."""

    market: str
    trades: int
    examinee: str
    pips: float  # net a trade, luck taken off
    share: float | None  # of the optimum; None: there is none
    standard_error: (
        float | None
    )  # of the share, from the means of the series; None: there is one series
    worst: float | None  # share of the worst learning
    less_rule: float | None  # share, less the fitted rule's on the same series
    less_rule_error: float | None
    seconds: (
        float | None
    )  # of one learning: of the fastest series, so that nothing is compiled in it
    rules: str  # which rules it was, where it is one
    slack: float | None = None  # by how much less is asked; None: nothing is asked of this examinee

    @property
    def asked(self) -> str:
        """What is asked; empty: nothing."""
        return ", ".join(words for words, _ in self._demands())

    @property
    def passed(self) -> bool:
        """Whether all that is asked is so."""
        return all(met for _, met in self._demands())

    def _demands(self) -> list[tuple[str, bool]]:
        if self.slack is None:
            return []
        if self.share is None or self.less_rule is None:
            return [("no loss beyond the costs", self.pips >= -1.0 - ROUNDING_PIPS)]
        at, margin = (self.market, self.trades), ERRORS * (self.less_rule_error or 0.0)
        may_lose = MAY_LOSE + self.slack
        demands = [(f"rule - {may_lose:.0%}", self.less_rule + margin >= -may_lose)]
        if at in SHARES:
            least = SHARES[at] - self.slack
            demands.append((f"{least:.1%}", self.share >= least))
        if at in ABOVE:
            words = f"rule + {ABOVE[at]:.0%}" if ABOVE[at] else f"{ERRORS:g} errors above the rule"
            demands.append((words, self.less_rule >= (ABOVE[at] or margin)))
        return demands

    @property
    def words(self) -> str:
        """The verdict in words."""
        if self.slack is None:
            return self.rules
        return self.asked if self.passed else f"FAIL: required: {self.missed}"

    @property
    def missed(self) -> str:
        """What of it is not so."""
        return ", ".join(words for words, met in self._demands() if not met)

    def as_json(self) -> dict[str, Any]:
        """The attributes, `asked` and `passed`."""
        values = {name: value for name, value in asdict(self).items() if name != "slack"}
        return values | {"asked": self.asked, "passed": self.passed}


def scores(earned: Sequence[Earned], *, slack: float = 0.0) -> list[FewScore]:
    """A score for each market, number of trades and examinee, in the order in which they come.

    The standard error is that of the mean over series, each with the mean of its learning seeds: learnings
    from the same series are not independent.

    Args:
        earned: what each examinee earned, the fitted rule on every series among them.
        slack: share of the optimum by which less is asked.
    """
    cells: dict[tuple[str, int, str], list[Earned]] = {}
    for each in earned:
        cells.setdefault((each.market, each.trades, each.examinee), []).append(each)
    rows = []
    for (market, trades, examinee), some in cells.items():
        optimum = some[0].optimum
        rule = {each.market_seed: np.mean(each.pips) for each in cells[market, trades, RULE]}
        means = np.array([np.mean(each.pips) for each in some])
        less = means - np.array([rule[each.market_seed] for each in some])
        share = error = worst = less_share = less_error = None
        if optimum is not None:
            share, error = _mean_and_error(means / optimum)
            less_share, less_error = _mean_and_error(less / optimum)
            worst = float(min(min(each.pips) for each in some) / optimum)
        times = [each.seconds for each in some if each.seconds is not None]
        rows.append(
            FewScore(
                market=market,
                trades=trades,
                examinee=examinee,
                pips=float(means.mean()),
                share=share,
                standard_error=error,
                worst=worst,
                less_rule=less_share,
                less_rule_error=less_error,
                seconds=min(times) if times else None,
                rules="; ".join(dict.fromkeys(each.words for each in some if each.words)),
                slack=slack if examinee == LEARNED else None,
            )
        )
    return rows


def _mean_and_error(values: np.ndarray) -> tuple[float, float | None]:
    """Mean over series [S] and its standard error, None of a single one."""
    error = float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else None
    return float(values.mean()), error
