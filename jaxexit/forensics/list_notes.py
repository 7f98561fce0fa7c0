"""What a reader of a diagnosed list must know: costs, R, times, what was left out, what looks wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from jaxexit.data.bars import Bars as LoadedBars
from jaxexit.data.charges import Charges
from jaxexit.data.trades import TradeList
from jaxexit.data.types import CLOSE, OPEN
from jaxexit.forensics.examined import AT_STOP, ATR_STOP, OWN_STOP, numbers

if TYPE_CHECKING:
    from jaxexit.config import Experiment

Prices = Literal["paid", "chart"]
"""paid: the list's prices are fills. chart: those of one side, or of the middle; the spread is charged."""

PAID_HALF = 0.5  # of half the spread: entries that paid less on the whole are prices of a chart
TELLING = 10  # prices; fewer do not tell


@dataclass(frozen=True, eq=False)
class Found:
    """A list on its bars: candidates [N], in the order of entry."""

    rows: pd.DataFrame  # of `file_candidates`, with own_stop and exit_bar
    counts: dict[str, int]
    remarks: tuple[str, ...]
    whole: int


def left_out(counts: dict[str, int]) -> str:
    """How many trades were left out, by reason."""
    return "; ".join(f"{n:,} {reason}" for reason, n in counts.items() if n) or "none"


def list_notes(
    experiment: Experiment,
    listed: TradeList,
    found: Found,
    trades: pd.DataFrame,
    bars: LoadedBars,
    charges: Charges,
    prices: Prices,
) -> tuple[str, ...]:
    """What was counted, in what, and what was not."""
    assumed = int((trades["risk_from"].to_numpy(str) == ATR_STOP).sum())
    atr = f"{experiment.env.initial_stop_atr:g} x ATR(14) of the entry bar (env.initial_stop_atr)"
    if not assumed:
        risk = "R: the distance from the entry to the list's own stop."
    elif assumed == len(trades):
        risk = f"R is assumed: the list has no stops, so 1 R is {atr}."
    else:
        risk = f"R: the list's own stop; for {assumed:,} trades without one {atr}."
    notes = [
        f"{len(trades):,} of {found.whole:,} trades examined; left out: {left_out(found.counts)}.",
        _costs_in_words(experiment, charges, trades, prices),
        *_paid_in_words(found.rows, bars, experiment.data.filled_at == "bar_open", prices),
        risk,
        *_passed_in_words(trades),
        f"Times are UTC; entries are filled at the {experiment.data.filled_at.removeprefix('bar_')} of their "
        f"bar (data.filled_at), matched {experiment.data.align} (data.align).",
    ]
    return (*notes, *(f"{remark}." for remark in dict.fromkeys(found.remarks)))


def _costs_in_words(
    experiment: Experiment, charges: Charges, trades: pd.DataFrame, prices: Prices
) -> str:
    """Where each cost came from, and which was none."""
    costs = experiment.costs
    charged = []
    if prices == "chart":
        charged.append("the bars' spread, half at either end")
    if charges.commission or charges.commission_fixed or charges.commission_minimum:
        charged.append("commission")
    held = ("swap_long", "swap_short", "swap_long_fraction", "swap_short_fraction")
    if any(getattr(charges, name) for name in held):
        charged.append("swap")
    if charges.carries:
        charged.append("funding and borrowing")
    own = "gross: the list's own prices"
    own += ", taken as paid (a spread is in them)" if prices == "paid" else ", of a chart"
    mean = float(numbers(trades, "cost_r").mean())
    if not charged:
        return (
            f"{own}. net: the same; nothing is charged, set costs.commission and the like with --set. Fees "
            "in columns of the list are not read."
        )
    more = " and slippage is in them" if costs.slippage or costs.slippage_pips else ""
    return (
        f"{own}{more}. net: less {', '.join(charged)} (section costs), {mean:.3f} R a trade. Fees in columns "
        "of the list are not read."
    )


def _passed_in_words(trades: pd.DataFrame) -> tuple[str, ...]:
    """How many trades the bars carried through their own stop before they ended."""
    own = trades["risk_from"].to_numpy(str) == OWN_STOP
    passed = int((own & (numbers(trades, "mae_r") < -1 - AT_STOP) & ~trades["at_stop"]).sum())
    if not passed:
        return ()
    return (
        f"{passed:,} trades went through their own stop in these bars and ended elsewhere: their stop was "
        "moved away, or these are not the bars that they were traded on.",
    )


def _paid_in_words(
    rows: pd.DataFrame, bars: LoadedBars, at_open: bool, prices: Prices
) -> tuple[str, ...]:
    """Whether the entries paid the spread, where their prices tell: a note that changes no number."""
    price = numbers(rows, "given_fill" if at_open else "entry_price")
    bar = rows["entry_bar"].to_numpy(int) + at_open
    column = OPEN if at_open else CLOSE
    half = 0.5 * (bars.ask[bar, column] - bars.bid[bar, column])
    middle = 0.5 * (bars.ask[bar, column] + bars.bid[bar, column])
    known = (half > 0) & (np.abs(price - middle) <= 3 * np.maximum(half, bars.grain))
    side = numbers(rows, "direction")
    both = [known & (side > 0), known & (side < 0)]
    if "inside_bar" in rows or min(int(which.sum()) for which in both) < TELLING:
        return ()
    long, short = (
        float(np.median((side * (price - middle) / np.where(half > 0, half, 1.0))[which]))
        for which in both
    )
    if (long + short) / 2 >= PAID_HALF or prices == "chart":
        return ()
    return (
        f"Entry prices look like those of a chart: against the bars' middle longs paid {long:+.1f} "
        f"and shorts {short:+.1f} half spreads (median). If no spread was paid in them, --prices chart "
        "charges it.",
    )
