"""What the bars say: market, unit, clock."""

from __future__ import annotations

from dataclasses import dataclass

from jaxexit.data.bars import Bars, duration, find_gaps, minute
from jaxexit.data.files.source import SERVER, UNSTATED
from jaxexit.data.hours import market_agreement, weekends
from jaxexit.data.inspect import inspect_bars
from jaxexit.data.markets import MarketKind, UnitName
from jaxexit.data.plausibility import likely_clock
from jaxexit.data.quality import Quality
from jaxexit.data.quotes import check_quotes
from jaxexit.data.sample import bar_reading_of, book_of
from jaxexit.init.draft import Draft
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
    draft.facts.sort(
        key=lambda fact: fact.label not in ("bars", "market")
    )  # what they are comes first
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
    draft.set("data.unit", _UNITS[unit.name], "unit", "usual for the market")
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
