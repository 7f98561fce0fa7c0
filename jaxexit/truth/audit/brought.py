"""What an experiment brings besides columns that can be recomputed: spread, scaling, and stamps of bars."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from jaxexit.data.bars import Bars
from jaxexit.data.sample import list_of
from jaxexit.data.tables import as_numbers
from jaxexit.data.trades import load_trades, reading_of
from jaxexit.truth.audit.finding import Finding
from jaxexit.truth.audit.subject import Inputs

CHECK = "inputs"
EXACT = 1e-6  # of a standard deviation: what a mean of 0 is apart from by accident is far more
FREE = 0.5  # share of the bars without a spread
FITS = 0.2  # share of the fills by which another bar must fit better
FEWEST_FILLS = 20
NEAR_THE_BEST, PICKED = 0.05, 0.5  # share of the bar's range; share of the fills
PIECE = 0.02  # grains (pips, or basis points): a price this far outside a bar still fits it


def check(inputs: Inputs) -> list[Finding]:
    """One finding for each thing that was looked at."""
    return [_spread(inputs), *_scaled(inputs), *_fills(inputs)]


def _spread(inputs: Inputs) -> Finding:
    spread = inputs.bars.spread[inputs.first_entry :]
    free = float((spread <= 0).mean())
    where, size = (
        f"{len(spread):,} bars",
        f"median {np.median(spread):.2f} {inputs.bars.unit.of_costs.words}, {free:.1%} of bars without one",
    )
    if free < FREE:
        return Finding(CHECK, "pass", "trading costs a spread", where, size)
    advice = "no market is free to trade: supply bid and ask quotes, or set costs.spread"
    return Finding(CHECK, "warning", "the spread is 0", where, size, advice)


def _scaled(inputs: Inputs) -> Iterator[Finding]:
    """Finished columns scaled by mean and deviation, or by extremes, of a whole stretch of the file."""
    names, table, sound = inputs.dataset.origin.columns, inputs.bars.table, 0
    for name in names:
        values = as_numbers(pd.Series(table[name]))
        defined = np.isfinite(values)
        for words, part in (("the whole file", values[defined]), *_splits(inputs, values)):
            how = _standardised(part)
            if how is not None:
                yield Finding(
                    CHECK,
                    "fail",
                    f"column `{name}` was scaled by {words}",
                    f"{len(part):,} bars",
                    how,
                    "scale by what was known at each bar, or by constants (scale, center)",
                )
                break
        else:
            sound += 1
    if sound:
        what = "no column of the file is scaled by a whole sample"
        yield Finding(
            CHECK,
            "pass",
            what,
            "the file, and the bars before and from test on",
            f"{sound} columns",
        )


def _splits(inputs: Inputs, values: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The stretch of bars up to the test's first entry, and from there on."""
    start = int(np.asarray(inputs.dataset.splits["test"].entry_bar).min())
    for words, part in (
        ("all bars before test", values[:start]),
        ("the bars of test", values[start:]),
    ):
        yield words, part[np.isfinite(part)]


def _standardised(x: np.ndarray) -> str | None:
    """Whether x has mean 0 and deviation 1, or extremes 0 and 1 or -1 and 1 met once each: how, in words."""
    if len(x) < 100 or not x.std() > 0:
        return None
    if abs(x.mean()) < EXACT * x.std() and min(abs(x.std(ddof=d) - 1.0) for d in (0, 1)) < EXACT:
        return "mean 0 and standard deviation 1, exactly"
    low, high = float(x.min()), float(x.max())
    once = (x == low).sum() == 1 and (x == high).sum() == 1
    if once and high == 1.0 and low in (0.0, -1.0) and len(np.unique(x)) > 0.5 * len(x):
        return f"smallest {low:g} and largest 1, exactly, once each"
    return None


def _fills(inputs: Inputs) -> list[Finding]:
    """What a list's own prices say of its stamps and of how they came about."""
    listed = list_of(inputs.experiment, inputs.dataset.sources)
    if listed is None:
        return []
    rows, _ = load_trades(listed, reading_of(inputs.experiment.data))
    entered = rows["entry_time"].to_numpy().astype("datetime64[ns]")
    price, side = rows["entry_price"].to_numpy(float), rows["direction"].to_numpy(float)
    return judge_fills(inputs.bars, entered, price, side, listed.name)


def judge_fills(
    bars: Bars, entered: np.ndarray, price: np.ndarray, side: np.ndarray, name: str
) -> list[Finding]:
    """Whether fills are within the bars of their times, and are not the best price of each.

    Args:
        bars: T of them.
        entered: [N] datetime64[ns], UTC.
        price: [N] nan where none is given.
        side: [N] +1 long, -1 short, 0 no trade.
        name: of the list.

    Returns:
        Nothing where there are fewer than `FEWEST_FILLS` prices on bars.
    """
    times = bars.times
    bar = np.minimum(np.searchsorted(times, entered), len(times) - 1)
    known = np.isfinite(price) & (side != 0) & (bar > 0) & (bar < len(times) - 1)
    known &= times[bar] == entered
    if known.sum() < FEWEST_FILLS:
        return []
    bar, price, side, room = bar[known], price[known], side[known], PIECE * bars.grain
    low, high = bars.bid[:, 2], bars.ask[:, 1]
    fits = {
        shift: float(
            ((price >= low[bar + shift] - room) & (price <= high[bar + shift] + room)).mean()
        )
        for shift in (-1, 0, 1)
    }
    where = f"{known.sum():,} fills of {name}"
    size = ", ".join(f"{share:.0%} fit {_WHICH[shift]}" for shift, share in fits.items())
    best = max(fits, key=lambda shift: fits[shift])
    if best != 0 and fits[best] >= fits[0] + FITS:
        advice = "use one clock for bars and trades (data.timezone), and stamp bars at their opens"
        what = f"fills match {_WHICH[best]}: bars and trades are stamped differently"
        return [Finding(CHECK, "fail", what, where, size, advice)]
    findings = [Finding(CHECK, "pass", "fills are within the bars of their times", where, size)]
    width = np.maximum(high[bar] - low[bar], 1e-12)
    missed = np.where(side > 0, price - low[bar], high[bar] - price) / width
    picked = float((missed < NEAR_THE_BEST).mean())
    if picked > PICKED:
        size = f"{picked:.0%} within {NEAR_THE_BEST:.0%} of their bar's range from it"
        advice = "a bar's extreme is known only after its close: give the price that was traded"
        findings.append(
            Finding(CHECK, "fail", "fills are the best price of their bar", where, size, advice)
        )
    return findings


_WHICH = {-1: "the bar before", 0: "their own bar", 1: "the bar after"}
