"""Nasty markets, trades, rules and orders, for Hypothesis and for a seeded numpy generator.

Every maker takes a `Pick`, which chooses one of several options: `cases()` lets Hypothesis choose
(and shrink towards the first option), `numpy_pick(seed)` draws evenly.

Comparing with float32. All prices are multiples of TICK = 2**-17 (about 0.08 pip) between 0.5 and
2, so float32 holds them and their differences exactly: an exact touch of a level that is a price
of the grid (first stop, target, entry) is an exact touch in either precision, and is worth
testing. A tightened stop, a level with a buffer or a distance, a profit after commission or
slippage is rounded, by less than 5e-7 of the entry. Where the reference decided by a
smaller margin that was not zero, float32 may rightly decide otherwise: leave such a case out with
`assume(float32_agrees(result))`; never loosen the comparison of money instead. Money itself then
agrees to about 1e-6 of the entry; reward terms to that times `reward_scale`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeVar

import numpy as np
from hypothesis import strategies as st

from jaxexit.truth.reference.fills import entry_fill, entry_side, exit_side
from jaxexit.truth.reference.records import (
    EXIT,
    FLOAT32_MARGIN,
    HOLD,
    LONG,
    PARTIAL,
    SHORT,
    TIGHTEN_SL,
    TRAIL_BE,
    Bar,
    Order,
    Quote,
    Result,
    Rules,
    Trade,
)

from .scripts import SCRIPTS

TICK = 2.0**-17

Option = TypeVar("Option")


class Pick(Protocol):
    def __call__(self, options: Sequence[Option], /) -> Option: ...


@dataclass(frozen=True)
class Fills:
    """How entries and orders may be filled: each pair is a program of its own."""

    entry: tuple[Literal["next_open", "bar_close", "given", "given_next_open"], ...]
    order: tuple[Literal["next_open", "bar_close"], ...]


ALL_FILLS = Fills(
    ("next_open", "bar_close", "given", "given_next_open"), ("next_open", "bar_close")
)


@dataclass(frozen=True)
class Case:
    """One trade with all that decides its result."""

    bars: list[Bar]
    trade: Trade
    rules: Rules
    orders: list[Order]


def float32_agrees(result: Result, margin: float = FLOAT32_MARGIN) -> bool:
    """Whether every comparison was either an exact tie or clear enough for float32."""
    return result.closest_call > margin


def numpy_pick(seed: int) -> Pick:
    """A Pick that draws evenly and repeats itself for the same seed."""
    rng = np.random.default_rng(seed)

    def pick(options: Sequence[Option], /) -> Option:
        return options[int(rng.integers(len(options)))]

    return pick


@st.composite
def cases(draw: st.DrawFn, longest: int = 8, fills: Fills = ALL_FILLS) -> Case:
    """Cases of at most `longest` bars: short ones meet the corners sooner and shrink well."""
    return make_case(
        lambda options: draw(st.sampled_from(options)),
        1 + draw(st.integers(0, longest - 1)),
        fills,
    )


def make_case(pick: Pick, horizon: int, fills: Fills = ALL_FILLS) -> Case:
    rules = make_rules(pick, horizon, fills)
    entry_bar = pick((0, 1))
    bars = make_bars(pick, entry_bar + horizon + 1)
    trade = make_trade(pick, bars, entry_bar, rules)
    script = pick((*SCRIPTS, "random", "random", "random"))
    orders = (
        make_orders(pick, bars, trade, rules)
        if script == "random"
        else SCRIPTS[script](bars, trade, rules)
    )
    return Case(bars, trade, rules, orders)


# --- bars ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moves:
    """What one bar may do, in ticks."""

    gap: tuple[int, ...]
    body: tuple[int, ...]
    wick: tuple[int, ...]
    widening: tuple[int, ...]


CALM = Moves(
    gap=(0,) * 30 + (1, -1, 2, -2, 3, -3, 25, -25),
    body=(0, 0, 1, -1, 2, -2, 3, -3, 5, -5),
    wick=(0,) * 6 + (1,) * 6 + (2, 2, 3, 20),
    widening=(0,) * 20 + (1, 2),
)
WILD = Moves(
    gap=(0, 0, 0, 1, -1, 3, -3, 30, -30),
    body=(0, 1, -1, 2, -2, 5, -5, 11, -11),
    wick=(0, 0, 1, 2, 6, 60),
    widening=(0, 0, 0, 1, 2, 40),
)


def make_bars(pick: Pick, count: int) -> list[Bar]:
    """Gaps, zero-range bars, spikes, spreads that differ within a bar, rollovers."""
    bars = []
    moves = pick((CALM, WILD))
    last_close = pick((131072, 131071, 98304, 180001))  # in ticks: 1, just below 1, 0.75, 1.373
    usual_spread = pick((0, 1, 3, 16))
    for _ in range(count):
        bar = make_bar(pick, last_close, usual_spread, moves)
        bars.append(bar)
        last_close = round(bar.bid.close / TICK)
    return bars


def make_bar(pick: Pick, last_close: int, usual_spread: int, moves: Moves) -> Bar:
    open_ = last_close + pick(moves.gap)
    close = open_
    highest = lowest = open_
    if pick((True, True, True, True, False)):  # False: a bar without any range
        close = open_ + pick(moves.body)
        highest = max(open_, close) + pick(moves.wick)
        lowest = min(open_, close) - pick(moves.wick)
    spreads = [usual_spread + pick(moves.widening) for _ in range(4)]
    ask_open, ask_close = open_ + spreads[0], close + spreads[3]
    bid = Quote(open_ * TICK, highest * TICK, lowest * TICK, close * TICK)
    ask = Quote(
        ask_open * TICK,
        max(ask_open, ask_close, highest + spreads[1]) * TICK,
        min(ask_open, ask_close, lowest + spreads[2]) * TICK,
        ask_close * TICK,
    )
    return Bar(bid, ask, float(pick((0, 0, 0, 1, 3))), float(pick((0, 0, 0, 1, 3))))


# --- trades --------------------------------------------------------------------------------


def make_trade(pick: Pick, bars: Sequence[Bar], entry_bar: int, rules: Rules) -> Trade:
    direction = pick((LONG, SHORT))
    price = entry_side(bars[entry_bar], direction).close
    if rules.entry_fill == "given":
        price += pick((0, 1, -1, 7, -7)) * TICK
    risk = pick((8, 1, 2, 3, 5, 13, 40, 90, 90, 300, 300)) * TICK
    reward = pick((12, 1, 4, 30, 90)) * TICK
    given_fill = None
    if rules.entry_fill == "given_next_open":
        given_fill = (
            entry_side(bars[entry_bar + 1], direction).open + pick((0, 1, -1, 7, -7)) * TICK
        )
    if direction == LONG:
        return Trade(entry_bar, LONG, price, price - risk, price + reward, given_fill)
    return Trade(entry_bar, SHORT, price, price + risk, price - reward, given_fill)


# --- rules ---------------------------------------------------------------------------------


def make_rules(pick: Pick, horizon: int, fills: Fills = ALL_FILLS) -> Rules:
    """Rules of every kind; the fractions are those that a binary number holds exactly."""
    max_partials, partial_fraction = pick(((1, 0.5), (0, 0.5), (1, 0.25), (2, 0.375), (3, 0.25)))
    rules = Rules(
        max_bars=horizon,
        entry_fill=pick(fills.entry),
        order_fill=pick(fills.order),
        tighten_fraction=pick((0.25, 0.5, 0.875)),
        partial_fraction=partial_fraction,
        max_partials=max_partials,
        breakeven_buffer=pick((0.0, 0.0, 4 * TICK)),
        min_stop_distance=pick((0.0, 0.0, 2 * TICK, 20 * TICK)),
        pip=pick((2.0**-13, 0.0001)),
        commission=pick((0.0, 0.0, 0.00003)),
        slippage_pips=pick((0.0, 0.0, 0.25)),
        swap_long_pips=pick((0.0, 0.7, -0.4)),
        swap_short_pips=pick((0.0, -0.4, 0.7)),
        gamma=pick((1.0, 0.99)),
        regret_coef=pick((0.5, 0.8)),
        time_sigmoid_center=pick((100.0, 2.0)),
        risk_coef=pick((0.0, 0.3)),
        dd_threshold=pick((0.0, 5 * TICK)),
    )
    if pick((False, True)):
        return replace(
            rules,
            exit_allows_loss=pick((False, True)),
            min_profit_for_exit=pick((0.0, 4 * TICK)),
            min_profit_for_partial=pick((0.0, 8 * TICK, -3 * TICK)),
            min_profit_for_trail=pick((0.0, 2 * TICK)),
            min_bars_for_exit=pick((0, 2)),
            min_bars_for_partial=pick((0, 1, 2)),
            min_bars_for_trail=pick((0, 1)),
            tighten_cooldown=pick((0, 1, 2, 4)),
        )
    return replace(
        rules,
        min_profit_for_exit=-1.0,
        min_profit_for_partial=-1.0,
        min_profit_for_trail=-1.0,
        min_bars_for_partial=0,
    )


# --- orders --------------------------------------------------------------------------------


def make_orders(pick: Pick, bars: Sequence[Bar], trade: Trade, rules: Rules) -> list[Order]:
    """Random actions, now and then with a requested stop or a limit near the price."""
    idle = pick((0, 30, 100))  # how many options of each decision are to let things be
    actions = (HOLD,) * (3 + idle) + (TIGHTEN_SL, TIGHTEN_SL, TRAIL_BE, PARTIAL, PARTIAL, EXIT)
    stops = (None,) * (4 + 2 * idle) + (-30, -9, -3, -1, 0, 1, 3, 9)
    targets = (None,) * (4 + 2 * idle) + (30, 9, 3, 1, 0, -2)
    orders = []
    for k in range(rules.max_bars):
        close = exit_side(bars[trade.entry_bar + k], trade.direction).close
        action = pick(actions)
        stop_ticks = pick(stops)
        target_ticks = pick(targets)
        orders.append(
            Order(
                action,
                None if stop_ticks is None else close + trade.direction * stop_ticks * TICK,
                None if target_ticks is None else close + trade.direction * target_ticks * TICK,
            )
        )
    return orders


# --- finer bars ----------------------------------------------------------------------------


def with_finer_bars(case: Case, pick: Pick, most: int = 12) -> Case:
    """The same rules on bars made of finer ones: gaps, spikes and moving spreads inside the bar."""
    bars = []
    last_close = round(case.bars[0].bid.open / TICK)
    spread = pick((0, 1, 3, 16))
    for bar in case.bars:
        moves = pick((CALM, WILD))
        parts = []
        for _ in range(pick((0, 1, 2, 3, 5, 8, most))):
            parts.append(make_bar(pick, last_close, spread, moves))
            last_close = round(parts[-1].bid.close / TICK)
        if parts:
            bars.append(replace(made_of(parts), nights=bar.nights, nights_inside=bar.nights_inside))
        else:
            bars.append(make_bar(pick, last_close, spread, moves))
            last_close = round(bars[-1].bid.close / TICK)
    rules = case.rules
    trade = make_trade(pick, bars, case.trade.entry_bar, rules)
    return Case(bars, trade, rules, make_orders(pick, bars, trade, rules))


def made_of(parts: Sequence[Bar]) -> Bar:
    """The bar that finer bars make."""

    def side(quotes: Sequence[Quote]) -> Quote:
        return Quote(
            quotes[0].open,
            max(quote.high for quote in quotes),
            min(quote.low for quote in quotes),
            quotes[-1].close,
        )

    bid, ask = side([part.bid for part in parts]), side([part.ask for part in parts])
    return Bar(bid, ask, finer=tuple(parts))


# --- costs that a currency pair seldom has -------------------------------------------------


def with_more_costs(case: Case, pick: Pick) -> Case:
    """The same trade where limits are cheaper, lots cost, holding costs of the notional, and markets shut."""
    rules = replace(
        case.rules,
        commission_maker=pick((0.0, 0.00001, 0.0001)),
        commission_fixed=pick((0.0, 2 * TICK, 0.25 * TICK)),
        commission_minimum=pick((0.0, 0.0, 3 * TICK, 40 * TICK)),
        slippage_fraction=pick((0.0, 0.0001)),
        swap_long_fraction=pick((0.0, 0.0002, -0.0001)),
        swap_short_fraction=pick((0.0, -0.0001, 0.0003)),
    )
    rates = ((0.0, 0.0), (0.0001, -0.0001), (-0.0003, 0.0003), (0.0, 0.0002))
    bars = [
        replace(
            bar,
            carry=pick(rates),
            carry_inside=pick(rates),
            flat=pick((False, False, False, True)),
        )
        for bar in case.bars
    ]
    trade = replace(case.trade, inside_bar=pick((False, True)))
    return replace(case, bars=bars, trade=trade, rules=rules)


# --- mirror --------------------------------------------------------------------------------


def mirrored(case: Case) -> Case:
    """The same trade the other way round: every price reflected about the entry fill.

    Money is the same to the last bit but for two terms that depend on the price level itself:
    commission on the closing notional, and a breakeven_buffer or min_stop_distance taken of the
    reference price at decision 0 with entry at the next open. Both are set to zero here.
    """
    about, _ = entry_fill(case.bars, case.trade, case.rules)

    def flip(price: float) -> float:
        return 2.0 * about - price

    def flip_optional(price: float | None) -> float | None:
        return None if price is None else flip(price)

    def flip_quote(quote: Quote) -> Quote:
        return Quote(flip(quote.open), flip(quote.low), flip(quote.high), flip(quote.close))

    trade = case.trade
    return Case(
        bars=[
            Bar(flip_quote(bar.ask), flip_quote(bar.bid), bar.nights, bar.nights_inside)
            for bar in case.bars
        ],
        trade=Trade(
            trade.entry_bar,
            SHORT if trade.direction == LONG else LONG,
            flip(trade.entry_price),
            flip(trade.stop),
            flip_optional(trade.target),
            flip_optional(trade.given_fill),
        ),
        rules=replace(
            level_free(case.rules),
            swap_long_pips=case.rules.swap_short_pips,
            swap_short_pips=case.rules.swap_long_pips,
        ),
        orders=[
            Order(order.action, flip_optional(order.stop), flip_optional(order.target))
            for order in case.orders
        ],
    )


def level_free(rules: Rules) -> Rules:
    """The rules without what depends on the price level, see `mirrored`."""
    if rules.enters_next_bar:
        rules = replace(rules, breakeven_buffer=0.0, min_stop_distance=0.0)
    return replace(rules, commission=0.0)
