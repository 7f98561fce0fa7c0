"""Short charts drawn by hand, for tests whose result is worked out on paper."""

from jaxexit.truth.reference.records import Bar, Quote

PIP = 0.0001


def candle(
    open_: float,
    high: float,
    low: float,
    close: float,
    spread: float = 0.0,
    nights: float = 0.0,
    nights_inside: float = 0.0,
) -> Bar:
    """A bar in bid prices; the ask lies `spread` pips above it everywhere."""
    up = spread * PIP
    bid = Quote(open_, high, low, close)
    ask = Quote(open_ + up, high + up, low + up, close + up)
    return Bar(bid, ask, nights, nights_inside)


def flat(price: float, spread: float = 0.0, nights: float = 0.0, nights_inside: float = 0.0) -> Bar:
    """A bar that never moved."""
    return candle(price, price, price, price, spread, nights, nights_inside)
