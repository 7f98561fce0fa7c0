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
    swap_inside,
    swap_of_crossing,
    tightened,
)
from jaxexit.truth.reference.guards import forbidden_actions
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
    Order,
    Result,
    Rules,
    Step,
    Trade,
)
from jaxexit.truth.reference.reward import (
    action_cost,
    best_single_order,
    drawdown,
    impatience,
    regret,
)


def simulate(
    bars: Sequence[Bar], trade: Trade, rules: Rules, orders: Sequence[Order | int] = ()
) -> Result:
    """One trade from its entry to its last fill.

    `orders[k]` is decision k, a bare int is an action without extras, missing ones are HOLD.
    Raises ValueError if the horizon crosses the end of the bars, the direction is neither +1
    nor -1, or the initial stop is not on the losing side of the entry price.
    """
    check(bars, trade, rules)
    position = Position(bars, trade, rules)
    for k in range(rules.max_bars):
        order = orders[k] if k < len(orders) else HOLD
        position.step(k, order if isinstance(order, Order) else Order(int(order)))
        if not position.is_open:
            break
    return position.result()


class Position:
    """A trade, step by step: what is open of it, its stop, and what it has earned so far."""

    def __init__(self, bars: Sequence[Bar], trade: Trade, rules: Rules) -> None:
        self.bars, self.trade, self.rules = bars, trade, rules
        self.direction = trade.direction
        self.entry, self.entry_half_spread = entry_fill(bars, trade, rules)
        self.calls = ClosestCall()
        self.hindsight = best_single_order(bars, trade, self.entry, rules, self.calls)

        self.stop = trade.stop
        self.remaining = 1.0
        self.partials_used = 0
        self.last_tighten: int | None = None
        first_close = exit_side(bars[trade.entry_bar], self.direction).close
        at_once = net_at_market(first_close, self.entry, self.direction, rules, 1.0)
        self.unrealised = 0.0 if rules.enters_next_bar else at_once
        self.mfe = self.mae = self.unrealised
        self.net = self.swap_paid = 0.0
        self.ambiguous = False
        self.fills: list[Fill] = []
        self.steps: list[Step] = []

    @property
    def is_open(self) -> bool:
        """Whether anything of the position is left."""
        return self.remaining > 0.0

    def step(self, k: int, order: Order) -> None:
        """Decision k, and bar entry_bar + k + 1 after it."""
        rules, size = self.rules, self.remaining
        unrealised, mfe, mae = self.unrealised, self.mfe, self.mae
        phi = rules.w_mtm * size * unrealised
        forbidden = forbidden_actions(
            k, unrealised, self.partials_used, self.last_tighten, rules, self.calls
        )
        blocked = forbidden.get(order.action, frozenset())
        effective = HOLD if blocked else order.action

        fills = self._market_orders(k, effective)
        # The rollover comes between an order at this close and an order at the next open.
        crossing_size = size if rules.order_fill == "next_open" else self.remaining
        swap = crossing_size * swap_of_crossing(self.bars, self.trade, k, self.entry, rules)
        stop_in_force = None
        size_in_bar = self.remaining
        if self.is_open:
            self._move_stop(k, effective, order.stop)
            stop_in_force = self.stop
            swap += self._coming_bar(k, order.target, fills)

        realised = self._book(fills, swap)
        self._extremes(k, fills, size_in_bar)
        self.unrealised = self._unrealised(k)
        self.steps.append(
            Step(
                k=k,
                chosen=order.action,
                effective=effective,
                blocked=blocked,
                forbidden=forbidden,
                stop=stop_in_force,
                unrealised=unrealised,
                mfe=mfe,
                mae=mae,
                remaining=size,
                realised=realised,
                reward=self._reward(k, effective, bool(blocked), realised, phi),
            )
        )

    def _market_orders(self, k: int, effective: int) -> list[Fill]:
        """EXIT and PARTIAL."""
        if effective == EXIT:
            fill = market_order(self.bars, self.trade, k, self.remaining, "EXIT", self.rules)
            self.remaining = 0.0
            return [fill]
        if effective == PARTIAL:
            size = self.rules.partial_fraction
            self.remaining -= size
            self.partials_used += 1
            return [market_order(self.bars, self.trade, k, size, "PARTIAL", self.rules)]
        return []

    def _move_stop(self, k: int, effective: int, requested: float | None) -> None:
        """The new stop, from what is known at decision k."""
        rules, direction = self.rules, self.direction
        close = exit_side(self.bars[self.trade.entry_bar + k], direction).close
        entry = self.trade.entry_price if rules.enters_next_bar and k == 0 else self.entry
        if effective == TIGHTEN_SL:
            level = tightened(self.stop, close, direction, rules)
            self.stop = moved_stop(self.stop, level, close, entry, direction, rules)
            self.last_tighten = k
        elif effective == TRAIL_BE:
            level = breakeven(entry, direction, rules)
            self.stop = moved_stop(self.stop, level, close, entry, direction, rules)
        if requested is not None:
            self.stop = moved_stop(self.stop, requested, close, entry, direction, rules)

    def _coming_bar(self, k: int, target: float | None, fills: list[Fill]) -> float:
        """The stop, else the target, else the horizon; returns the swap of rollovers inside the bar."""
        row = self.trade.entry_bar + k + 1
        bar, size = self.bars[row], self.remaining
        not_yet = k == 0 and self.rules.enters_next_bar and self.trade.inside_bar
        fill, self.ambiguous = coming_bar_fill(
            bar,
            row,
            self.stop,
            self.stop != self.trade.stop,
            None if not_yet else target,
            size,
            k + 1 == self.rules.max_bars or bar.flat,
            self.entry,
            self.direction,
            self.rules,
            self.calls,
        )
        if fill is not None:
            fills.append(fill)
            self.remaining = 0.0
        return size * swap_inside(bar, self.trade, self.entry, fill, self.rules)

    def _book(self, fills: list[Fill], swap: float) -> float:
        """Add a step's money; returns what it realised."""
        realised = -swap
        for fill in fills:
            realised += fill.size * net_of(fill, self.entry, self.direction, self.rules)
        self.net += realised
        self.swap_paid += swap
        self.fills.extend(fills)
        return realised

    def _extremes(self, k: int, fills: list[Fill], size: float) -> None:
        """Best and worst so far; a bar that was not held to its end counts only by its fills."""
        entry, direction, rules = self.entry, self.direction, self.rules
        if rules.enters_next_bar and k == 0:
            self.mfe, self.mae = -math.inf, math.inf  # what was seen before the entry was no result
        if self.is_open or (fills and fills[-1].reason == "TIME"):
            side = exit_side(self.bars[self.trade.entry_bar + k + 1], direction)
            is_long = direction == LONG
            best, worst = (side.high, side.low) if is_long else (side.low, side.high)
            self.mfe = max(self.mfe, net_at_market(best, entry, direction, rules, size))
            self.mae = min(self.mae, net_at_market(worst, entry, direction, rules, size))
        else:
            for fill in fills:
                self.mfe = max(self.mfe, net_of(fill, entry, direction, rules))
                self.mae = min(self.mae, net_of(fill, entry, direction, rules))

    def _unrealised(self, k: int) -> float:
        """Per unit of size, at the close of the coming bar."""
        if not self.is_open:
            return 0.0
        close = exit_side(self.bars[self.trade.entry_bar + k + 1], self.direction).close
        return net_at_market(close, self.entry, self.direction, self.rules, self.remaining)

    def _reward(
        self, k: int, effective: int, blocked: bool, realised: float, phi: float
    ) -> dict[str, float]:
        """The terms of step k; `phi`: the dense term's potential at its decision."""
        rules, is_open = self.rules, self.is_open
        next_phi = rules.w_mtm * self.remaining * self.unrealised
        return {
            "realised": rules.w_realized * rules.reward_scale * realised,
            "dense": rules.reward_scale * (rules.gamma * next_phi - phi),
            "regret": 0.0 if is_open else regret(self.hindsight[0], self.net, rules),
            "time": impatience(k, rules) if is_open else 0.0,
            "action_cost": action_cost(effective, rules),
            "invalid": -rules.invalid_action_penalty if blocked else 0.0,
            "drawdown": drawdown(self.mfe, self.unrealised, rules) if is_open else 0.0,
        }

    def result(self) -> Result:
        """The whole trade, once it is closed."""
        costs = costs_by_kind(
            self.fills, self.entry, self.entry_half_spread, self.swap_paid, self.rules
        )
        last = self.fills[-1]
        return Result(
            entry_price=self.entry,
            fills=self.fills,
            steps=self.steps,
            exit_reason=last.reason,
            ambiguous=self.ambiguous,
            bars_held=self.steps[-1].k if last.reason == "EXIT" else self.steps[-1].k + 1,
            net=self.net,
            gross=self.net + costs.total,
            costs=costs,
            mfe=self.mfe,
            mae=self.mae,
            hindsight=self.hindsight[0],
            hindsight_decision=self.hindsight[1],
            closest_call=self.calls.smallest,
        )


def net_of(fill: Fill, entry: float, direction: int, rules: Rules) -> float:
    """Money per unit of a fill's size."""
    limit = fill.reason == "TARGET"
    return net_fraction(fill.price, entry, direction, rules, fill.size, limit)


def check(bars: Sequence[Bar], trade: Trade, rules: Rules) -> None:
    """Refuse an impossible trade. Raises ValueError."""
    if trade.direction not in (LONG, SHORT):
        raise ValueError(f"direction: got {trade.direction}, expected +1 (long) or -1 (short)")
    if trade.entry_bar < 0 or trade.entry_bar + rules.max_bars >= len(bars):
        raise ValueError("the trade's horizon crosses the end of the bars")
    if rules.max_partials * rules.partial_fraction >= 1.0:
        raise ValueError("the partial closes leave nothing open")
    if trade.direction == LONG and trade.stop >= trade.entry_price:
        raise ValueError("a long's stop must be below its entry price")
    if trade.direction == SHORT and trade.stop <= trade.entry_price:
        raise ValueError("a short's stop must be above its entry price")
