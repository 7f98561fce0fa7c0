"""How numbers of a diagnosis are written."""

from __future__ import annotations

import math

NOTHING = "-"


def in_r(value: float | None, digits: int = 2) -> str:
    """A result in R with its sign; what rounds to zero has none."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{value:+,.{digits}f}"
    return text if text.strip("+-0.,") else text.lstrip("+-")


def share(value: float | None, digits: int = 0) -> str:
    """A share of one as a percentage."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:.{digits}%}"


def interval(low: float | None, high: float | None, digits: int = 2) -> str:
    """Both ends, or a dash where there is no interval."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return NOTHING
    return f"{in_r(low, digits)} to {in_r(high, digits)}"
