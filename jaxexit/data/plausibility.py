"""What looks wrong in a file although no row of it is: clock, scale, unit of the spread, side.

Nothing is changed here. Each line says which option corrects it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from jaxexit.data.hours import NEW_YORK, in_weekend, market_agreement, weekends
from jaxexit.data.markets import MarketKind
from jaxexit.data.quotes import Quotes
from jaxexit.data.spreads import POINTS

_FEWEST_WEEKENDS = 2
_ACCEPTED = 0.5  # share of weekends at the market's hours from which a clock is accepted
_AGREEING = 0.8  # the same for another clock to be named
_LONGEST_STEP = np.timedelta64(1, "h")  # longer bars do not show the market's hours
_SCALES = (100_000.0, 1_000.0)  # five- and three-digit quotes stored as whole points
_HALF_POINTS = 0.2
_SPLITS = (1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0, 100.0)
_NEAR_SPLIT = 0.08  # logarithm: what the market may have moved beside it
_JUMP, _SMALLEST_JUMP = 15.0, 0.35  # usual moves, logarithm: what may be a split
_SHOWN = 3
_NEVER_SHUT = 0.2  # share of bars in weekends from which on a market trades through them


def implausible(quotes: Quotes, pip: float | None, market: MarketKind) -> tuple[str, ...]:
    """Everything below that applies, one line each.

    Args:
        quotes: of the file.
        pip: price units; None: the market has no pips.
        market: its kind; only currencies and metals have the currency market's week.
    """
    prices = next(iter(quotes.sides.values()))
    lines = []
    if market.kind in ("currency pair", "metal", "unknown"):
        clock = suspicious_clock(quotes.times)
        # A wrong clock moves bars into weekends.
        lines.append(clock or suspicious_weekends(quotes.times, prices))
    if market.kind != "currency pair":
        lines.append(suspicious_splits(quotes.times, prices))
    lines.append(suspicious_scale(prices))
    if pip is not None:
        lines += [suspicious_spread(quotes, pip), suspicious_side(quotes, pip)]
    return tuple(f"suspicious: {words}" for words in lines if words)


def suspicious_clock(times: np.ndarray) -> str:
    """Whether weekends lie at other hours than the market's; then which clock would put them right."""
    best = likely_clock(times)
    if best is None:
        return ""
    edges = weekends(times)
    middle = len(edges.last) // 2
    return (
        f"the clock: on UTC the week ends with the bar of {_words(edges.last[middle])} and begins with "
        f"{_words(edges.first[middle])}, hours at which the currency market does not shut or open; on "
        f"{best} it does. If that is the clock of these stamps: data.timezone: {best} (--tz {best}, or "
        "--source-offset where they are labelled UTC)"
    )


def likely_clock(times: np.ndarray) -> str | None:
    """The clock that puts weekends at the currency market's hours; None: UTC does that, or no clock does.

    Args:
        times: [T] datetime64[ns], rising stamps read as UTC, of bars of an hour or less.
    """
    edges = weekends(times)
    if edges.step > _LONGEST_STEP or len(edges.last) < _FEWEST_WEEKENDS:
        return None
    if market_agreement(edges, "UTC") >= _ACCEPTED:
        return None
    shares = {clock: market_agreement(edges, clock) for clock in clocks()}
    best = max(shares, key=lambda clock: shares[clock])
    return best if shares[best] >= _AGREEING else None


def clocks() -> list[str]:
    """Clocks that brokers have, the usual ones first."""
    shifts = [7, *(h for h in range(-7, 19) if h != 7)]  # UTC-12 to UTC+14
    return [
        *(f"{NEW_YORK}{hours:+d}" if hours else NEW_YORK for hours in shifts),
        *(f"UTC{hours:+d}" for hours in range(-12, 15) if hours),
        *(f"Europe/London{hours:+d}" if hours else "Europe/London" for hours in range(-5, 6)),
    ]


