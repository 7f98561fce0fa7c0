"""Foresight: columns, entries and exits that know what comes after them, at every horizon that a trade lives.

A column that was computed before it came into the bar file is data: replacing the future cannot show that it
peeks. What it knows can. Each column is held against the returns, ranges and best exits of 1, 2, 4, ... bars
ahead and of each single bar, beyond what its own past and the market's explain (`dependence`). Entries and
the policy's exits are series of the same kind: what follows them is compared with what follows other bars.

How much is too much was measured on columns that are honest (docs/exams.md): indicators, clocks, noise of any
memory, tick volume and spreads on real bars. With later returns none is correlated by 0.07, with later ranges
tick volume, the best of them, by 0.13.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from jaxexit.env import ACTIONS
from jaxexit.machine import cores
from jaxexit.truth.audit.dependence import Seen, Series, strongest
from jaxexit.truth.audit.finding import Finding, Severity
from jaxexit.truth.audit.market import LONGEST, Market, market_of
from jaxexit.truth.audit.subject import Inputs, Subject

CHECK = "foresight"
SURE = 0.001  # p value, of all statistics of a check together
# Correlation with what comes: from where it is odd, and from where no honest column has it.
ODD, IMPOSSIBLE = {"return": 0.04, "size": 0.1}, {"return": 0.06, "size": 0.15}
# Mean move after an entry, or against an exit, in standard deviations. Of 0.3 and a trade a day an annual
# Sharpe ratio of nearly 5 would be made.
ODD_EDGE, IMPOSSIBLE_EDGE = 0.15, 0.3

_ADVICE = (
    "shift it to the bar at whose close it is known, compute it in data.recipe, or leave it out"
)


def check(inputs: Inputs) -> list[Finding]:
    """Columns of the observation, and entries, that predict later bars."""
    return _of(inputs, range(np.asarray(inputs.dataset.market.features).shape[1]))


def check_brought(inputs: Inputs) -> list[Finding]:
    """The same of what the program does not make of the bars by itself: before every training."""
    from_file = sorted({f.column_index for f in inputs.dataset.features if f.from_bars})
    if not from_file and inputs.experiment.data.entries != "trades":
        return []
    return _of(inputs, from_file)


def _of(inputs: Inputs, tested: Sequence[int]) -> list[Finding]:
    market = market_of(inputs.bars, inputs.first_entry, horizon(inputs))
    features = inputs.dataset.features
    values = np.asarray(inputs.dataset.market.features, float)[market.first :]
    columns = {
        ", ".join(f"`{f.name}`" for f in features if f.column_index == index): values[:, index]
        for index in tested
    }
    tables = inputs.dataset.splits.values()
    bar = np.concatenate([np.asarray(trades.entry_bar) for trades in tables])
    side = np.concatenate([np.asarray(trades.direction, float) for trades in tables])
    return [*judge_columns(market, columns), *judge_entries(market, bar, side)]


def horizon(inputs: Inputs) -> int:
    """How many bars ahead exits live on."""
    return min(LONGEST, inputs.experiment.env.max_bars)


def judge_columns(market: Market, columns: Mapping[str, np.ndarray]) -> list[Finding]:
    """Columns that predict more than an honest one could.

    Args:
        market: n bars.
        columns: by what they are called, [n] each.
    """
    _ = market.returns, market.ranges, market.sizes, market.exits  # once, before the threads
    with ThreadPoolExecutor(cores()) as pool:
        strongest_of = list(
            pool.map(lambda column: dict(strongest(market, column)), columns.values())
        )
    family = sum(seen.tests for by_kind in strongest_of for seen in by_kind.values())
    ranked = sorted(
        (
            (seen, kind, name)
            for name, by_kind in zip(columns, strongest_of, strict=True)
            for kind, seen in by_kind.items()
        ),
        key=lambda row: -abs(row[0].z),
    )
    where = f"{len(market.close):,} bars, up to {market.longest} ahead"
    findings = [
        _column(name, kind, seen, family, where)
        for seen, kind, name in ranked
        if seen.p(family) < SURE and abs(seen.r) >= ODD[kind]
    ]
    if findings or not ranked:
        return findings
    seen, _, name = ranked[0]
    size = f"strongest: {name} with {seen.what}, r = {seen.r:+.3f}, "
    size += f"p {_p(seen, family)} of {family:,} tests"
    return [Finding(CHECK, "pass", "no column predicts more than an honest one could", where, size)]


def _column(name: str, kind: str, seen: Seen, family: int, where: str) -> Finding:
    severity: Severity = "fail" if abs(seen.r) >= IMPOSSIBLE[kind] else "warning"
    size = f"r = {seen.r:+.2f}, p {_p(seen, family)} of {family:,} tests"
    size += "; no honest column predicts so well" if severity == "fail" else ""
    what = f"column {name} predicts {seen.what}"
    return Finding(CHECK, severity, what, where, size, _ADVICE)


def _p(seen: Seen, family: int) -> str:
    p = seen.p(family)
    return "< 1e-6" if p < 1e-6 else f"= {p:.2g}"


def judge_entries(market: Market, bar: np.ndarray, side: np.ndarray) -> list[Finding]:
    """Entries whose direction knows what follows; nothing where every bar is entered both ways.

    Args:
        market: of the file's bars.
        bar: [N] entry bars, rows of the file.
        side: [N] +1 long, -1 short.
    """
    return _events(
        market, bar, side, f"{len(bar):,} entries", "entries anticipate later moves",
        "enter on what is known at the entry bar's close; a list chosen in hindsight is no strategy",
    )  # fmt: skip


def exits(subject: Subject) -> list[Finding]:
    """Exits that the policy chose, against what came after: who knows the future leaves before the fall."""
    market = market_of(subject.bars, subject.first_entry, horizon(subject))
    records = subject.records
    taken, chosen = np.asarray(records.taken), np.asarray(records.chosen)
    side = np.asarray(subject.dataset.splits[subject.split].direction, float)
    rows, ks = np.nonzero(
        taken & (chosen == ACTIONS.index("EXIT")) & (np.asarray(records.fired) == 0)
    )
    return _events(
        market, subject.entry_bars[rows] + ks, -side[rows],
        f"{len(rows):,} exits on {subject.split}", "exits anticipate later moves",
        "a column of the observation, or a fill, uses later bars: see the other checks",
    )  # fmt: skip


def _events(
    market: Market, bar: np.ndarray, side: np.ndarray, where: str, what: str, advice: str
) -> list[Finding]:
    """Events that gain from the moves after them, of the sign `side`."""
    kept = bar >= market.first
    bar, side = bar[kept] - market.first, side[kept]
    signed = np.bincount(bar, side, len(market.close))
    if np.abs(signed).sum() < 2:
        return []
    seen = list(
        Series(signed - signed.mean()).against(market.returns, market.longest, "the move of ")
    )
    # In standard deviations of the move, for each event.
    per_event = float(signed.std()) * len(market.close) / max(float(np.abs(signed).sum()), 1.0)
    best = max(seen, key=lambda statistic: statistic.z)
    edge = best.r * per_event
    size = f"{best.what}: {edge:+.2f} standard deviations each, "
    size += f"p {_p(best, len(seen))} of {len(seen):,} tests"
    if best.p(len(seen)) >= SURE or edge < ODD_EDGE:
        negated = what.replace(" anticipate", " do not anticipate")
        return [Finding(CHECK, "pass", negated, where, size)]
    severity: Severity = "fail" if edge >= IMPOSSIBLE_EDGE else "warning"
    return [Finding(CHECK, severity, what, where, size, advice)]
