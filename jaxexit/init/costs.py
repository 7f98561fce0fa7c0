"""What trading costs, by the bars and the list: side, spread, commission, and what nobody says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jaxexit.data.bars import Bars, lengthen
from jaxexit.data.book import DEFAULT_SPREAD_PIPS, complete_book
from jaxexit.data.markets import MarketKind
from jaxexit.data.plausibility import suspicious_side
from jaxexit.data.quotes import check_quotes
from jaxexit.data.sample import book_of
from jaxexit.init.draft import Draft
from jaxexit.init.fit import Entries, Sides, sides_of
from jaxexit.init.market import Looked
from jaxexit.init.questions import Question

_SIDES = {"currency pair": "bid", "metal": "bid", "index": "bid"}
"""What charts of a market show where nobody says; of all others last trades, which are taken as mid."""
_SPREADS = {
    "metal": "2 bps",
    "index": "1 bps",
    "future": "1 ticks",
    "crypto": "2 bps",
    "stock": "2 bps",
    "unknown": "2 bps",
}
"""Orders of magnitude of liquid markets, to be replaced by one's own; of a currency pair 1 pip."""
_COMMISSIONS = {"crypto": (0.001, "0.1% a side, what takers usually pay on spot exchanges")}
_NO_COMMISSION = (0.0, "none: right only where the broker lives on the spread")


def complete(draft: Draft, looked: Looked, entries: Entries) -> Bars:
    """Settle side, spread and commission; both sides of the book as a run gets them.

    Args:
        draft: with `data.filled_at` settled.
        looked: the bars.
        entries: of the list, on the bars' clock.

    Raises:
        DataError: as `complete_book`.
    """
    quotes = looked.quality.quotes
    two_sided = {"bid", "ask"} <= set(quotes.sides)
    quoted = quotes.spread is not None and bool(np.isfinite(quotes.spread).any())
    paid = None if two_sided or quoted else _paid(draft, looked, entries)
    _side(draft, looked, paid, two_sided=two_sided)
    if two_sided or quoted:
        _quoted(draft, looked)
    else:
        _spread(draft, looked, paid)
    _commission(draft, looked.market)
    _missing(draft, looked.market, entries)
    experiment = draft.experiment()
    book = complete_book(check_quotes(quotes), **book_of(experiment))
    return lengthen(book, experiment.data.timeframe)


def _paid(draft: Draft, looked: Looked, entries: Entries) -> Sides | None:
    """What longs paid above shorts on bars of one side; None where it contradicts the side that is known."""
    bars, data = looked.bars, draft.experiment().data
    known = data.price_side if draft.says("data.price_side") else looked.quality.quotes.usual_side
    if known in ("bid", "ask"):  # a spread that was only taken for granted goes
        plain = bars.bid if known == "bid" else bars.ask
        bars = replace(bars, bid=plain, ask=plain)
    paid = sides_of(entries, bars, data.filled_at)
    return None if paid is None or known not in (None, "auto", paid.side) else paid


def _side(draft: Draft, looked: Looked, paid: Sides | None, *, two_sided: bool) -> None:
    quotes, label = looked.quality.quotes, "price side"
    named = next(iter(quotes.sides))
    if two_sided:
        return draft.set("data.price_side", "auto", label, "bid and ask, both in the file")
    if named != "unknown":
        return draft.set("data.price_side", "auto", label, f"{named}, as the columns say")
    if quotes.usual_side is not None and not draft.says("data.price_side"):
        how = next((words for words in quotes.remarks if words.startswith(quotes.usual_side)), None)
        words = how or f"usual for {quotes.family}"
        return draft.set("data.price_side", quotes.usual_side, label, words)
    pip = looked.bars.pip
    if pip is not None and (halves := suspicious_side(quotes, pip)):
        return draft.set("data.price_side", "mid", label, halves)
    if paid is not None:
        return draft.set(
            "data.price_side",
            paid.side,
            label,
            f"{paid.longs:,} longs and {paid.shorts:,} shorts of the list were filled on either side of it",
        )
    side = _SIDES.get(looked.market.kind, "mid")
    usual = (
        "what charts of this market usually show"
        if side == "bid"
        else "bars of such a market are usually of last trades, which are taken as mid"
    )
    question = Question(
        "data.price_side",
        "Which side are the bars (bid, ask, mid)? The file does not say.",
        side,
        usual,
    )
    draft.asked(question, label)
    return None


