"""The trade simulator written a second time: slow, plain, in float64, one bar after another.

It exists to disagree with the environment. It shares no code with it, uses no sign trick (a
long and a short are each written out with the side of the book they trade on) and no arrays.
The order of events in one step is that of the design: guards, market order, new stop, then the
coming bar: stop first, then target, else the close at the horizon.
"""

import math
from collections.abc import Sequence

from jaxexit.truth.reference.fills import (
    ClosestCall,
    breakeven,
    coming_bar_fill,
    costs_by_kind,
    entry_fill,
    exit_side,
    market_order,
    moved_stop,
    net_at_market,
    net_fraction,
    stop_fill,
    swap_inside,
    swap_of_crossing,
    tightened,
)
from jaxexit.truth.reference.records import (
    EXIT,
    HOLD,
    LONG,
    PARTIAL,
    SHORT,
    TIGHTEN_SL,
    TRAIL_BE,
    Bar,
    Fill,
    GuardRule,
    Order,
    Result,
    Rules,
    Step,
    Trade,
)

# --- guards --------------------------------------------------------------------------------


def forbidden_actions(
    k: int,
    profit: float,
    partials_used: int,
    last_tighten: int | None,
    rules: Rules,
    calls: ClosestCall,
) -> dict[int, frozenset[GuardRule]]:
    """For each action that a guard stops at decision k, the rules that stop it."""
    exit_rules: set[GuardRule] = set()
    calls.note(profit, rules.min_profit_for_exit)
    if profit < rules.min_profit_for_exit:
        if not rules.exit_allows_loss:
            exit_rules.add("min_profit")
        else:
            calls.note(profit, 0.0)
            if profit >= 0.0:
                exit_rules.add("min_profit")
    if k < rules.min_bars_for_exit:
        exit_rules.add("min_bars")

    tighten_rules: set[GuardRule] = set()
    if last_tighten is not None and k - last_tighten < rules.tighten_cooldown:
        tighten_rules.add("cooldown")

    trail_rules: set[GuardRule] = set()
    calls.note(profit, rules.min_profit_for_trail)
    if profit < rules.min_profit_for_trail:
        trail_rules.add("min_profit")
    if k < rules.min_bars_for_trail:
        trail_rules.add("min_bars")

    partial_rules: set[GuardRule] = set()
    calls.note(profit, rules.min_profit_for_partial)
    if profit < rules.min_profit_for_partial:
        partial_rules.add("min_profit")
    if k < rules.min_bars_for_partial:
        partial_rules.add("min_bars")
    if partials_used >= rules.max_partials:
        partial_rules.add("none_left")

    found = {
        EXIT: exit_rules,
        TIGHTEN_SL: tighten_rules,
        TRAIL_BE: trail_rules,
        PARTIAL: partial_rules,
    }
    return {action: frozenset(names) for action, names in found.items() if names}


# --- hindsight -----------------------------------------------------------------------------


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


# --- reward --------------------------------------------------------------------------------


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


# --- the trade -----------------------------------------------------------------------------


