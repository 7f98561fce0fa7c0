"""The actions: one record each, read by the environment, the guards, the reward, the report and exports.

To add an action, append its record here (checkpoints, tables and exports use the place in `ACTIONS` as the
action's id) and write its function in `env.orders`; numbers that it needs are fields of `config.trading` and
of `env.types`. Whatever is forgotten fails at import, by name.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Action(NamedTuple):
    """One action of the agent.

    Colours are Okabe and Ito's, told apart with any colour vision; every action has a hatching too.
    """

    name: str
    does: str  # in a sentence
    colour: str
    hatching: str  # Plotly's `pattern.shape`
    letter: str  # in the strip of a trade's decisions
    marker: str = ""  # Plotly's `marker.symbol`, of an action that moves the stop
    closes: Literal["", "part", "all"] = ""  # what it sells at the market
    min_profit: str = ""  # field of `guards`: the least profit that it needs; empty: none
    min_bars: str = ""  # field of `guards`: the least number of bars that it needs; empty: none
    cost: str = ""  # field of `reward`: what it costs each time; empty: nothing

    @property
    def moves_stop(self) -> bool:
        """Whether it asks for another stop."""
        return bool(self.marker)


ACTIONS = (
    Action("HOLD", "does nothing", "#7F7F7F", "", "\u00b7"),
    Action(
        "EXIT",
        "closes what is open by a market order",
        "#0072B2",
        "/",
        "E",
        closes="all",
        min_profit="min_profit_for_exit",
        min_bars="min_bars_for_exit",
    ),
    Action(
        "TIGHTEN_SL",
        "moves the stop a part of the way to the close",
        "#E69F00",
        ".",
        "T",
        marker="triangle-up",
        cost="tighten_sl_cost",
    ),
    Action(
        "TRAIL_BE",
        "moves the stop to the entry, or a buffer beyond it",
        "#009E73",
        "x",
        "B",
        marker="triangle-up-open",
        min_profit="min_profit_for_trail",
        min_bars="min_bars_for_trail",
        cost="trail_sl_cost",
    ),
    Action(
        "PARTIAL",
        "closes a part of the original size by a market order",
        "#CC79A7",
        "-",
        "P",
        closes="part",
        min_profit="min_profit_for_partial",
        min_bars="min_bars_for_partial",
    ),
)
ACTION_NAMES = tuple(action.name for action in ACTIONS)


class Reason(NamedTuple):
    """Why a piece of a position was closed."""

    name: str
    filled: Literal["", "order", "stop", "target", "close"]  # how; empty: not closed
    marker: str = ""  # Plotly's `marker.symbol`
    short: str = ""  # where there is little room; empty: the name


REASONS = (
    Reason("", ""),
    Reason("EXIT", "order", "square"),
    Reason("STOP", "stop", "x"),
    Reason("BREAKEVEN_STOP", "stop", "x", "BE_STOP"),
    Reason("TARGET", "target", "star"),
    Reason("TIME", "close", "hourglass"),
    Reason("PARTIAL", "order", "diamond"),
)
"""An action that closes something has a reason of its name. Tables and metrics use the place as an id."""
REASON_NAMES = tuple(reason.name for reason in REASONS)