def _words(time: np.datetime64) -> str:
    return f"{pd.Timestamp(time):%a %H:%M}"


def suspicious_weekends(times: np.ndarray, prices: np.ndarray) -> str:
    """Whether there are bars while the market is shut; a market that never shuts has none of them."""
    inside = in_weekend(times)
    flat = inside & (prices[:, 1] == prices[:, 2])
    if not inside.any() or (inside.mean() > _NEVER_SHUT and flat.sum() < inside.sum() / 2):
        return ""
    return (
        f"{int(inside.sum()):,} bars lie in the weekend, {int(flat.sum()):,} of them flat fillers: data "
        "convert --repair removes the fillers"
    )


def suspicious_splits(times: np.ndarray, prices: np.ndarray) -> str:
    """Whether prices jump between two bars by a whole factor, as a split does that nobody adjusted for."""
    if len(times) < 2:
        return ""
    close, opened = prices[:-1, 3], prices[1:, 0]
    move = np.log(opened / close)
    usual = np.median(np.abs(np.log(prices[1:, 3] / close))) or 1e-12
    jumps = np.flatnonzero(np.abs(move) > max(_JUMP * float(usual), _SMALLEST_JUMP))
    said = []
    for at in jumps:
        factor = float(np.exp(np.abs(move[at])))
        nearest = min(_SPLITS, key=lambda split: abs(np.log(factor / split)))
        if abs(np.log(factor / nearest)) < _NEAR_SPLIT:
            ratio = f"{nearest:g}:1" if move[at] < 0 else f"1:{nearest:g}"
            said.append(f"{ratio} at {pd.Timestamp(times[at + 1]):%Y-%m-%d}")
    if not said:
        return ""
    more = f" and {len(said) - _SHOWN} more" if len(said) > _SHOWN else ""
    return (
        f"the price jumps like a split ({', '.join(said[:_SHOWN])}{more}): a trade across it would show a "
        "gain or loss that never happened; use split-adjusted prices"
    )


def suspicious_scale(prices: np.ndarray) -> str:
    """Whether prices are whole points, e.g. 105236 for 1.05236."""
    close = prices[:, 3]
    if np.median(close) < 20_000 or not (prices == np.round(prices)).all():
        return ""
    factor = next(scale for scale in _SCALES if np.median(close) / scale >= 0.2)
    return (
        f"all prices are whole numbers around {np.median(close):,.0f}: multiplied by {factor:,.0f}? "
        f"data convert --price-scale {factor:.0f} divides them"
    )


def suspicious_spread(quotes: Quotes, pip: float) -> str:
    """Whether a spread column counts points or price units where pips are taken."""
    if quotes.spread is None or quotes.spread_unit == POINTS:
        return ""
    spread = quotes.spread[np.isfinite(quotes.spread) & (quotes.spread > 0)]
    if not len(spread):
        return ""
    median = float(np.median(spread))
    if median < 20 * pip:
        return f"a median spread of {median:g} pips: is the column in price units? Divide it by {pip:g}"
    if median >= 5 and (spread == np.round(spread)).all():
        return (
            f"the spread is whole numbers around {median:g}: points of 0.1 pip, not pips? Name the column "
            "spread_points"
        )
    return ""


def suspicious_side(quotes: Quotes, pip: float) -> str:
    """Whether one side's prices have the half points that only a mid has."""
    if "bid" in quotes.sides and "ask" in quotes.sides:
        return ""
    close = next(iter(quotes.sides.values()))[:, 3] / pip * 10  # in points
    half = np.abs(close - np.floor(close) - 0.5) < 0.05
    if (
        half.mean() < _HALF_POINTS
        or (np.abs(close - np.round(close)) < 0.05).mean() + half.mean() < 0.99
    ):
        return ""
    return (
        f"{half.mean():.0%} of the closes have half a point: these are mid prices, not bid or ask"
    )
