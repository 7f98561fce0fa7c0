"""Foresight: columns that look as if they knew the next bar.

A column that was computed before it came into the bar file is data: replacing the future cannot show that it
peeks. What it knows can: each column's rank correlation (Spearman) with the next bar's return, close to
close of the mid, after what is linear in the present close has been taken out of it (so that tomorrow's price
is as suspect as tomorrow's return). Under the null of unpredictable returns rho x sqrt(n - 1) is standard
normal however long the column's own memory is; p values are Bonferroni's over all columns.

Short-term effects in real bars are worth a few hundredths. Beyond one half lies even the alternation of
trades between bid and ask (Roll 1984), the strongest that a market makes by itself.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm, rankdata

from jaxexit.truth.audit.finding import Finding, Severity
from jaxexit.truth.audit.subject import Subject

CHECK = "foresight"
SURE = 0.001  # p value, adjusted
SUSPICIOUS, IMPOSSIBLE = 0.1, 0.5  # absolute rank correlation


def check(subject: Subject) -> list[Finding]:
    """Columns of the observation that foretell the next bar more than they could."""
    close = subject.bars.mid[:, 3]
    first = min(
        int(np.asarray(trades.entry_bar).min()) for trades in subject.dataset.splits.values()
    )
    bars = slice(first, len(close) - 1)
    ahead = np.log(close[first + 1 :] / close[bars])
    columns = np.asarray(subject.dataset.market.features, float)[bars]
    n, tested = columns.shape
    found: list[tuple[str, float, float]] = []  # names, rho, adjusted p
    for index in range(tested):
        rho = _foretells(columns[:, index], close[bars], ahead)
        p = min(1.0, 2 * float(norm.sf(abs(rho) * math.sqrt(n - 1))) * tested)
        names = [f.name for f in subject.dataset.features if f.column_index == index]
        found.append((", ".join(names), rho, p))
    found.sort(key=lambda one: -abs(one[1]))
    findings = [
        _finding(names, rho, p, n, tested)
        for names, rho, p in found
        if p < SURE and abs(rho) >= SUSPICIOUS
    ]
    if findings or not found:
        return findings
    names, rho, p = found[0]
    what = f"no feature foretells the next bar's return by more than {SUSPICIOUS:g}"
    size = f"largest rank correlation {rho:+.3f}, p {p:.2g} after {tested} tests"
    return [Finding(CHECK, "pass", what, f"{names}, {n:,} bars", size)]


def _finding(names: str, rho: float, p: float, n: int, tested: int) -> Finding:
    severity: Severity = "fail" if abs(rho) > IMPOSSIBLE else "warning"
    size = f"rank correlation {rho:+.3f} with the next bar's return, p {p:.2g} after {tested} tests"
    return Finding(
        CHECK,
        severity,
        f"feature {names} knows the next bar"
        if severity == "fail"
        else f"feature {names}: too good",
        f"{n:,} bars",
        size,
        "see how the column was made: shift it to the bar at whose close it is known, or leave it out",
    )


def _foretells(column: np.ndarray, close: np.ndarray, ahead: np.ndarray) -> float:
    """Spearman's rho of what a column adds to the close, with the next return. [n] each."""
    level = close - close.mean()
    rest = column - column.mean()
    rest = rest - level * (rest @ level) / max(level @ level, 1e-30)
    if not np.ptp(rest) > 1e-9 * max(1.0, float(np.abs(column).max())):
        return 0.0  # a constant, or the close itself
    return float(np.corrcoef(rankdata(rest), rankdata(ahead))[0, 1])
