"""What goes into the reference simulator and what comes out of it.

Prices are quote currency per unit. A fraction is of the trade's entry price. Field names of
`Rules` are those of the experiment file (sections env, costs, guards, reward; `gamma` from ppo,
`pip` from data), so that rules can be filled from a resolved experiment by name.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

LONG, SHORT = 1, -1
HOLD, EXIT, TIGHTEN_SL, TRAIL_BE, PARTIAL = range(5)
FLOAT32_MARGIN = 5e-7  # fraction: a few roundings of single precision

Reason = Literal["EXIT", "PARTIAL", "STOP", "BREAKEVEN_STOP", "TARGET", "TIME"]
GuardRule = Literal["min_profit", "min_bars", "none_left", "cooldown"]


class Quote(NamedTuple):
    """One side of the book over one bar."""

    open: float
    high: float
    low: float
    close: float


@dataclass(frozen=True)
class Bar:
    """`nights`: swap-weighted rollovers after the previous bar's end, up to this bar's open.

    `nights_inside`: those inside the bar, which only long bars have. `carry`, `carry_inside`: fractions of
    notional that a long and a short pay in the same two times, for funding and borrowing.
    """

    bid: Quote
    ask: Quote
    nights: float = 0.0
    nights_inside: float = 0.0
    carry: tuple[float, float] = (0.0, 0.0)
    carry_inside: tuple[float, float] = (0.0, 0.0)
    flat: bool = False  # what is open is closed at this bar's close
    # Bars inside this one, in order; their own nights and carry mean nothing.
    finer: tuple["Bar", ...] = ()


@dataclass(frozen=True)
class Trade:
    """What is known at the close of the entry bar.

    `entry_price` is the entry-side close of the entry bar, or the file's fill if it is given.
    `target` is the classical exit's; it binds nobody: an order must carry it, bar by bar.
    `given_fill` is the file's price of a fill at the next bar's open, unknown at that close.
    """

    entry_bar: int
    direction: int
    entry_price: float
    stop: float
    target: float | None = None
    given_fill: float | None = None
    inside_bar: bool = False  # that fill lay inside its bar: a target there may have come before it


@dataclass(frozen=True)
class Order:
    """One decision: an action, and what only a baseline may add to it.

    `stop` is a requested stop (price); like TIGHTEN_SL's level it never loosens and keeps its
    distance from the close. It passes no guard, costs no reward and starts no cooldown.
    `target` is a limit (price) that is alive in the coming bar only.
    """

    action: int = HOLD
    stop: float | None = None
    target: float | None = None


@dataclass(frozen=True)
class Rules:
    """Every number that decides what an order does.

    `guards.mode` is absent on purpose: masking limits what a policy chooses, not what a step does.
    """

    max_bars: int = 200
    entry_fill: Literal["next_open", "bar_close", "given", "given_next_open"] = "next_open"
    order_fill: Literal["next_open", "bar_close"] = "next_open"
    tighten_fraction: float = 0.25
    partial_fraction: float = 0.5
    max_partials: int = 1
    breakeven_buffer: float = 0.0  # fraction
    min_stop_distance: float = 0.0  # fraction

    pip: float = 0.0001  # price units
    commission: float = 0.0  # fraction of notional per side
    slippage_pips: float = 0.0
    swap_long_pips: float = 0.0  # charged per rollover; negative is a credit
    swap_short_pips: float = 0.0
    commission_maker: float | None = None  # fraction, of a target's fill; None: commission
    commission_fixed: float = 0.0  # price units, per side
    commission_minimum: float = 0.0  # price units, per order, for a position of size 1
    slippage_fraction: float = 0.0  # of the price, beside the pips
    swap_long_fraction: float = 0.0  # of the entry price, beside the pips
    swap_short_fraction: float = 0.0

    exit_allows_loss: bool = False
    min_profit_for_exit: float = 0.0  # fractions
    min_profit_for_partial: float = 0.001
    min_profit_for_trail: float = 0.0
    min_bars_for_exit: int = 0
    min_bars_for_partial: int = 1
    min_bars_for_trail: int = 0
    tighten_cooldown: int = 0  # bars

    gamma: float = 0.99
    w_realized: float = 1.0
    w_mtm: float = 0.1
    reward_scale: float = 100.0
    regret_coef: float = 0.5
    time_coef: float = 0.005
    time_sigmoid_center: float = 100.0
    tighten_sl_cost: float = 0.001
    trail_sl_cost: float = 0.0005
    invalid_action_penalty: float = 0.01
    risk_coef: float = 0.0
    dd_threshold: float = 0.0

    @property
    def enters_next_bar(self) -> bool:
        """Whether nothing is held before the open of the bar after the signal's."""
        return self.entry_fill == "next_open" or self.entry_fill == "given_next_open"


@dataclass(frozen=True)
class Fill:
    """A close of part or all. `raw` is the market's price, `price` what slippage left of it."""

    bar: int  # row of the bar table
    price: float
    raw: float
    size: float  # share of the original position
    reason: Reason
    at_open: bool
    half_spread: float  # price units, as attributed to this fill


@dataclass(frozen=True)
class Costs:
    """Fractions of the entry price for the whole trade; positive is money lost."""

    spread: float
    commission: float
    slippage: float
    swap: float

    @property
    def total(self) -> float:
        """All four together: gross less net."""
        return self.spread + self.commission + self.slippage + self.swap


@dataclass(frozen=True)
class Step:
    """Step k: what was known at decision k, what was done, what it paid.

    `unrealised`, `mfe`, `mae`, `remaining` and `forbidden` are as seen at decision k, before
    acting. `stop` is the level in force in bar entry_bar+k+1, None if nothing was open in it.
    """

    k: int
    chosen: int
    effective: int
    blocked: frozenset[GuardRule]  # rules that stopped the chosen action
    forbidden: dict[int, frozenset[GuardRule]]  # every action that a guard would stop at k
    stop: float | None
    unrealised: float
    mfe: float
    mae: float
    remaining: float
    realised: float  # net fraction booked in this step, swap included
    reward: dict[str, float]


@dataclass(frozen=True)
class Result:
    """A whole trade. `closest_call` is for comparisons with float32 (fractions of the entry).

    It is the smallest margin, other than an exact tie, by which any level was met or missed, or a guard
    decided. Where it is below `FLOAT32_MARGIN`, single precision may rightly decide otherwise.
    """

    entry_price: float  # as filled
    fills: list[Fill]
    steps: list[Step]
    exit_reason: Reason
    ambiguous: bool
    bars_held: int
    net: float
    gross: float
    costs: Costs
    mfe: float
    mae: float
    hindsight: float
    hindsight_decision: int
    closest_call: float
