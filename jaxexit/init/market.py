"""What the bars say: market, unit, clock; and with the list's prices their side and spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxexit.data.bars import Bars, counted_words, duration, find_gaps, lengthen, minute
from jaxexit.data.book import DEFAULT_SPREAD_PIPS, complete_book
from jaxexit.data.files.source import SERVER, UNSTATED
from jaxexit.data.hours import market_agreement, weekends
from jaxexit.data.inspect import inspect_bars
from jaxexit.data.markets import MarketKind, UnitName
from jaxexit.data.plausibility import likely_clock, suspicious_side
from jaxexit.data.quality import Quality
from jaxexit.data.quotes import check_quotes
from jaxexit.data.sample import bar_reading_of, book_of
from jaxexit.init.draft import Draft
from jaxexit.init.fit import Entries, Sides, sides_of
from jaxexit.init.questions import Question
from jaxexit.units import Unit

_UNITS: dict[str, UnitName] = {
    "pips": "pip",
    "ticks": "tick",
    "points": "point",
    "percent": "percent",
    "bps": "bps",
    "r": "R",
}
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
_WEEKENDS = ("currency pair", "metal")  # markets whose week is known
_AGREES = 0.5


@dataclass(frozen=True)
class Looked:
    """The bars as far as they are known."""

    quality: Quality
    bars: Bars  # without a spread where none is known yet

    @property
    def market(self) -> MarketKind:
        """Its kind."""
        return self.quality.market


def look(draft: Draft, looked: Looked) -> Looked:
    """Say what market the bars are of, in what it is counted, and on which clock they are.

    Args:
        draft: with `data.symbol` settled.
        looked: from `read`.

    Returns:
        The bars on that clock.
    """
    if _clock(draft, looked) is not None:
        looked = read(draft)
    _describe(draft, looked)
    return looked


def read(draft: Draft) -> Looked:
    """Read the bars as far as the draft says how.

    Raises:
        DataError: they cannot be read, or hold what no run accepts.
    """
    experiment = draft.experiment()
    quality = inspect_bars(
        draft.bars,
        bar_reading_of(experiment),
        timeframe=experiment.data.timeframe,
        **book_of(experiment),
    )
    if quality.bars is None:
        check_quotes(quality.quotes)
        raise AssertionError("bars with faults passed the check")
    return Looked(quality, quality.bars)


def _describe(draft: Draft, looked: Looked) -> None:
    bars, market = looked.bars, looked.market
    length = duration(find_gaps(bars.times).step)
    span = f"{minute(bars.times[0])} to {minute(bars.times[-1])} UTC"
    draft.tell("bars", f"{looked.quality.quotes.family}: {len(bars.times):,} of {length}, {span}")
    draft.tell("market", market.description)
    if market.kind == "unknown" and not (draft.says("data.unit") or draft.says("data.symbol")):
        question = Question(
            "data.unit",
            "What are results counted in (pip, tick, point, percent, bps)? Neither the symbol nor the prices "
            "say what market this is.",
            "percent",
            "the market was not recognised: percent of the entry means the same everywhere",
        )
        draft.asked(question, "unit")
    else:
        _write_unit(draft, bars.unit)
    if bars.calendar.name != "bars" or draft.says("data.calendar"):
        draft.set(
            "data.calendar",
            bars.calendar.name,
            "calendar",
            f"{bars.calendar.days_a_year:.1f} trading days a year, as the market has",
        )
    for words in looked.quality.suspicious:
        draft.notes.append(words)
    gaps = find_gaps(bars.times)
    if gaps.others:
        longest = f"{duration(gaps.longest)} after {minute(gaps.longest_after)}"
        draft.tell("gaps", f"{gaps.others:,} beside weekends, the longest {longest}")


def _write_unit(draft: Draft, unit: Unit) -> None:
    """The unit, so that a file of another name would not be counted in another one."""
    draft.set(
        "data.unit", _UNITS[unit.name], "unit", f"{counted_words(unit)}, usual for the market"
    )
    if unit.name == "pips" and not draft.says("data.pip"):
        draft.set("data.pip", unit.size, "pip", "by the symbol and the level of the prices")
    if unit.name in ("ticks", "points") and not draft.says("data.tick_size"):
        steps = "step that all prices are multiples of" if unit.name == "ticks" else "last digit"
        draft.set("data.tick_size", unit.size, unit.words[:-1], f"the prices' {steps}")


def _clock(draft: Draft, looked: Looked) -> str | None:
    """Say how the stamps became UTC. Returns a clock that they must be read on instead."""
    quotes, market = looked.quality.quotes, looked.market
    if draft.says("data.timezone"):
        draft.set("data.timezone", None, "clock of the bars", "")
        return None
    labelled = quotes.clock.startswith("as the stamps are labelled")
    watched = market.kind in _WEEKENDS
    likely = likely_clock(quotes.times) if watched else None
    if likely is not None and not labelled:
        draft.set(
            "data.timezone",
            likely,
            "clock of the bars",
            f"on {likely} weekends lie at the currency market's hours, on UTC they do not",
        )
        return likely
    edges = weekends(quotes.times)
    share = market_agreement(edges, "UTC") if watched else 0.0
    unstated = quotes.clock.endswith((UNSTATED.rule, SERVER.rule))
    if unstated and share < _AGREES:
        question = Question(
            "data.timezone",
            "On which clock are the bars' stamps (UTC, Europe/Athens, UTC+3, America/New_York+7)?",
            "UTC",
            "the stamps carry no offset, and nothing in the file tells",
        )
        return draft.asked(question, "clock of the bars")
    agree = f"; {share:.0%} of {len(edges.last):,} weekends lie at the market's hours"
    agree = agree if share >= _AGREES else ""
    words = "UTC" if unstated else quotes.clock
    draft.set("data.timezone", "auto", "clock of the bars", words + agree)
    return None


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
    filled_at = draft.experiment().data.filled_at
    paid = None
    if not two_sided and not quoted and np.ptp(looked.bars.ask - looked.bars.bid) < 1e-12:
        paid = sides_of(entries, looked.bars, filled_at)
    _side(draft, looked, paid, two_sided=two_sided)
    if two_sided or quoted:
        _quoted(draft, looked)
    else:
        _spread(draft, looked, paid)
    _commission(draft, looked.market)
    experiment = draft.experiment()
    book = complete_book(check_quotes(quotes), **book_of(experiment))
    return lengthen(book, experiment.data.timeframe)


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
    usual = "what charts of this market usually show" if side == "bid" else "last trades, near mid"
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
    if draft.experiment().costs.commission:  # the list has said it
        return
    draft.asked(question, "commission")
