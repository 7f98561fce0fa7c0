"""Where an order fills, where a stop goes, what it costs: written out for a long and a short."""

import math
from collections.abc import Sequence

from jaxexit.truth.reference.records import LONG, Bar, Costs, Fill, Quote, Reason, Rules, Trade

# --- the book ------------------------------------------------------------------------------


def exit_side(bar: Bar, direction: int) -> Quote:
    """A long sells at the bid, a short buys back at the ask."""
    return bar.bid if direction == LONG else bar.ask


def entry_side(bar: Bar, direction: int) -> Quote:
    """A long buys at the ask, a short sells at the bid."""
    return bar.ask if direction == LONG else bar.bid


def worsened(price: float, direction: int, rules: Rules) -> float:
    """The price after slippage: a long sells lower, a short buys back higher."""
    slippage = rules.slippage_pips * rules.pip + rules.slippage_fraction * price
    return price - slippage if direction == LONG else price + slippage


def order_commission(price: float, size: float, limit: bool, rules: Rules) -> float:
    """What an order over `size` of the position pays at `price`, in price units of the whole position."""
    rate = rules.commission
    if limit and rules.commission_maker is not None:
        rate = rules.commission_maker
    return max(size * (rate * price + rules.commission_fixed), rules.commission_minimum)


def commission_of(price: float, entry: float, size: float, limit: bool, rules: Rules) -> float:
    """Commission of both sides per unit of `size`, a fraction: the entry's own is shared by all closes."""
    opened = order_commission(entry, 1.0, False, rules)
    return (opened + order_commission(price, size, limit, rules) / size) / entry


def net_fraction(
    price: float, entry: float, direction: int, rules: Rules, size: float, limit: bool = False
) -> float:
    """Money per unit of size closed at `price` (after slippage), commission of both sides off."""
    gain = (price - entry) / entry if direction == LONG else (entry - price) / entry
    return gain - commission_of(price, entry, size, limit, rules)


def net_at_market(price: float, entry: float, direction: int, rules: Rules, size: float) -> float:
    """Money per unit if a market order over `size` met `price` now."""
    return net_fraction(worsened(price, direction, rules), entry, direction, rules, size)


# --- levels in the coming bar --------------------------------------------------------------


class ClosestCall:
    """Remembers the tightest comparison of two different numbers.

    Exact ties are not remembered: they are decided the same way in float32 as long as the two
    numbers are prices of the grid. Differences of prices are taken as fractions.
    """

    def __init__(self) -> None:
        self.smallest = math.inf

    def note(self, a: float, b: float, unit: float = 1.0) -> None:
        """A comparison of two numbers, whose distance is measured in `unit`."""
        if a != b:
            self.smallest = min(self.smallest, abs(a - b) / unit)


def stop_fill(
    stop: float, bar: Bar, direction: int, calls: ClosestCall
) -> tuple[float, bool] | None:
    """(raw price, whether at the open), or None if the bar never touches the stop."""
    side = exit_side(bar, direction)
    calls.note(side.open, stop, stop)
    if direction == LONG:
        if side.open <= stop:
            return side.open, True
        calls.note(side.low, stop, stop)
        if side.low <= stop:
            return stop, False
    else:
        if side.open >= stop:
            return side.open, True
        calls.note(side.high, stop, stop)
        if side.high >= stop:
            return stop, False
    return None


def target_fill(
    target: float | None, bar: Bar, direction: int, calls: ClosestCall
) -> tuple[float, bool] | None:
    """(raw price, whether at the open), or None if the bar never touches the limit."""
    if target is None:
        return None
    side = exit_side(bar, direction)
    calls.note(side.open, target, target)
    if direction == LONG:
        if side.open >= target:
            return side.open, True
        calls.note(side.high, target, target)
        if side.high >= target:
            return target, False
    else:
        if side.open <= target:
            return side.open, True
        calls.note(side.low, target, target)
        if side.low <= target:
            return target, False
    return None


# --- entry, market orders, swap ------------------------------------------------------------


def entry_fill(bars: Sequence[Bar], trade: Trade, rules: Rules) -> tuple[float, float]:
    """The price of the entry and half the spread there, in price units."""
    signal_bar, next_bar = bars[trade.entry_bar], bars[trade.entry_bar + 1]
    if rules.entry_fill == "next_open":
        price = entry_side(next_bar, trade.direction).open
        return price, (next_bar.ask.open - next_bar.bid.open) / 2.0
    if rules.entry_fill == "given_next_open":
        assert trade.given_fill is not None
        price = trade.given_fill
        middle = (next_bar.ask.open + next_bar.bid.open) / 2.0
        return price, price - middle if trade.direction == LONG else middle - price
    price = trade.entry_price
    if rules.entry_fill == "bar_close":
        price = entry_side(signal_bar, trade.direction).close
    # What the entry paid over the middle of the book; a file's price may even be better than it.
    middle = (signal_bar.ask.close + signal_bar.bid.close) / 2.0
    return price, price - middle if trade.direction == LONG else middle - price


def market_order(
    bars: Sequence[Bar], trade: Trade, k: int, size: float, reason: Reason, rules: Rules
) -> Fill:
    """A market order sent at decision k.

    With entry at the next open and orders at the bar's close, an order of decision 0 waits for its
    entry and fills at that open: nothing can be sold before it was bought.
    """
    waits_for_entry = k == 0 and rules.enters_next_bar
    at_open = rules.order_fill == "next_open" or waits_for_entry
    row = trade.entry_bar + k + 1 if at_open else trade.entry_bar + k
    bar = bars[row]
    side = exit_side(bar, trade.direction)
    raw = side.open if at_open else side.close
    spread = bar.ask.open - bar.bid.open if at_open else bar.ask.close - bar.bid.close
    price = worsened(raw, trade.direction, rules)
    return Fill(row, price, raw, size, reason, at_open, spread / 2.0)


