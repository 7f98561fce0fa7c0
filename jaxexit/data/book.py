"""From quotes to bars with both sides of the book.

Where quotes have one side, or mid, the other side is derived once, here: with their own spread, else with the
constant `costs.spread`.
"""

from __future__ import annotations

from typing import Literal, Unpack

import numpy as np

from jaxexit.data.amounts import Measures, spread_in_price
from jaxexit.data.bar_files import AS_SAID, BarReading, read_quotes
from jaxexit.data.bars import Bars, Book, PriceSide, lengthen
from jaxexit.data.calendars import calendar_of
from jaxexit.data.files.format import File
from jaxexit.data.markets import MarketKind, UnitName, recognise, unit_of
from jaxexit.data.plausibility import implausible
from jaxexit.data.quotes import Quotes
from jaxexit.data.spreads import POINTS, point_of
from jaxexit.errors import DataError
from jaxexit.limits import check_float32
from jaxexit.units import Amount, Unit, amount

DEFAULT_SPREAD_PIPS = 1.0
MOST_UNITS = 2.0**60  # in a price, or prices in one of them
_BELOW = {"bid": 0.0, "mid": 0.5, "ask": 1.0}  # share of the spread between the quotes and the bid


def load_bars(
    path: File,
    reading: BarReading = AS_SAID,
    *,
    timeframe: str | None = None,
    **book: Unpack[Book],
) -> Bars:
    """Read a bar or tick file of any format, or such a table, and complete the book.

    Args:
        path: the file; see `read_quotes`.
        reading: how it is read.
        timeframe: e.g. "M15", made of shorter bars or of ticks; None: bars as they are, ticks to M1.
        **book: how the book is completed.

    Raises:
        DataError: see `read_quotes`, `complete_book` and `lengthen`.
    """
    return lengthen(complete_book(read_quotes(path, reading), **book), timeframe)


def complete_book(
    quotes: Quotes,
    *,
    price_side: PriceSide = "auto",
    spread: float | str | None = None,
    spread_pips: float | None = None,
    unit: UnitName = "auto",
    pip: float | None = None,
    tick_size: float | None = None,
    symbol: str | None = None,
    calendar: str = "auto",
) -> Bars:
    """Both sides of the book from what the file has; arguments as in `Book`.

    Raises DataError where the side is not known and a spread is to be added, where it is named
    against the file, and where a market that is no currency pair has no spread and none is said.
    """
    prices = next(iter(quotes.sides.values()))
    market = recognise(
        quotes.file or quotes.where, quotes.table, quotes.times, prices, symbol, quotes.family
    )
    counted = unit_of(market, prices, unit=unit, pip=pip, tick_size=tick_size)
    _check_unit(counted, prices)
    if counted.name == "pips":
        pip = counted.size
    measures = Measures(counted, pip, prices)
    said = amount(spread) if spread is not None else None
    if spread_pips is not None:
        said = Amount(spread_pips, "pips")
    key = "costs.spread" if spread_pips is None else "costs.spread_pips"
    side: PriceSide = "auto"
    assumed: str | None = None
    if "bid" in quotes.sides and "ask" in quotes.sides:
        if price_side != "auto":
            raise DataError(
                f"{quotes.where}: data.price_side: got {price_side}, expected auto, since the bars "
                "have both sides"
            )
        unused = "" if said is None else f" ({key} {said.value:g} not used)"
        bid, ask = quotes.sides["bid"], quotes.sides["ask"]
        origin = "bid and ask from the file" + unused
    else:
        side = _one_side(quotes, price_side, said)
        distance, source = _spread(quotes, said, key, measures, market)
        assumed = source if quotes.spread is None else None
        check_float32(distance, quotes.where, f"the spread ({source})")
        distance = distance[:, None]
        bid, ask = prices - _BELOW[side] * distance, prices + (1 - _BELOW[side]) * distance
        origin = f"{side} bars with {source}"
        if not (bid > 0).all():
            raise DataError(
                f"{quotes.where}: the spread is larger than the price, check costs.spread and "
                "data.pip"
            )
    return Bars(
        quotes.where,
        quotes.times,
        bid,
        ask,
        pip,
        quotes.table,
        origin,
        quotes.widened,
        side if "unknown" in quotes.sides else "auto",
        quotes.family,
        quotes.clock,
        assumed,
        quotes.remarks + implausible(quotes, pip, market),
        counted,
        market,
        calendar_of(calendar, market, quotes.times),
        side,
    )


def _check_unit(unit: Unit, prices: np.ndarray) -> None:
    """Refuse a pip, tick or point in which results would be no numbers to the device.

    Squares of prices counted in it, as rewards and their spread have them, must be held too.
    """
    if unit.base != "price":
        return
    usual = float(np.median(prices[:, 3]))
    if usual > 0 and not 1 / MOST_UNITS < usual / unit.size < MOST_UNITS:
        key = "data.pip" if unit.name == "pips" else "data.tick_size"
        raise DataError(
            f"{key}: got {unit.size:g}, expected a part of the prices, which are around {usual:g}: single "
            f"precision does not hold results in such {unit.words}"
        )


def _one_side(
    quotes: Quotes, price_side: PriceSide, said: Amount | None
) -> Literal["bid", "ask", "mid"]:
    """Which side the file's only OHLC columns are."""
    (named,) = quotes.sides
    if named in _BELOW:
        if price_side not in ("auto", named):
            raise DataError(
                f"{quotes.where}: data.price_side: got {price_side}, expected auto or {named}, as the "
                "columns say"
            )
        return "bid" if named == "bid" else "ask"
    if price_side != "auto":
        return price_side
    if quotes.usual_side is not None:
        return quotes.usual_side
    if quotes.spread is None and said is not None and said.value == 0:
        return "mid"  # without a spread all sides are the same
    raise DataError(
        f"{quotes.where}: the bars have one side and do not say which, set data.price_side "
        "(--price-side) to bid, ask or mid"
    )


def _spread(
    quotes: Quotes, said: Amount | None, key: str, measures: Measures, market: MarketKind
) -> tuple[np.ndarray, str]:
    """Spread of each bar in price units [T], and where it comes from; `key` is what says it."""
    close = measures.prices[:, 3]
    if said is None and measures.unit.name == "pips":
        said = Amount(DEFAULT_SPREAD_PIPS, "pips")
    constant = None
    if said is not None:
        price, fraction = measures.of(said, key)
        constant = price + fraction * close
    counts = measures.unit.of_costs.words if said is None or said.counts == "own" else said.counts
    if quotes.spread is None or (constant is None and np.isnan(quotes.spread).all()):
        if constant is None or said is None:
            raise DataError(
                f"{quotes.where}: the bars have no spread, and none is usual for this market, "
                f"{market.description}: set costs.spread, e.g. '2 bps' or '0.1 price'"
            )
        return np.broadcast_to(
            constant, close.shape
        ), f"a constant spread of {said.value:g} {counts}"
    missing = np.isnan(quotes.spread)
    words = "pips" if measures.pip is not None else "price units"
    if quotes.spread_unit == POINTS:
        words = f"points of {np.format_float_positional(point_of(measures.prices))}"
    spread = spread_in_price(quotes, measures.pip)
    assert spread is not None
    source = f"the file's spread in {words}"
    if missing.any():
        if constant is None or said is None:
            constant = float(np.median(spread[~missing]))
            said, counts = Amount(constant, "price"), "in price, the median"
        source += f" ({int(missing.sum()):,} bars without one: {said.value:g} {counts})"
        spread = np.where(missing, constant, spread)
    return spread, source
