"""Policies that look at closes only: known exploits, and the baselines that move levels."""

from collections.abc import Callable, Sequence

from jaxexit.truth.reference.fills import entry_fill, exit_side
from jaxexit.truth.reference.records import (
    EXIT,
    HOLD,
    LONG,
    PARTIAL,
    TIGHTEN_SL,
    TRAIL_BE,
    Bar,
    Order,
    Rules,
    Trade,
)

TRAIL_DISTANCE = 6 * 2.0**-17


def tighten_every_bar(bars: Sequence[Bar], trade: Trade, rules: Rules) -> list[Order]:
    """The exploit that once earned a Sharpe of 6.95."""
    return [Order(TIGHTEN_SL)] * rules.max_bars


def breakeven_at_once(bars: Sequence[Bar], trade: Trade, rules: Rules) -> list[Order]:
    return [Order(TRAIL_BE)] * rules.max_bars


def partial_then_breakeven(bars: Sequence[Bar], trade: Trade, rules: Rules) -> list[Order]:
    """PARTIAL until the guards have let all of them through, TRAIL_BE in between."""
    return [Order(PARTIAL if k % 2 == 0 else TRAIL_BE) for k in range(rules.max_bars)]


def leave_at_first_profit(bars: Sequence[Bar], trade: Trade, rules: Rules) -> list[Order]:
    """EXIT at each close that is better than the entry."""
    entry, _ = entry_fill(bars, trade, rules)
    orders = []
    for k in range(rules.max_bars):
        close = exit_side(bars[trade.entry_bar + k], trade.direction).close
        is_open = k > 0 or not rules.enters_next_bar
        ahead = close > entry if trade.direction == LONG else close < entry
        orders.append(Order(EXIT if is_open and ahead else HOLD))
    return orders


def classical(bars: Sequence[Bar], trade: Trade, rules: Rules) -> list[Order]:
    """The entry's own stop and target, untouched."""
    return [Order(HOLD, target=trade.target)] * rules.max_bars


def trail_behind(bars: Sequence[Bar], trade: Trade, rules: Rules) -> list[Order]:
    """A stop requested six ticks behind each close."""
    orders = []
    for k in range(rules.max_bars):
        close = exit_side(bars[trade.entry_bar + k], trade.direction).close
        away = TRAIL_DISTANCE
        stop = close - away if trade.direction == LONG else close + away
        orders.append(Order(HOLD, stop=stop))
    return orders


Script = Callable[[Sequence[Bar], Trade, Rules], list[Order]]

SCRIPTS: dict[str, Script] = {
    "tighten_every_bar": tighten_every_bar,
    "breakeven_at_once": breakeven_at_once,
    "partial_then_breakeven": partial_then_breakeven,
    "leave_at_first_profit": leave_at_first_profit,
    "classical": classical,
    "trail_behind": trail_behind,
}