def swap_of_crossing(
    bars: Sequence[Bar], trade: Trade, k: int, entry: float, rules: Rules
) -> float:
    """Swap per unit of size between the close of bar e+k and the open of bar e+k+1."""
    if k == 0 and rules.enters_next_bar:
        return 0.0  # the position opens after the rollover
    bar = bars[trade.entry_bar + k + 1]
    swap = swap_of_nights(bar.nights, trade, entry, rules)
    return swap + carried(bar, bar.carry, trade, entry)


def swap_of_nights(nights: float, trade: Trade, entry: float, rules: Rules) -> float:
    """Swap per unit of size, positive when it costs."""
    pips = rules.swap_long_pips if trade.direction == LONG else rules.swap_short_pips
    long = trade.direction == LONG
    fraction = rules.swap_long_fraction if long else rules.swap_short_fraction
    return nights * (pips * rules.pip / entry + fraction)


def carried(bar: Bar, rates: tuple[float, float], trade: Trade, entry: float) -> float:
    """Funding and borrowing per unit of size, of the notional at the bar's open, middle of the book."""
    rate = rates[0] if trade.direction == LONG else rates[1]
    return rate * (bar.bid.open + bar.ask.open) / 2.0 / entry


def swap_inside(bar: Bar, trade: Trade, entry: float, fill: Fill | None, rules: Rules) -> float:
    """Swap per unit of size of rollovers inside the bar, for what was open after its open.

    `fill` is what the bar closed it by, if anything. A fill at the open came before the rollover; a
    stop or target later in the bar may have come after it and is charged, but credited nothing.
    """
    swap = swap_of_nights(bar.nights_inside, trade, entry, rules)
    swap += carried(bar, bar.carry_inside, trade, entry)
    if fill is None or fill.reason == "TIME":
        return swap
    return 0.0 if fill.at_open else max(swap, 0.0)


# --- the coming bar ------------------------------------------------------------------------


def coming_bar_fill(
    bar: Bar,
    row: int,
    stop: float,
    stop_has_moved: bool,
    target: float | None,
    size: float,
    is_last: bool,
    entry: float,
    direction: int,
    rules: Rules,
    calls: ClosestCall,
) -> tuple[Fill | None, bool]:
    """What closes the open size in this bar, if anything, and whether it was ambiguous.

    The stop comes first, even where the open is already past the target. The same holds in each of the finer
    bars, where there are any; the first that reaches a level ends it.
    """
    stopped = limit = None
    is_first = True
    for number, part in enumerate(bar.finer or (bar,)):
        stopped = stop_fill(stop, part, direction, calls)
        limit = target_fill(target, part, direction, calls)
        is_first = number == 0
        if stopped is not None or limit is not None:
            break
    half_at_open = (bar.ask.open - bar.bid.open) / 2.0
    half_at_close = (bar.ask.close - bar.bid.close) / 2.0
    if stopped is not None:
        raw, jumped = stopped
        at_open = jumped and is_first
        price = worsened(raw, direction, rules)
        calls.note(stop, entry, entry)
        past_entry = stop >= entry if direction == LONG else stop <= entry
        reason: Reason = "BREAKEVEN_STOP" if past_entry and stop_has_moved else "STOP"
        half = half_at_open if at_open else half_at_close
        ambiguous = limit is not None and not jumped
        return Fill(row, price, raw, size, reason, at_open, half), ambiguous
    if limit is not None:
        raw, jumped = limit
        at_open = jumped and is_first
        half = half_at_open if at_open else half_at_close
        return Fill(row, raw, raw, size, "TARGET", at_open, half), False
    if is_last:
        raw = exit_side(bar, direction).close
        price = worsened(raw, direction, rules)
        return Fill(row, price, raw, size, "TIME", False, half_at_close), False
    return None, False


# --- the stop ------------------------------------------------------------------------------


def moved_stop(
    stop: float, candidate: float, close: float, entry: float, direction: int, rules: Rules
) -> float:
    """The stop after a wish to move it: never looser, never too near to the close."""
    distance = rules.min_stop_distance * entry
    if direction == LONG:
        return max(stop, min(candidate, close - distance))
    return min(stop, max(candidate, close + distance))


def tightened(stop: float, close: float, direction: int, rules: Rules) -> float:
    """Where TIGHTEN_SL wants the stop: part of the way to the close."""
    if direction == LONG:
        return stop + rules.tighten_fraction * (close - stop)
    return stop - rules.tighten_fraction * (stop - close)


def breakeven(entry: float, direction: int, rules: Rules) -> float:
    """Where TRAIL_BE wants the stop: at the entry, or a buffer beyond it."""
    if direction == LONG:
        return entry * (1.0 + rules.breakeven_buffer)
    return entry * (1.0 - rules.breakeven_buffer)


# --- costs ----------------------------------------------------------------------------------


def costs_by_kind(
    fills: Sequence[Fill], entry: float, entry_half_spread: float, swap: float, rules: Rules
) -> Costs:
    """What each kind of cost took, every fill with its share of the entry's half spread."""
    spread = commission = slippage = 0.0
    for fill in fills:
        spread += fill.size * (entry_half_spread + fill.half_spread) / entry
        limit = fill.reason == "TARGET"
        commission += fill.size * commission_of(fill.price, entry, fill.size, limit, rules)
        slippage += fill.size * abs(fill.price - fill.raw) / entry
    return Costs(spread, commission, slippage, swap)
