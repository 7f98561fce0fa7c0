"""What each part of a diagnosis is and rests on, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jaxexit.forensics.plays import RAN_R, TARGET_R, horizon_of, own_stops

if TYPE_CHECKING:
    from jaxexit.forensics.diagnosis import Diagnosis


def words(diagnosis: Diagnosis) -> dict[str, str]:
    """What each part is and rests on."""
    examined, settings = diagnosis.examined, diagnosis.settings
    at_stop = examined.trades["at_stop"].to_numpy(bool)
    horizon = horizon_of(examined, np.flatnonzero(at_stop))
    after = settings.after
    bars = f"{after} bar{'s' * (after != 1)}"
    wider = (
        "Trades that ended at their own initial stop, played on by the environment's rules (gaps fill at the "
        "open, the stop before the target in one bar) with the stop further away and their own target, for "
        f"at most {horizon:,} bars from the entry, against the same play at the stop as it was. Same size: "
        "1 R is what it was. Same risk: a stop twice as far halves every position, and every result. Each "
        "width is a look at these trades: the best of several is not what the next ones will give."
    )
    if not own_stops(examined):
        wider = "The list has no stops of its own: there is nothing to widen."
    return {
        "excursions": (
            "A point is a trade: its best (MFE) and worst (MAE) unrealised result in R before its exit, and "
            "where it ended between them. The bar of the exit counts only by the exit itself."
        ),
        "left_on_the_table": (
            "Given up: MFE less the result. No rule sells at every high: the best price is known afterwards "
            "only. "
            f"The best and the worst price of the {bars} after the exit are extremes too: even on a random "
            "walk the one is above zero and the other as far below; only their difference says something."
        ),
        "after_exit": (
            f"The move of the price in the {bars} after the exit, in R and in the trade's direction: above "
            "zero, "
            "leaving was early; below, in time. Winners and losers are chosen by their result, known at the "
            "exit."
        ),
        "wider_stops": wider,
        "scratches": (
            f"Trades closed within {settings.scratch_r:g} R of their entry before costs, or at a stop moved "
            "to it, played on with their initial stop and target (none: "
            f"{TARGET_R:g} R). Ran first: with an MFE of at least {RAN_R:g} R."
        ),
        "groups": (
            "Entries by hour and weekday in UTC, the bars' clock. Intervals (95%) are for one group looked "
            "at by itself: of twenty groups that are like all others one leaves the mean of all trades out "
            "by luck. Groups of fewer than 10 trades, or of too short a time, have none."
        ),
        "months": "Net R by the month of the exit (UTC); an empty month had no exit.",
        "drawdowns": (
            "Equity in R, one R a trade, open trades marked to market at bar closes. Days are calendar days."
        ),
        "ratios": "Net results in R, the same R in every trade, nothing compounded.",
        "chances": _chance_words(diagnosis),
    }


def _chance_words(diagnosis: Diagnosis) -> str:
    chances = diagnosis.chances
    return (
        f"{chances.paths:,} accounts of {len(diagnosis.examined.trades):,} trades that risk "
        f"{chances.size:.2%} of "
        f"themselves at each, drawn from these in blocks of {chances.block} that followed each other, on "
        f"average. Ruin: {1 - chances.ruin:.0%} of the start is left or less, at any time. It assumes that "
        "trades to come are like these, that 1 R is never exceeded but as here (gaps included), that each is "
        "closed before the next is sized (trades that overlap are taken one after the other, in the order of "
        "their exits), and costs as above. It cannot know of a market that these trades have not seen."
    )
