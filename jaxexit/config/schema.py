"""The `Experiment`: everything that decides a result. Frozen, strict; every field says its unit.

Shapes and structure are read from here once, as static arguments; every other number becomes a traced
leaf (see `env.params`, `ppo.params`), so changing it never recompiles.
"""

from __future__ import annotations

import datetime
import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Real = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1)]
UnitInterval = Annotated[float, Field(ge=0, le=1)]
MOST = 2**31 - 1  # whole numbers become int32 on the device
Count = Annotated[int, Field(ge=1, le=MOST)]
WholeNonNegative = Annotated[int, Field(ge=0, le=MOST)]
# JAX takes 32 bits of a seed: a larger one would silently be the same as a smaller one.
Seed = Annotated[int, Field(ge=0, lt=2**32)]
MOST_SEEDS = 1024
SET_BY_PROGRAM = ("version", "parent", "overrides")  # fields that no file may write


class Section(BaseModel):
    """A section of an experiment file: no unknown keys, no change after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _place(name: str, start: float | str) -> float | datetime.datetime:
    """Where a split begins: a fraction, or an instant (UTC where the date names no zone)."""
    if isinstance(start, str):
        try:
            instant = datetime.datetime.fromisoformat(start)
        except ValueError:
            raise ValueError(
                f"{name}: found '{start}', allowed is an ISO date like 2015-01-01"
            ) from None
        return instant if instant.tzinfo else instant.replace(tzinfo=datetime.UTC)
    if not 0 < start < 1:
        raise ValueError(f"{name}: found {start}, allowed is a fraction above 0 and below 1")
    return start


class Split(Section):
    """Where the chronological splits begin; each trade belongs to the split of its entry bar."""

    validation_start: float | str = Field(
        default=0.70,
        description="fraction of the bars in (0, 1), or ISO date (UTC), where validation begins",
    )
    test_start: float | str = Field(
        default=0.85,
        description="fraction of the bars in (0, 1), or ISO date (UTC), where test begins",
    )
    embargo_bars: WholeNonNegative = Field(
        default=0, description="bars after a boundary in which no trade may enter"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Split:
        starts = {name: getattr(self, name) for name in ("validation_start", "test_start")}
        places = {name: _place(name, start) for name, start in starts.items()}
        first, second = places.values()
        # A date and a fraction can only be compared where the bars are known: at load.
        if type(first) is type(second) and not first < second:  # type: ignore[operator]
            found, other = starts.values()
            raise ValueError(
                f"validation_start: found {found}, allowed is before test_start ({other})"
            )
        return self


class Data(Section):
    """Which bars, and which entries."""

    bars: str = Field(
        default="sample",
        description="'sample', or a file of bars or ticks, relative to the working directory; 'BID,ASK': two "
        "files, one a side",
    )
    price_side: Literal["auto", "bid", "ask", "mid"] = Field(
        default="auto",
        description="which side one-sided OHLC columns are; auto: as the file or its format says",
    )
    entries: Literal["trades", "ema_bb", "every_bar"] = Field(
        default="every_bar",
        description="where entries come from: a file, the built-in strategy, each bar",
    )
    trades: str | None = Field(
        default=None, description="path of the trades file, for entries: trades"
    )
    filled_at: Literal["bar_close", "bar_open"] = Field(
        default="bar_close",
        description="where in the bar of its entry time a trade of the file was filled (backtesting.py and "
        "freqtrade: bar_open)",
    )
    every: Count = Field(
        default=1, description="bars from one entry to the next, for entries: every_bar"
    )
    warmup: WholeNonNegative = Field(
        default=300, description="bars of indicator history before the first entry"
    )
    timeframe: str | None = Field(
        default=None,
        description="length of bars, e.g. M15 or H1, made of the file's shorter ones or ticks; null: as they "
        "are, ticks to M1",
    )
    timezone: str = Field(
        default="auto",
        description="clock of stamps that carry no offset: IANA zone, UTC+3, America/New_York+7; auto: "
        "the file format's own, else UTC",
    )
    pip: Positive | None = Field(
        default=None,
        description="price units in a pip; null: 0.01 if the median price is 20 to 500, else 0.0001",
    )
    split: Split = Field(default=Split(), description="the chronological splits")

    @model_validator(mode="after")
    def _entries_have_their_source(self) -> Data:
        if self.entries == "trades" and self.trades is None:
            raise ValueError("trades: found null, allowed with entries 'trades' is a path")
        if self.entries != "trades" and self.trades is not None:
            raise ValueError(
                f"entries: found '{self.entries}', allowed with a trades file is 'trades'"
            )
        if self.entries != "trades" and self.filled_at != "bar_close":
            raise ValueError(
                f"filled_at: found '{self.filled_at}', allowed with entries '{self.entries}' is "
                "'bar_close'"
            )
        return self


class Costs(Section):
    """What trading costs. The spread of the bars themselves always counts."""

    spread_pips: NonNegative | None = Field(
        default=None, description="pips, used only where the bars carry no spread; null: 1.0"
    )
    commission: NonNegative = Field(default=0.0, description="fraction of notional, per side")
    slippage_pips: NonNegative = Field(
        default=0.0,
        description="pips lost by each EXIT, PARTIAL, stop and close at the horizon; none by entries and "
        "targets",
    )
    swap_long_pips: Real = Field(
        default=0.0,
        description="pips charged to a long per rollover (17:00 New York); negative: credited",
    )
    swap_short_pips: Real = Field(
        default=0.0, description="pips charged to a short per rollover; negative: credited"
    )


class UserFeature(Section):
    """A column of the bar file shown to the agent as (value - center) / scale."""

    column: str = Field(description="name of the column")
    scale: Positive = Field(description="in the column's units")
    center: Real = Field(default=0.0, description="in the column's units")
    directional: bool = Field(default=False, description="multiplied by the trade's direction")


DEFAULT_FEATURES: tuple[str | UserFeature, ...] = (
    "atr_ratio",
    "adx",
    "rsi",
    "bollinger_b",
    "bollinger_width_ratio",
    "ema_spread",
    "return_1",
    "return_4",
    "return_16",
    "spread",
    "hour_sin",
    "hour_cos",
    "weekday_sin",
    "weekday_cos",
    "entry_atr",
    "entry_adx",
    "entry_rsi",
    "entry_bollinger_width",
    "entry_ema_spread",
)


class Env(Section):
    """The timeline and the five actions."""

    max_bars: Count = Field(
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
    max_partials: WholeNonNegative = Field(
        default=1, description="how often PARTIAL may be used in a trade"
    )
    breakeven_buffer: NonNegative = Field(
        default=0.0,
        description="fraction of the entry price beyond the entry where TRAIL_BE puts the stop",
    )
    min_stop_distance: NonNegative = Field(
        default=0.0,
        description="fraction of the entry price: least distance of a moved stop from the close",
    )
    features: tuple[str | UserFeature, ...] = Field(
        default=DEFAULT_FEATURES,
        description="what the agent sees of the market, besides its position",
    )

    @model_validator(mode="after")
    def _partials_leave_something(self) -> Env:
        if self.max_partials * self.partial_fraction >= 1:
            raise ValueError(
                f"max_partials: found {self.max_partials}, allowed is less than "
                f"{math.ceil(1 / self.partial_fraction)}: partial closes must leave something open"
            )
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
    min_bars_for_exit: WholeNonNegative = Field(default=0, description="bars: fewer block EXIT")
    min_profit_for_partial: Real = Field(default=0.001, description="fraction: less blocks PARTIAL")
    min_bars_for_partial: WholeNonNegative = Field(
        default=1, description="bars: fewer block PARTIAL"
    )
    min_profit_for_trail: Real = Field(default=0.0, description="fraction: less blocks TRAIL_BE")
    min_bars_for_trail: WholeNonNegative = Field(
        default=1,
        description="bars: fewer block TRAIL_BE; at bar 0 there is no fill to break even with",
    )
    tighten_cooldown: WholeNonNegative = Field(
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


class PPO(Section):
    """The learner."""

    num_envs: Count = Field(default=64, description="environments played side by side")
    num_steps: Count = Field(default=2048, description="steps of each environment between updates")
    total_timesteps: Count = Field(
        default=10_000_000,
        description="environment steps of the whole run, rounded up to whole updates",
    )
    num_epochs: Count = Field(default=10, description="passes over each rollout, at most")
    minibatch_size: Count = Field(default=2048, description="samples a gradient step")
    gamma: UnitInterval = Field(default=0.99, description="discount a bar")
    gae_lambda: UnitInterval = Field(default=0.95, description="lambda of the advantage estimate")
    clip_epsilon: Positive = Field(default=0.2, description="clip of the probability ratio")
    value_clip: Positive = Field(
        default=0.2, description="clip of the value's change, in reward units"
    )
    value_coef: NonNegative = Field(default=0.5, description="weight of the value loss")
    target_kl: Positive | None = Field(
        default=0.015,
        description="nats: no minibatch is applied once the KL is above; null: never stop",
    )
    learning_rate: Positive = Field(default=3e-4, description="Adam's rate at the start")
    learning_rate_end: NonNegative = Field(
        default=1e-5, description="Adam's rate at the end; linear"
    )
    max_grad_norm: Positive = Field(default=0.5, description="clip of the gradient's global norm")
    entropy_coef_start: NonNegative = Field(
        default=0.05, description="weight of the entropy at the start"
    )
    entropy_coef_end: NonNegative = Field(
        default=0.001, description="weight of the entropy at the end"
    )
    entropy_anneal_steps: Count = Field(
        default=5_000_000, description="environment steps from the one to the other; linear"
    )

    @model_validator(mode="after")
    def _consistent(self) -> PPO:
        batch = self.num_envs * self.num_steps
        if self.minibatch_size > batch or batch % self.minibatch_size:
            raise ValueError(
                f"minibatch_size: found {self.minibatch_size}, allowed is a divisor of "
                f"num_envs x num_steps = {batch}"
            )
        if self.total_timesteps < batch:
            raise ValueError(
                f"total_timesteps: found {self.total_timesteps}, allowed is at least one update: "
                f"num_envs x num_steps = {batch}"
            )
        for name in ("entropy_coef", "learning_rate"):
            start = getattr(self, f"{name}_start" if name == "entropy_coef" else name)
            end = getattr(self, f"{name}_end")
            if end > start:
                raise ValueError(f"{name}_end: found {end}, allowed is at most its start, {start}")
        return self


class Network(Section):
    """The actor-critic's shared trunk."""

    hidden_sizes: tuple[Count, ...] = Field(
        default=(256, 256), min_length=1, description="units a layer"
    )
    layer_norm: bool = Field(default=True, description="LayerNorm after each dense layer")
    initial_hold_probability: Share | None = Field(
        default=None,
        description="chance of HOLD before any learning, the other actions share the rest; null: all alike",
    )


