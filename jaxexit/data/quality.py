"""The quality report of a bar, tick or trade file: `python -m jaxexit.data inspect`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jaxexit.data.amounts import spread_in_price
from jaxexit.data.bars import Book, counted_words, duration, find_gaps, minute
from jaxexit.data.export import replacing
from jaxexit.data.hours import market_agreement, weekends
from jaxexit.data.markets import MarketKind, recognise, unit_of
from jaxexit.data.plausibility import implausible
from jaxexit.data.quotes import Fault, Quotes, find_faults
from jaxexit.errors import DataError
from jaxexit.names import drawn
from jaxexit.units import Unit, key

if TYPE_CHECKING:
    from jaxexit.data.bars import Bars

PERCENTILES = (1, 25, 50, 75, 99, 100)
_LONGEST = 5  # gaps that are listed


@dataclass(frozen=True)
class Quality:
    """What a file holds, right or wrong."""

    quotes: Quotes  # unchecked
    market: MarketKind
    unit: Unit  # of results
    faults: tuple[Fault, ...]
    suspicious: tuple[str, ...]  # what is implausible in it
    spread: (
        np.ndarray | None
    )  # [T] in `unit.of_costs` at the close, as the file has it; nan where missing
    bars: Bars | None = None  # what a run would get; None where it refuses the file

    @property
    def bad(self) -> np.ndarray:
        """[T] bool: rows with any fault."""
        rows = np.zeros(len(self.quotes.times), bool)
        for fault in self.faults:
            rows |= fault.rows
        return rows


def assess(quotes: Quotes, book: Book | None = None, bars: Bars | None = None) -> Quality:
    """Look through unchecked quotes. Raises DataError where there are less than two rows."""
    if len(quotes.times) < 2:
        raise DataError(f"{quotes.where}: one bar only, at least two are needed")
    asked: Book = book or {}
    prices = next(iter(quotes.sides.values()))
    market = recognise(
        quotes.file or quotes.where,
        quotes.table,
        quotes.times,
        prices,
        asked.get("symbol"),
        quotes.family,
    )
    unit = unit_of(
        market,
        prices,
        unit=asked.get("unit", "auto"),
        pip=asked.get("pip"),
        tick_size=asked.get("tick_size"),
    )
    pip = unit.size if unit.name == "pips" else asked.get("pip")
    spread = spread_in_price(quotes, pip)
    if "bid" in quotes.sides and "ask" in quotes.sides:
        spread = quotes.sides["ask"][:, 3] - quotes.sides["bid"][:, 3]
    if spread is not None:
        costs = unit.of_costs
        spread = spread / (costs.size if costs.base == "price" else costs.size * prices[:, 3])
    faults, suspicious = tuple(find_faults(quotes)), implausible(quotes, pip, market)
    return Quality(quotes, market, unit, faults, suspicious, spread, bars)


def as_lines(quality: Quality) -> list[str]:
    """The report, one fact a line."""
    quotes, times = quality.quotes, np.sort(quality.quotes.times)
    gaps = find_gaps(times)
    sides = " and ".join(quotes.sides).replace("unknown", "one side")
    if quotes.usual_side and "unknown" in quotes.sides:
        sides = f"{quotes.usual_side} (usual for the format)"
    lines = [
        f"format: {quotes.family}",
        f"rows: {len(times):,} bars of {duration(gaps.step)}, {sides}",
        f"range: {minute(times[0])} to {minute(times[-1])} UTC",
        f"clock: {quotes.clock}",
        f"weekends: {_weekend_words(times, quality.market)}",
        f"gaps: {gaps.others:,} beside weekends{_gap_words(times)}",
        f"spread: {_spread_words(quality)}",
        f"market: {quality.market.description}; {counted_words(quality.unit)}",
        f"price: {_price_words(quotes)}",
        f"bad bars: {_fault_words(quality)}",
    ]
    lines += [f"note: {remark}" for remark in quotes.remarks]
    lines += [words.replace("suspicious:", "SUSPICIOUS:", 1) for words in quality.suspicious]
    return lines


def _weekend_words(times: np.ndarray, market: MarketKind) -> str:
    edges = weekends(times)
    last = edges.last
    if market.kind not in ("currency pair", "metal", "unknown"):
        return f"{len(last):,}"  # other markets have other hours
    if not len(last):
        return "none in the file, the clock cannot be checked"
    if edges.step > np.timedelta64(1, "h"):
        return f"{len(last):,}; bars too long to check the clock"
    share = market_agreement(edges, "UTC")
    return f"{len(last):,}, {share:.0%} from Friday to Sunday 17:00 New York as the market's"


def _gap_words(times: np.ndarray) -> str:
    steps = np.diff(times)
    usual = np.sort(steps)[len(steps) // 2]
    noon, week = np.datetime64("1970-01-03T12", "ns"), np.timedelta64(7, "D")
    other = np.where(np.diff((times - noon) // week) > 0, np.timedelta64(0), steps)
    order = np.argsort(-other.astype(np.int64), kind="stable")[:_LONGEST]
    listed = [
        f"{duration(gap)} after {minute(start)}"
        for gap, start in zip(other[order], times[order], strict=True)
        if gap > usual
    ]
    return f", the longest {'; '.join(listed)}" if listed else ""


def _spread_words(quality: Quality) -> str:
    if quality.spread is None:
        usual = (
            " (1 pip unless you say)"
            if quality.unit.name == "pips"
            else ", and must be said: '2 bps'"
        )
        return f"none in the file, costs.spread adds it{usual}"
    known = quality.spread[np.isfinite(quality.spread)]
    missing = len(quality.spread) - len(known)
    if not len(known):
        return f"missing in all {missing:,} bars"
    values = np.percentile(known, PERCENTILES)
    names = [f"{p}%" if p != 50 else "median" for p in PERCENTILES[:-1]] + ["max"]
    words = ", ".join(f"{name} {value:.2f}" for name, value in zip(names, values, strict=True))
    words += f" {quality.unit.of_costs.words}; {int((known == 0).sum()):,} zero, "
    words += f"{int((known < 0).sum()):,} negative"
    return words + (f", {missing:,} missing" if missing else "")


def _price_words(quotes: Quotes) -> str:
    prices = next(iter(quotes.sides.values()))
    known = prices[np.isfinite(prices)]
    return f"{known.min():.6g} to {known.max():.6g}"


def _fault_words(quality: Quality) -> str:
    if not quality.faults:
        return "none"
    counted = []
    for fault in quality.faults:
        row = int(np.argmax(fault.rows))
        what = fault.what if not fault.of_time else f"a time that {fault.what}"
        counted.append(f"{int(fault.rows.sum()):,} with {what} (first in row {row + 1})")
    bad = f"{int(quality.bad.sum()):,}: {', '.join(counted)}"
    return f"{bad}; a run refuses them, data convert --repair removes them"


def as_record(quality: Quality) -> dict[str, Any]:
    """What the lines say as plain values, for `--json`."""
    spread = quality.spread
    known = spread[np.isfinite(spread)] if spread is not None else np.array([])
    edges = weekends(np.sort(quality.quotes.times))
    return {
        "format": quality.quotes.family,
        "clock": quality.quotes.clock,
        "sides": list(quality.quotes.sides),
        "usual_side": quality.quotes.usual_side,
        key(quality.unit.of_costs.name, "spread"): {
            f"p{p}": float(v)
            for p, v in zip(PERCENTILES, np.percentile(known, PERCENTILES), strict=True)
        }
        if len(known)
        else None,
        "spread_missing": int(len(spread) - len(known)) if spread is not None else None,
        "weekends_seen": len(edges.last),
        "market_hours_share": market_agreement(edges, "UTC"),
        "bad_bars": {fault.what: int(fault.rows.sum()) for fault in quality.faults},
        "doubts": [words.removeprefix("suspicious: ") for words in quality.suspicious],
        "remarks": list(quality.quotes.remarks),
    }


def draw(quality: Quality, path: Path) -> None:
    """Price, spread by hour of the day, gaps and bad bars as a small PNG."""
    from matplotlib.figure import Figure

    times, close = quality.quotes.times, next(iter(quality.quotes.sides.values()))[:, 3]
    thin = np.unique(np.linspace(0, len(times) - 1, 2000).astype(int))
    figure = Figure(figsize=(9, 6), layout="constrained")
    price, hours, gaps = figure.subplots(3, 1, height_ratios=[3, 2, 1])
    price.plot(times[thin], close[thin], linewidth=0.8)
    bad = np.flatnonzero(quality.bad)[:2000]
    if len(bad):
        price.plot(
            times[bad], close[bad], "rx", markersize=4, label=f"{int(quality.bad.sum()):,} bad bars"
        )
        price.legend()
    price.set_title(
        f"{drawn(Path(quality.quotes.where).name)}: {quality.quotes.family}, {len(times):,} bars"
    )
    price.set_ylabel("close")
    hour = pd.DatetimeIndex(times).hour.to_numpy()
    if quality.spread is not None:
        shown = range(24)
        groups = [quality.spread[(hour == h) & np.isfinite(quality.spread)] for h in shown]
        level = [[np.percentile(g, q) if len(g) else np.nan for g in groups] for q in (50, 99)]
        hours.bar(shown, level[0], label="median")
        hours.plot(shown, level[1], "k_", label="99%")
        hours.set_ylabel(f"spread, {quality.unit.of_costs.words}")
        hours.legend()
    else:
        hours.bar(range(24), np.bincount(hour, minlength=24))
        hours.set_ylabel("bars")
    hours.set_xlabel("hour, UTC")
    steps = np.diff(times) / np.timedelta64(1, "h")
    long = steps > np.median(steps)
    gaps.vlines(times[:-1][long], 0, np.minimum(steps[long], 96), linewidth=0.8)
    gaps.set_ylabel("gap, h")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=80)