def simulate(
    bars: Sequence[Bar], trade: Trade, rules: Rules, orders: Sequence[Order | int] = ()
) -> Result:
    """One trade from its entry to its last fill.

    `orders[k]` is decision k, a bare int is an action without extras, missing ones are HOLD.
    Raises ValueError if the horizon crosses the end of the bars, the direction is neither +1
    nor -1, or the initial stop is not on the losing side of the entry price.
    """
    check(bars, trade, rules)
    direction = trade.direction
    opens_late = rules.opens_late
    entry, entry_half_spread = entry_fill(bars, trade, rules)
    calls = ClosestCall()
    hindsight, hindsight_decision = best_single_order(bars, trade, entry, rules, calls)

    stop = trade.stop
    remaining = 1.0
    partials_used = 0
    last_tighten: int | None = None
    first_close = exit_side(bars[trade.entry_bar], direction).close
    at_once = net_at_market(first_close, entry, direction, rules, 1.0)
    unrealised = 0.0 if opens_late else at_once
    mfe = mae = unrealised
    net = swap_paid = 0.0
    ambiguous = False
    fills: list[Fill] = []
    steps: list[Step] = []

    for k in range(rules.max_bars):
        order = orders[k] if k < len(orders) else HOLD
        if not isinstance(order, Order):
            order = Order(int(order))
        row = trade.entry_bar + k + 1
        bar = bars[row]
        close = exit_side(bars[row - 1], direction).close
        known_entry = trade.entry_price if opens_late and k == 0 else entry
        size_at_decision = remaining
        step_fills: list[Fill] = []

        # 1. Guards.
        forbidden = forbidden_actions(k, unrealised, partials_used, last_tighten, rules, calls)
        blocked = forbidden.get(order.action, frozenset())
        effective = HOLD if blocked else order.action

        # 2. Market orders.
        if effective == EXIT:
            step_fills.append(market_order(bars, trade, k, remaining, "EXIT", rules))
            remaining = 0.0
        elif effective == PARTIAL:
            size = rules.partial_fraction
            step_fills.append(market_order(bars, trade, k, size, "PARTIAL", rules))
            remaining -= size
            partials_used += 1

        # The rollover lies between an order at this close and an order at the next open.
        crossing_size = size_at_decision if rules.order_fill == "next_open" else remaining
        swap = crossing_size * swap_of_crossing(bars, trade, k, entry, rules)

        # 3. The new stop, from what is known at decision k.
        if remaining > 0.0:
            if effective == TIGHTEN_SL:
                level = tightened(stop, close, direction, rules)
                stop = moved_stop(stop, level, close, known_entry, direction, rules)
                last_tighten = k
            elif effective == TRAIL_BE:
                level = breakeven(known_entry, direction, rules)
                stop = moved_stop(stop, level, close, known_entry, direction, rules)
            if order.stop is not None:
                stop = moved_stop(stop, order.stop, close, known_entry, direction, rules)
        stop_in_force = stop if remaining > 0.0 else None

        # 4. to 6. The coming bar: the stop, else the target, else the horizon.
        size_in_bar = remaining
        if remaining > 0.0:
            is_last = k + 1 == rules.max_bars or bar.flat
            fill, ambiguous = coming_bar_fill(
                bar,
                row,
                stop,
                stop != trade.stop,
                None if k == 0 and opens_late and trade.inside_bar else order.target,
                remaining,
                is_last,
                entry,
                direction,
                rules,
                calls,
            )
            if fill is not None:
                step_fills.append(fill)
            swap += remaining * swap_inside(bar, trade, entry, fill, rules)
            if fill is not None:
                remaining = 0.0
        is_open = remaining > 0.0

        # Money.
        realised = -swap
        for fill in step_fills:
            realised += fill.size * net_of(fill, entry, direction, rules)
        net += realised
        swap_paid += swap
        fills.extend(step_fills)

        # Best and worst so far; a bar that was not held to its end counts only by its fills.
        mfe_seen, mae_seen = mfe, mae
        if opens_late and k == 0:
            mfe, mae = -math.inf, math.inf  # what was seen before the entry was no result
        side = exit_side(bar, direction)
        if is_open or (step_fills and step_fills[-1].reason == "TIME"):
            best_price, worst_price = (
                (side.high, side.low) if direction == LONG else (side.low, side.high)
            )
            mfe = max(mfe, net_at_market(best_price, entry, direction, rules, size_in_bar))
            mae = min(mae, net_at_market(worst_price, entry, direction, rules, size_in_bar))
        else:
            for fill in step_fills:
                mfe = max(mfe, net_of(fill, entry, direction, rules))
                mae = min(mae, net_of(fill, entry, direction, rules))

        next_unrealised = 0.0
        if is_open:
            next_unrealised = net_at_market(side.close, entry, direction, rules, remaining)
        phi = rules.w_mtm * size_at_decision * unrealised
        next_phi = rules.w_mtm * remaining * next_unrealised
        reward = {
            "realised": rules.w_realized * rules.reward_scale * realised,
            "dense": rules.reward_scale * (rules.gamma * next_phi - phi),
            "regret": 0.0 if is_open else regret(hindsight, net, rules),
            "time": impatience(k, rules) if is_open else 0.0,
            "action_cost": action_cost(effective, rules),
            "invalid": -rules.invalid_action_penalty if blocked else 0.0,
            "drawdown": drawdown(mfe, next_unrealised, rules) if is_open else 0.0,
        }
        steps.append(
            Step(
                k=k,
                chosen=order.action,
                effective=effective,
                blocked=blocked,
                forbidden=forbidden,
                stop=stop_in_force,
                unrealised=unrealised,
                mfe=mfe_seen,
                mae=mae_seen,
                remaining=size_at_decision,
                realised=realised,
                reward=reward,
            )
        )
        unrealised = next_unrealised
        if not is_open:
            break

    costs = costs_by_kind(fills, entry, entry_half_spread, swap_paid, rules)
    last = fills[-1]
    return Result(
        entry_price=entry,
        fills=fills,
        steps=steps,
        exit_reason=last.reason,
        ambiguous=ambiguous,
        bars_held=steps[-1].k if last.reason == "EXIT" else steps[-1].k + 1,
        net=net,
        gross=net + costs.total,
        costs=costs,
        mfe=mfe,
        mae=mae,
        hindsight=hindsight,
        hindsight_decision=hindsight_decision,
        closest_call=calls.smallest,
    )


def net_of(fill: Fill, entry: float, direction: int, rules: Rules) -> float:
    """Money per unit of a fill's size."""
    limit = fill.reason == "TARGET"
    return net_fraction(fill.price, entry, direction, rules, fill.size, limit)


def check(bars: Sequence[Bar], trade: Trade, rules: Rules) -> None:
    """Refuse what no trade can be. Raises ValueError."""
    if trade.direction not in (LONG, SHORT):
        raise ValueError(f"direction is {trade.direction}; it is +1 (long) or -1 (short)")
    if trade.entry_bar < 0 or trade.entry_bar + rules.max_bars >= len(bars):
        raise ValueError("the trade's horizon crosses the end of the bars")
    if rules.max_partials * rules.partial_fraction >= 1.0:
        raise ValueError("the partial closes leave nothing open")
    if trade.direction == LONG and trade.stop >= trade.entry_price:
        raise ValueError("a long's stop lies below its entry price")
    if trade.direction == SHORT and trade.stop <= trade.entry_price:
        raise ValueError("a short's stop lies above its entry price")