class Evaluation(Section):
    """When a run looks at its validation split and saves itself."""

    validate_every: Count = Field(default=5, description="updates between two validations (greedy)")
    checkpoint_every: Count = Field(default=10, description="updates between two checkpoints")
    score: Literal["net_pips_mean"] = Field(
        default="net_pips_mean", description="what the best checkpoint is chosen by, on validation"
    )


class Tracking(Section):
    """Where metrics go besides metrics.jsonl."""

    wandb: Literal["disabled", "online", "offline"] = Field(
        default="disabled", description="W&B mode"
    )
    project: str = Field(default="jaxexit", description="W&B project")
    entity: str | None = Field(default=None, description="W&B entity; null: your default")
    group: str | None = Field(default=None, description="W&B group")
    tags: tuple[str, ...] = Field(default=(), description="W&B tags")


class Experiment(Section):
    """One version: everything that decides its result."""

    version: str = Field(description="name, from the file: v<N>_<what_changed>")
    parent: str | None = Field(default=None, description="version that the file extends")
    overrides: tuple[str, ...] = Field(default=(), description="what --set changed")
    description: str = Field(default="", description="what this version is")
    hypothesis: str = Field(default="", description="what it is expected to show")
    seed: Seed = Field(default=0, description="seed of every random number of the run")
    seeds: Annotated[int, Field(ge=1, le=MOST_SEEDS)] = Field(
        default=1,
        description="agents trained side by side, seeds seed, seed + 1, ...; the result is that of all",
    )
    data: Data = Data()
    costs: Costs = Costs()
    env: Env = Env()
    guards: Guards = Guards()
    reward: Reward = Reward()
    ppo: PPO = PPO()
    network: Network = Network()
    evaluation: Evaluation = Evaluation()
    tracking: Tracking = Tracking()

    @model_validator(mode="after")
    def _given_prices_come_from_a_file(self) -> Experiment:
        if self.env.entry_fill == "given" and self.data.entries != "trades":
            raise ValueError(
                "env.entry_fill: found 'given', allowed with data.entries "
                f"'{self.data.entries}' are 'next_open' and 'bar_close'"
            )
        return self

    @model_validator(mode="after")
    def _every_agent_has_a_seed(self) -> Experiment:
        if self.seed + self.seeds > 2**32:
            raise ValueError(
                f"seeds: found {self.seeds}, allowed with seed {self.seed} is at most "
                f"{2**32 - self.seed}"
            )
        return self
