"""How large a difference between two exits has to be before a test can see it, known before the test is run.

The least difference that a test finds with 80% power, two-sided at 95% (the minimum detectable effect: Cohen
1988, Bloom 1995), is

    (c + z_0.80) x SE,

where SE is the standard error of a mean paired difference and c the critical value with which the package's
own verdict multiplies it (`evaluate.statistics.compare`): z_0.975 = 1.96 where there are very many trades,
more where independent periods are few or results have fat tails. Below `FEWEST_BLOCKS` independent periods
the verdict claims nothing, so no difference is detectable.

Both numbers come from validation: simple exits are paired with each other on its trades, and each pair is
scaled to the trades that are to be tested. Of the variance SE^2, the part s^2 / trades that independent
trades with the same deviation s would have falls with the number of trades; the rest, which trades that are
open together share, falls with the length of time. (Where entries are equally dense both are the number of
blocks.) The excess of c over z_0.975 falls with the length of time as well: it is a correction of first
order in the number of blocks (Hall 1992, chapter 3).

So the noise of validation is taken for that of the test. Where the market becomes more volatile, or exits
hold for longer than simple ones do, the test sees less than is said here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxexit import units
from jaxexit.evaluate.bootstrap import CONFIDENCE, DAY
from jaxexit.evaluate.statistics import FEWEST_BLOCKS, compare

POWER = 0.80
RESAMPLES = 250  # of each pair; the median over pairs is steadier than any of them
R_TO_SEE = 0.05
Z_CRITICAL = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
Z_POWER = NormalDist().inv_cdf(POWER)


class Size(NamedTuple):
    """How much data a set of trades is."""

    trades: int
    days: float  # from the first entry to the last, gaps between folds left out


@dataclass(frozen=True)
class Noise:
    """How far the mean paired difference between two exits strays by chance.

    Attributes:
        standard_error: of the mean.
        independent: the part of its variance that falls with the number of trades.
        excess: of the critical value over the normal distribution's.
        blocks: independent periods (`evaluate.bootstrap.Estimate`).
    """

    standard_error: float
    independent: float
    excess: float
    blocks: float

    def detectable(self, trades: float = 1.0, time: float = 1.0) -> float:
        """The least difference that is found with 80% power; infinite where no verdict is given.

        Args:
            trades: how many there are, in multiples of those that the noise is known from.
            time: how long they take, likewise.
        """
        if not math.isfinite(self.standard_error) or self.blocks * time < FEWEST_BLOCKS:
            return math.inf
        variance = self.independent / trades
        variance += (self.standard_error**2 - self.independent) / time
        return (Z_CRITICAL + self.excess / time + Z_POWER) * math.sqrt(variance)

    def needed(self, difference: float) -> float:
        """How many times the trades, equally dense, it takes until a difference is detectable.

        With q times the data SE falls by sqrt(q) and the excess by q, so that x = 1 / sqrt(q) is the positive
        root of excess x^3 + (z_0.975 + z_0.80) x = difference / SE.
        """
        if not math.isfinite(self.standard_error):
            return math.inf
        relative = difference / self.standard_error
        roots = np.roots([self.excess, 0.0, Z_CRITICAL + Z_POWER, -relative])
        x = roots.real[np.abs(roots.imag) < 1e-9].max()
        return max(1 / float(x) ** 2, FEWEST_BLOCKS / self.blocks)


def size(tables: Iterable[pd.DataFrame]) -> Size:
    """The size of trades in one stretch of time or several, each a table with `entry_time`."""
    entries = [table["entry_time"].to_numpy("datetime64[s]") for table in tables]
    spans = [float((e.max() - e.min()) / DAY) for e in entries if len(e)]
    return Size(sum(map(len, entries)), sum(spans))


def noise(table: pd.DataFrame, other: pd.DataFrame, *, seed: int = 0) -> dict[str, Noise]:
    """The noise of the paired difference of two exits, in the unit of results and in R.

    Args:
        table: trades of one, as `Backtest.play` gives them.
        other: the same trades of the other, in the same order.
        seed: of the bootstrap.
    """
    compared = compare(table, other, resamples=RESAMPLES, seed=seed)
    found = {}
    for unit, estimate in {compared.unit: compared.net, "r": compared.r}.items():
        column = units.key(unit, "net")
        spread = (table[column].to_numpy(float) - other[column].to_numpy(float)).var()
        error = estimate.standard_error
        if error > 0:
            critical = (estimate.high - estimate.value) / error
            usable = math.isfinite(error) and math.isfinite(critical)
            found[unit] = Noise(
                error if usable else math.inf,
                min(float(spread) / len(table), error**2),
                max(critical - Z_CRITICAL, 0.0) if usable else 0.0,
                estimate.blocks,
            )
    return found


def power(
    tables: Mapping[str, pd.DataFrame], tested: Mapping[str, Size], grain: float
) -> dict[str, Any]:
    """What tests of these sizes could see, from simple exits on the trades of validation.

    Args:
        tables: of each simple exit, by name, as `Backtest.play` gives them. Those that did nothing else than
            an earlier one are left out.
        tested: sizes of the sets of trades to be tested, by name.
        grain: the difference, in the unit of results, of which is said how many trades it would take.

    Returns:
        A JSON object: `unit`, `confidence`, `power`, `validation` (`trades`), `exits` and `pairs` compared;
        `trades_needed`; and by name of each test `trades`, `periods` (independent ones) and the least
        difference that it would find, `detectable_<unit>_mean` and `detectable_r_mean`: the median over the
        pairs, beside it the smallest and the largest (`..._range`). None for what no such test can see.
    """
    exits = _distinct(tables)
    first = next(iter(exits.values()))
    validation, unit = size([first]), units.of_table(first)
    with ThreadPoolExecutor() as pool:  # numpy releases the GIL
        pairs = list(pool.map(lambda pair: noise(*pair), combinations(exits.values(), 2)))
    by_unit = {name: [pair[name] for pair in pairs if name in pair] for name in (unit, "r")}
    needed = {
        name: {"difference": amount, "trades": _needed(by_unit[name], amount, validation.trades)}
        for name, amount in {unit: grain, "r": R_TO_SEE}.items()
    }
    return {
        "unit": unit,
        "confidence": CONFIDENCE,
        "power": POWER,
        "validation": {"trades": validation.trades},
        "exits": list(exits),
        "pairs": len(pairs),
        "trades_needed": needed,
        **{name: _test(by_unit, validation, to, unit) for name, to in tested.items()},
    }


def power_line(summary: Mapping[str, Any]) -> str:
    """What the test of a summary could have seen, in one line; empty for one from before that was known."""
    known = summary.get("power")
    if known is None:
        return ""
    test, unit = known[summary["split"]], known["unit"]
    least = test[units.key(unit, "detectable", "mean")]
    if least is not None:
        return f"this test could only have seen differences above {detectable_words(test, unit)} a trade"
    said = "this test could hardly have shown any difference"
    periods = test["periods"]
    if periods is not None and periods < FEWEST_BLOCKS:
        return f"{said}: about {periods:.1f} independent periods, at least {FEWEST_BLOCKS} needed"
    return f"{said}: {known['validation']['trades']:,} trades of validation are too few to tell"


def detectable_words(test: Mapping[str, Any], unit: str) -> str:
    """The least difference of a test in words, in the unit and in R."""
    said = [
        f"{value:{units.total_form(name, signed=False)}} {units.words(name)}"
        for name in dict.fromkeys((unit, "r"))
        if (value := test[units.key(name, "detectable", "mean")]) is not None
    ]
    return said[0] + "".join(f" ({other})" for other in said[1:])


def _distinct(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Without exits whose results equal those of an earlier one, such as a target that is never there."""
    kept: dict[str, pd.DataFrame] = {}
    for name, table in tables.items():
        net = table["net_fraction"].to_numpy(float)
        if not any(np.array_equal(net, other["net_fraction"]) for other in kept.values()):
            kept[name] = table
    return kept


def _test(
    by_unit: Mapping[str, Sequence[Noise]], validation: Size, tested: Size, unit: str
) -> dict[str, Any]:
    trades = tested.trades / validation.trades
    time = tested.days / validation.days if validation.days > 0 else 0.0
    test: dict[str, Any] = {
        "trades": tested.trades,
        "periods": _median([noise.blocks * time for noise in by_unit[unit]]),
    }
    for name, pairs in by_unit.items():
        least = [pair.detectable(trades, time) for pair in pairs]
        key = units.key(name, "detectable", "mean")
        test[key] = _median(least)
        test[f"{key}_range"] = [_finite(end) for end in (min(least), max(least))] if least else None
    return test


def _needed(pairs: Sequence[Noise], difference: float, trades: int) -> int | None:
    more = _median([pair.needed(difference) for pair in pairs])
    return None if more is None else math.ceil(more * trades)


def _median(values: Sequence[float]) -> float | None:
    return _finite(float(np.median(values))) if values else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
