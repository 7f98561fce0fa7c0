"""Sections `env`, `guards` and `reward`: the timeline, the actions and their guards, the reward's terms."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from jaxexit.config.actions import ACTIONS
from jaxexit.config.features import DEFAULT_FEATURES, FEATURE_RECORDS
from jaxexit.config.kinds import (
    Fraction,
    NonNegative,
    NonNegativeBars,
    Positive,
    Real,
    Section,
    Share,
)
from jaxexit.config.text import nearest, shown
from jaxexit.errors import check_complete

MOST_HORIZON = 100_000  # bars; results have one number for each of them
MOST_PARTIALS = 100
MOST_FEATURES = 1024


class UserFeature(Section):
    """A column of the bar file shown to the agent as (value - center) / scale."""

    column: str = Field(description="name of the column")
    scale: Positive = Field(description="in the column's units")
    center: Real = Field(default=0.0, description="in the column's units")
    directional: bool = Field(default=False, description="multiplied by the trade's direction")


class Env(Section):
    """The timeline and the actions."""

    max_bars: Annotated[int, Field(ge=1, le=MOST_HORIZON)] = Field(
        default=200, description="bars: the horizon H, after which a trade is closed"
    )
    entry_fill: Literal["next_open", "bar_close", "given"] = Field(
        default="next_open",
        description="price of the entry: open of the next bar, close, or the file's price; the next bar is "
        "the one after the signal's (for data.filled_at bar_open: that of the entry time)",
    )
    order_fill: Literal["next_open", "bar_close"] = Field(
        default="next_open",
        description="price of EXIT and PARTIAL: open of the next bar, or the close",
    )
    initial_stop_atr: Positive = Field(
        default=1.1,
        description="ATRs from the entry to the first stop, where the entry brings none",
    )
    tighten_fraction: Share = Field(
        default=0.25, description="share of the way to the close that TIGHTEN_SL moves the stop"
    )
    partial_fraction: Share = Field(
        default=0.5, description="share of the original size that PARTIAL closes"
    )
    max_partials: Annotated[int, Field(ge=0, le=MOST_PARTIALS)] = Field(
        default=1, description="how often PARTIAL may be used in a trade"
    )
    breakeven_buffer: Fraction = Field(
        default=0.0,
        description="fraction of the entry price beyond the entry where TRAIL_BE puts the stop",
    )
    min_stop_distance: Fraction = Field(
        default=0.0,
        description="fraction of the entry price: least distance of a moved stop from the close",
    )
    features: tuple[str | UserFeature, ...] = Field(
        default=DEFAULT_FEATURES,
        max_length=MOST_FEATURES,
        description="what the agent sees of the market, besides its position",
    )

    flat_overnight: bool = Field(
        default=False,
        description="close what is open at the close of the last bar of its session (fx: of the week)",
    )
    feature_scales: Literal["auto", "fixed", "training"] = Field(
        default="auto",
        description="what the shares of ATR and Bollinger width in the price are divided by: fixed, "
        "thousandths and percent; training, their own median in the training split; auto, fixed for "
        "currency pairs",
    )

    @model_validator(mode="after")
    def _partials_leave_something(self) -> Env:
        if self.max_partials * self.partial_fraction >= 1:
            raise ValueError(
                f"max_partials: got {self.max_partials}, expected less than "
                f"{math.ceil(1 / self.partial_fraction)}: partial closes must leave something open"
            )
        return self

    @model_validator(mode="after")
    def _features_are_known_and_different(self) -> Env:
        seen: set[str] = set()
        allowed = [record.name for record in FEATURE_RECORDS]
        for feature in self.features:
            name = feature if isinstance(feature, str) else feature.column
            if isinstance(feature, str) and name not in allowed:
                raise ValueError(
                    f"features: got {shown(name)}, expected one of {', '.join(allowed)}, or a "
                    f"mapping with `column` for a column of the bar file{nearest(name, allowed)}"
                )
            if name in seen:
                raise ValueError(f"features: got {shown(name)} twice, expected each name once")
            seen.add(name)
        return self


class Guards(Section):
    """Rules that block an action. Profits are unrealised net fractions of the entry price."""

    mode: Literal["penalise", "mask"] = Field(
        default="penalise", description="blocked becomes HOLD and is penalised, or is never chosen"
    )
    exit_allows_loss: bool = Field(
        default=False, description="EXIT is blocked only between 0 and the minimum, not at a loss"
    )
    min_profit_for_exit: Real = Field(default=0.0, description="fraction: less blocks EXIT")
    min_bars_for_exit: NonNegativeBars = Field(default=0, description="bars: fewer block EXIT")
    min_profit_for_partial: Real = Field(default=0.001, description="fraction: less blocks PARTIAL")
    min_bars_for_partial: NonNegativeBars = Field(
        default=1, description="bars: fewer block PARTIAL"
    )
    min_profit_for_trail: Real = Field(default=0.0, description="fraction: less blocks TRAIL_BE")
    min_bars_for_trail: NonNegativeBars = Field(
        default=1,
        description="bars: fewer block TRAIL_BE; at bar 0 there is no fill to break even with",
    )
    tighten_cooldown: NonNegativeBars = Field(
        default=0, description="least number of bars from one TIGHTEN_SL to the next"
    )


class Reward(Section):
    """Weights of the reward's terms; money is fractions of the entry price times `reward_scale`."""

    w_realized: NonNegative = Field(default=1.0, description="weight of realised net money")
    w_mtm: NonNegative = Field(
        default=0.1, description="weight of the potential made of unrealised net money"
    )
    reward_scale: Positive = Field(
        default=100.0, description="reward per unit of money (1.0: the entry price)"
    )
    regret_coef: NonNegative = Field(
        default=0.5, description="weight of the money missed against the best single exit"
    )
    time_coef: NonNegative = Field(
        default=0.005,
        description="reward lost each bar, late in a trade (times a sigmoid of the bar)",
    )
    time_sigmoid_center: Real = Field(
        default=100.0, description="bar at which half of time_coef is charged"
    )
    tighten_sl_cost: NonNegative = Field(
        default=0.001, description="reward lost for each TIGHTEN_SL"
    )
    trail_sl_cost: NonNegative = Field(default=0.0005, description="reward lost for each TRAIL_BE")
    invalid_action_penalty: NonNegative = Field(
        default=0.01, description="reward lost for each blocked action"
    )
    risk_coef: NonNegative = Field(
        default=0.0, description="weight of the drawdown from the best unrealised result, each bar"
    )
    dd_threshold: NonNegative = Field(default=0.0, description="fraction of drawdown that is free")


check_complete(
    "config.trading: guards and costs of the actions in config.actions",
    (*Guards.model_fields, *Reward.model_fields),
    (key for a in ACTIONS for key in (a.min_profit, a.min_bars, a.cost) if key),
)
