"""The exam of the audit: random leaks it must catch, and honest inputs that it must let pass.

Nobody's audit finds everything; this says how much it finds. On made markets (volatility that clusters, hours
that differ) or on given bars, leaks are drawn at random: what of the future is known, over which horizon,
buried how deep in which noise, blended with an honest indicator, by a column, by the direction of entries, by
the stamps of bars, or by the prices of fills. Of each it is known how strong it is: for a column the rank
correlation with what it leaks, beyond what the past explains; for entries the share of directions that
hindsight chose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.stats import binom

from jaxexit.data.bars import Bars
from jaxexit.truth import leaky_inputs as inputs
from jaxexit.truth.audit.brought import judge_fills
from jaxexit.truth.audit.finding import Finding
from jaxexit.truth.audit.foresight import judge_columns, judge_entries
from jaxexit.truth.audit.market import Market, market_of

FIRST = 300  # bar of the first entry
MARKETS = 20
LEAKS, QUICK_LEAKS = 400, 60
CLEAN, QUICK_CLEAN = 1_000, 60
STRENGTHS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.01)  # edges of the power curve


@dataclass(frozen=True)
class DetectionRate:
    """One row of the power curve, or the false alarms."""

    kind: str  # "column: returns", "column: ranges", "entries", "stamps", "fills"; "honest inputs"
    low: float  # strength from
    high: float
    tried: int
    caught: int
    asked: (
        float | None
    )  # share that must be caught, or for honest inputs may be at most; None: nothing

    @property
    def share(self) -> float:
        """Of those tried."""
        return self.caught / max(self.tried, 1)

    @property
    def passed(self) -> bool:
        """Whether it is what is asked; of few tries (the quick exam) whether it may be."""
        if self.asked is None or not self.tried:
            return True
        if self.kind == HONEST:
            few = self.tried < MANY / self.asked
            chance = float(binom.sf(self.caught - 1, self.tried, self.asked))
            return self.share < self.asked or (few and chance > UNLIKELY)
        if self.tried >= MANY:
            return self.share >= self.asked
        return bool(binom.cdf(self.caught, self.tried, self.asked) > UNLIKELY)

    def as_json(self) -> dict[str, Any]:
        """The attributes, `share` and `passed`."""
        return asdict(self) | {"share": self.share, "passed": self.passed}


HONEST = "honest inputs"
MANY, UNLIKELY = 30, 0.01  # tries that a share is judged of as it is; else this chance decides
# Asked of leaks from the strength on that `KINDS` has; and, at most, of honest inputs.
CAUGHT, ALARMS = 0.95, 0.01
# Edges of the power curve, and from where on `CAUGHT` is asked: of ranges from higher up, since what tick
# volume honestly foretells of them (0.13 on real bars) hides weak leaks.
KINDS: dict[str, tuple[tuple[float, ...], float]] = {
    "column: returns": (STRENGTHS, 0.1),
    "column: ranges": (STRENGTHS, 0.3),
    "entries": ((0.0, 0.25, 0.5, 0.75, 1.01), 0.5),
    "stamps": ((0.0, 1.01), 0.0),
    "fills": ((0.0, 1.01), 0.0),
}


def _failed(findings: list[Finding]) -> bool:
    return any(finding.severity == "fail" for finding in findings)


def run_exam(
    *,
    quick: bool,
    seed: int,
    bars: Bars | None = None,
    on_step: Callable[[str], None] = lambda what: None,
) -> list[DetectionRate]:
    """Caught leaks by strength, and false alarms.

    Args:
        quick: fewer of both.
        seed: of markets, leaks and honest inputs.
        bars: on which; None: made ones, `MARKETS` of them.
        on_step: called with what is being done.
    """
    leaks, clean = (QUICK_LEAKS, QUICK_CLEAN) if quick else (LEAKS, CLEAN)
    markets = 1 if bars is not None else MARKETS // 4 if quick else MARKETS
    tries: list[tuple[str, float, bool]] = []
    for number in range(markets):
        rng = np.random.default_rng([seed, number])
        market_bars = inputs.simulated_bars(rng) if bars is None else bars
        market = market_of(market_bars, FIRST, inputs.LONGEST)
        on_step(f"market {number + 1} of {markets}: leaks")
        tries += _leaks(rng, market_bars, market, leaks // markets)
        for done in range(clean // markets):
            if done % 10 == 0:
                on_step(f"market {number + 1} of {markets}: honest inputs, {done}")
            tries.append((HONEST, 0.0, _false_alarm(rng, market_bars, market)))
    return list(_curve(tries))


def _leaks(
    rng: np.random.Generator, bars: Bars, market: Market, count: int
) -> Iterator[tuple[str, float, bool]]:
    """(kind, strength, caught) of random leaks."""
    for _ in range(count):
        where = rng.random()
        if where < 0.7:
            kind, values, strength = inputs.column_leak(rng, market)
            yield f"column: {kind}", strength, _failed(judge_columns(market, {"leak": values}))
        elif where < 0.85:
            share = float(rng.uniform(0.05, 1.0))
            yield (
                "entries",
                share,
                _failed(judge_entries(market, *inputs.entries(rng, market, share))),
            )
        else:
            kind = "stamps" if where < 0.93 else "fills"
            yield kind, 1.0, _failed(judge_fills(bars, *inputs.fills(rng, bars, kind), "a list"))


def _false_alarm(rng: np.random.Generator, bars: Bars, market: Market) -> bool:
    """Whether the audit fails five honest columns, a list of entries, or its fills."""
    columns = {f"column {i}": inputs.honest_column(rng, market) for i in range(5)}
    return (
        _failed(judge_columns(market, columns))
        or _failed(judge_entries(market, *inputs.entries(rng, market, 0.0)))
        or _failed(judge_fills(bars, *inputs.fills(rng, bars, HONEST), "a list"))
    )


def _curve(tries: list[tuple[str, float, bool]]) -> Iterator[DetectionRate]:
    for kind, (edges, asked_from) in KINDS.items():
        of_kind = [(strength, caught) for which, strength, caught in tries if which == kind]
        spans: list[tuple[float, float, float | None]] = []
        if len(edges) > 2:
            spans += [(low, high, None) for low, high in pairwise(edges)]
        spans.append((asked_from, 1.01, CAUGHT))
        for low, high, asked in spans:
            inside = [caught for strength, caught in of_kind if low <= strength < high]
            yield DetectionRate(kind, low, high, len(inside), sum(inside), asked)
    honest = [caught for which, _, caught in tries if which == HONEST]
    yield DetectionRate(HONEST, 0.0, 0.0, len(honest), sum(honest), ALARMS)
