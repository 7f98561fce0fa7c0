"""What the environment is made of: its rules, its numbers, its state, and what a step returns.

Static against traced. `EnvSpec` holds structure (which rule exists, which features are shown): it is
hashable and part of a compilation's identity. `EnvParams` holds every number a user tunes, as float32
or int32 scalars: changing one never recompiles, and a batch of them can be `vmap`ped.

Long form. Inside the environment every price is multiplied by the trade's direction, so that a short is
written as a long on the negated book: "higher is better" and "the stop is below" hold for both, and the
mirror symmetry of the market is exact, since negating a float loses nothing.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import jax

from jaxexit.config.actions import ACTION_NAMES, REASON_NAMES
from jaxexit.data.types import Market, Trades
from jaxexit.env.reward import RewardTerms, RewardWeights

Array = jax.Array

ACTIONS = ACTION_NAMES
"""Their ids are their places; the order is part of the interface: checkpoints, tables and exports use it."""
HOLD, EXIT, TIGHTEN_SL, TRAIL_BE, PARTIAL = map(
    ACTIONS.index, ("HOLD", "EXIT", "TIGHTEN_SL", "TRAIL_BE", "PARTIAL")
)
REASONS = REASON_NAMES
"""Why a piece of a position was closed; the first marks an unused fill slot."""
NOT_CLOSED, BY_EXIT, BY_STOP, BY_BREAKEVEN_STOP, BY_TARGET, BY_TIME = map(
    REASONS.index, ("", "EXIT", "STOP", "BREAKEVEN_STOP", "TARGET", "TIME")
)


class EnvSpec(NamedTuple):
    """Structure of the environment: static under jit, hashable."""

    entry_fill: Literal["next_open", "bar_close", "given", "given_next_open"]
    order_fill: Literal["next_open", "bar_close"]
    guard_mode: Literal["penalise", "mask"]
    features: tuple  # of data.features.Feature: what `observe` shows besides the position
    unit: str = "pips"  # name of the unit of results (`jaxexit.units`); `World.unit` is its size

    @property
    def enters_next_bar(self) -> bool:
        """Whether the entry fills at the open of bar e+1, after decision 0."""
        return self.entry_fill in ("next_open", "given_next_open")


class MoreCosts(NamedTuple):
    """Costs that a currency pair seldom has. Scalars, float32."""

    commission_maker: Array  # fraction of notional, of a target's fill
    commission_fixed: Array  # price units, per side
    commission_minimum: Array  # price units, per order, for a position of size 1
    slippage_fraction: Array  # of the price, added
    swap_long_fraction: Array  # of the entry price per night, added
    swap_short_fraction: Array


class Costs(NamedTuple):
    """Costs beside the spread, which is in the prices. Scalars, float32."""

    commission: Array  # fraction of notional, per side
    slippage: Array  # price units, on every market order that closes and on stops; not on entries
    swap_long: Array  # price units charged for each rollover night, longs
    swap_short: Array  # the same, shorts
    more: MoreCosts | None = None  # None: nothing of it is in the program


class Orders(NamedTuple):
    """Numbers of the actions. Scalars."""

    max_bars: Array  # int32, bars: the horizon H
    tighten_fraction: Array  # share of the way from the stop to the close
    partial_fraction: Array  # share of the original size
    max_partials: Array  # int32
    breakeven_buffer: Array  # fraction of the entry price
    min_stop_distance: Array  # fraction of the entry price


class Guards(NamedTuple):
    """Thresholds of the guards. Scalars; profits are net fractions of the entry price."""

    exit_allows_loss: Array  # bool
    min_profit_for_exit: Array
    min_bars_for_exit: Array  # int32
    min_profit_for_partial: Array
    min_bars_for_partial: Array  # int32
    min_profit_for_trail: Array
    min_bars_for_trail: Array  # int32
    tighten_cooldown: Array  # int32, bars


class EnvParams(NamedTuple):
    """Every number of the environment that a user tunes: traced leaves."""

    costs: Costs
    orders: Orders
    guards: Guards
    reward: RewardWeights


class Hindsight(NamedTuple):
    """What only the future knows. The reward and the oracle read it; `observe` is never given it."""

    best_net: Array  # [N] float32: best net fraction of one market order for the whole position
    best_decision: Array  # [N] int32: the decision k that earns it (H: held to the horizon)


class TrainingRows(NamedTuple):
    """The trades that training samples from: a list that is padded, so that lists can be batched."""

    rows: Array  # [M] int32: rows of `Trades`
    length: Array  # int32: how many of them count, the first ones


class World(NamedTuple):
    """All that one experiment's environment works on, for the trades of one split. Traced."""

    params: EnvParams
    market: Market
    trades: Trades
    hindsight: Hindsight  # of the same trades
    unit: Array  # size of the unit of results: price units, a fraction of the entry, or 1 (R)
    sampled: TrainingRows | None = None  # what training samples from; None: all of them


