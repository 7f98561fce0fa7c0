"""Hindsight and the terms of the reward of the reference simulator."""

import math
from collections.abc import Sequence

from jaxexit.truth.reference.fills import (
    ClosestCall,
    exit_side,
    market_order,
    net_at_market,
    net_fraction,
    stop_fill,
    swap_inside,
    swap_of_crossing,
)
from jaxexit.truth.reference.records import TIGHTEN_SL, TRAIL_BE, Bar, Rules, Trade


def best_single_order(
    bars: Sequence[Bar], trade: Trade, entry: float, rules: Rules, calls: ClosestCall
) -> tuple[float, int]:
    """Hindsight: the best net fraction of one order for everything, and its first decision.

    Only decisions that the untouched initial stop lets the trade reach count; guards do not.
    Decision `max_bars` stands for the close at the horizon.
    """
    best, best_decision = -math.inf, 0
    swap = 0.0
    for k in range(rules.max_bars):
        swap_after = swap + swap_of_crossing(bars, trade, k, entry, rules)
        fill = market_order(bars, trade, k, 1.0, "EXIT", rules)
        paid = swap_after if rules.order_fill == "next_open" else swap
        net = net_fraction(fill.price, entry, trade.direction, rules, 1.0) - paid
        if net > best:
            best, best_decision = net, k
        swap = swap_after
        if stop_fill(trade.stop, bars[trade.entry_bar + k + 1], trade.direction, calls):
            return best, best_decision
        swap += swap_inside(bars[trade.entry_bar + k + 1], trade, entry, None, rules)
        if bars[trade.entry_bar + k + 1].flat:
            close = exit_side(bars[trade.entry_bar + k + 1], trade.direction).close
            net = net_at_market(close, entry, trade.direction, rules, 1.0) - swap
            return (net, rules.max_bars) if net > best else (best, best_decision)
    close = exit_side(bars[trade.entry_bar + rules.max_bars], trade.direction).close
    net = net_at_market(close, entry, trade.direction, rules, 1.0) - swap
    if net > best:
        best, best_decision = net, rules.max_bars
    return best, best_decision


def regret(hindsight: float, net: float, rules: Rules) -> float:
    """Reward lost for the money missed, when the trade closes."""
    return -rules.regret_coef * rules.reward_scale * max(0.0, hindsight - net)


def impatience(k: int, rules: Rules) -> float:
    """Reward lost for being still open after step k."""
    return -rules.time_coef / (1.0 + math.exp(-0.05 * (k - rules.time_sigmoid_center)))


def action_cost(effective: int, rules: Rules) -> float:
    """Reward lost for moving the stop by an action."""
    if effective == TIGHTEN_SL:
        return -rules.tighten_sl_cost
    if effective == TRAIL_BE:
        return -rules.trail_sl_cost
    return 0.0


def drawdown(mfe: float, unrealised: float, rules: Rules) -> float:
    """Reward lost for what was given back from the best, beyond the threshold."""
    given_back = max(0.0, mfe - unrealised - rules.dd_threshold)
    return -rules.risk_coef * rules.reward_scale * given_back