def _quoted(draft: Draft, looked: Looked) -> None:
    spread = looked.quality.spread
    if spread is None:
        return
    known = spread[np.isfinite(spread)]
    costs = looked.quality.unit.of_costs
    middle, high = np.percentile(known, [50, 99])
    missing = f"; missing in {len(spread) - len(known):,} bars" if len(known) < len(spread) else ""
    draft.tell(
        "spread",
        f"in the file: median {middle:.3g} {costs.words}, 99% {high:.3g}{missing}",
    )


def _spread(draft: Draft, looked: Looked, paid: Sides | None) -> None:
    key = "costs.spread_pips" if draft.says("costs.spread_pips") else "costs.spread"
    if draft.says(key):
        return draft.set(key, None, "spread", "")
    bars = looked.bars
    if paid is not None:
        return draft.set(
            key,
            _amount(paid.spread, bars),
            "spread",
            "none in the bars; by the median longs of the list were filled so much above shorts",
        )
    kind = looked.market.kind
    usual = (
        f"{DEFAULT_SPREAD_PIPS:g} pips"
        if bars.unit.name == "pips"
        else "1 ticks"
        if bars.unit.name == "ticks"
        else _SPREADS.get(kind, "2 bps")
    )
    question = Question(
        key,
        "How wide is the spread ('1.4 pips', '2 bps', '0.1 price')? The bars have none.",
        usual,
        "a guess at a liquid market: take what your broker shows",
    )
    draft.asked(question, "spread")
    return None


def _amount(price: float, bars: Bars) -> str:
    """A distance as an amount of `costs`, in pips, else in basis points of the usual price."""
    if bars.pip is not None:
        return f"{price / bars.pip:.3g} pips"
    return f"{1e4 * price / float(np.median(bars.mid[:, 3])):.3g} bps"


def _commission(draft: Draft, market: MarketKind) -> None:
    if draft.says("costs.commission_per_lot"):
        return
    value, why = _COMMISSIONS.get(market.kind, _NO_COMMISSION)
    question = Question(
        "costs.commission",
        "What commission is charged a side, as a fraction of the notional (0.001 is 0.1%)?",
        value,
        why,
    )
    if any(fact.key == question.key for fact in draft.facts):  # the list says it
        return
    draft.asked(question, "commission")


def _missing(draft: Draft, market: MarketKind, entries: Entries) -> None:
    """Costs that are taken to be none because neither the files nor the user say them."""
    said = draft.says("costs.slippage") or draft.says("costs.slippage_pips")
    if not said:
        draft.set(
            "costs.slippage",
            None,
            "slippage",
            "none: EXIT, stops and the close at the horizon fill at their price",
            "assumed",
        )
    short = bool((entries.direction < 0).any())
    more = {
        "currency pair": "swap for nights (costs.swap_long, costs.swap_short)",
        "metal": "swap for nights (costs.swap_long, costs.swap_short)",
        "index": "financing for nights (costs.swap_long, costs.swap_short)",
        "crypto": "funding, if it is a perpetual (costs.funding)",
        "stock": "the fee for borrowing what is sold short (costs.borrow)" if short else "",
    }.get(market.kind, "")
    key = next((key for key in ("swap_long", "funding", "borrow") if key in more), "")
    if more and not any(draft.says(f"costs.{name}") for name in (key, f"{key}_pips")):
        draft.notes.append(f"not in the costs: {more}")