class EnvState(NamedTuple):
    """One open trade at decision k. Scalars (batched by `vmap`)."""

    trade: Array  # int32: row of `Trades`
    k: Array  # int32: bars since the entry bar
    entry: Array  # long-form price: the fill, or at k=0 the price known at the signal
    entry_half_spread: Array  # price units: what the entry paid over the middle of the book
    stop: Array  # long-form price
    close: Array  # long-form exit-side close of bar e+k
    remaining: Array  # share of the original size still open, 0 when closed
    partials_used: Array  # int32
    last_action: Array  # int32: last effective action
    last_tighten: Array  # int32: k of the last effective TIGHTEN_SL, far negative when none
    mfe: Array  # best unrealised net fraction so far
    mae: Array  # worst unrealised net fraction so far
    realised: Array  # net fraction realised so far


class Situation(NamedTuple):
    """All that may be known at decision k: bars up to e+k, and the position. Scalars.

    Guards, observation and policies read this and nothing else.
    """

    trade: Array  # int32
    k: Array  # int32
    bar: Array  # int32: e+k
    entry_bar: Array  # int32: e
    direction: Array  # +1 long, -1 short
    entry: Array  # long-form price
    stop: Array  # long-form price
    target: Array  # long-form price of the entry's own target, nan where it has none
    risk: Array  # price units: one R
    close: Array  # long-form exit-side close of bar e+k
    profit: Array  # unrealised net fraction, per unit of what is open
    mfe: Array
    mae: Array
    remaining: Array
    partials_used: Array  # int32
    last_action: Array  # int32
    bars_since_tighten: Array  # int32


class Order(NamedTuple):
    """What a policy asks for at a decision. Scalars.

    The learned policy only chooses `action`. Fixed exits may also ask for a stop and rest a limit
    order; both obey the environment's rules (a stop never loosens, the stop fills first).
    """

    action: Array  # int32: place in ACTIONS
    stop: Array  # long-form price asked for, -inf for none
    target: Array  # long-form limit price resting in the coming bar, +inf for none


class Fill(NamedTuple):
    """One piece of the position closed. Scalars."""

    size: Array  # share of the original size, 0 when there was no fill
    bar: Array  # int32: row of the market in which it happened
    price: Array  # price (not long form) after slippage
    reason: Array  # int32: index into REASONS


class CostFractions(NamedTuple):
    """Costs charged in one step, as fractions of the entry price. Scalars.

    `spread` says what crossing the book cost (half of it at either end); it is already in the prices of
    the fills. gross = net + all four.
    """

    spread: Array
    commission: Array
    slippage: Array
    swap: Array


class Outcome(NamedTuple):
    """What step k did. Scalars unless said otherwise."""

    reward: Array
    terms: RewardTerms
    done: Array  # bool: nothing is open any more
    action: Array  # int32: the effective action
    blocked: Array  # bool
    fired: Array  # [number of rules] bool: which guards blocked the chosen action
    profit: Array  # unrealised net fraction at the decision
    stop: Array  # the stop in force in the coming bar (price, not long form)
    order_fill: Fill  # EXIT or PARTIAL
    bar_fill: Fill  # stop, target or time
    ambiguous: Array  # bool: stop and target both lay inside the bar; the stop was taken
    net: Array  # net fraction realised in this step
    costs: CostFractions
    bars_held: Array  # int32: bars met so far; final when done
    mfe: Array
    mae: Array
