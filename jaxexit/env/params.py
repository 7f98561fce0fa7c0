"""From an `Experiment` to the environment's static structure and traced numbers (host scalars)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxexit.config import Experiment
from jaxexit.data.charges import Charges
from jaxexit.data.features import Feature
from jaxexit.env.types import Costs, EnvParams, EnvSpec, Guards, MoreCosts, Orders, RewardWeights
from jaxexit.units import PIPS, Unit

PLAIN_COSTS = ("commission", "slippage", "swap_long", "swap_short")


def env_spec(
    experiment: Experiment,
    features: tuple[Feature, ...],
    unit: Unit = PIPS,
) -> EnvSpec:
    """The static structure of an experiment's environment.

    Args:
        experiment: a validated experiment.
        features: of its observation.
        unit: of results.
    """
    entry_fill = experiment.env.entry_fill
    if entry_fill == "given" and experiment.data.filled_at == "bar_open":
        entry_fill = "given_next_open"
    return EnvSpec(
        entry_fill=entry_fill,
        order_fill=experiment.env.order_fill,
        guard_mode=experiment.guards.mode,
        features=features,
        unit=unit.name,
    )


def env_params(experiment: Experiment, charges: Charges) -> EnvParams:
    """The traced numbers of an experiment's environment.

    Args:
        experiment: a validated experiment.
        charges: its costs in its market (`data.charges`).
    """
    env, guards, reward = experiment.env, experiment.guards, experiment.reward

    def real(value: float) -> Any:
        return np.float32(value)

    def whole(value: int) -> Any:
        return np.int32(value)

    def each(names: Sequence[str]) -> dict[str, Any]:
        return {name: real(getattr(charges, name)) for name in names}

    yes_or_no: Any = np.bool_
    return EnvParams(
        costs=Costs(
            **each(PLAIN_COSTS),
            more=None if charges.plain else MoreCosts(**each(MoreCosts._fields)),
        ),
        orders=Orders(
            max_bars=whole(env.max_bars),
            tighten_fraction=real(env.tighten_fraction),
            partial_fraction=real(env.partial_fraction),
            max_partials=whole(env.max_partials),
            breakeven_buffer=real(env.breakeven_buffer),
            min_stop_distance=real(env.min_stop_distance),
        ),
        guards=Guards(
            exit_allows_loss=yes_or_no(guards.exit_allows_loss),
            min_profit_for_exit=real(guards.min_profit_for_exit),
            min_bars_for_exit=whole(guards.min_bars_for_exit),
            min_profit_for_partial=real(guards.min_profit_for_partial),
            min_bars_for_partial=whole(guards.min_bars_for_partial),
            min_profit_for_trail=real(guards.min_profit_for_trail),
            min_bars_for_trail=whole(guards.min_bars_for_trail),
            tighten_cooldown=whole(guards.tighten_cooldown),
        ),
        reward=RewardWeights(
            w_realized=real(reward.w_realized),
            w_mtm=real(reward.w_mtm),
            reward_scale=real(reward.reward_scale),
            regret_coef=real(reward.regret_coef),
            time_coef=real(reward.time_coef),
            time_sigmoid_center=real(reward.time_sigmoid_center),
            tighten_sl_cost=real(reward.tighten_sl_cost),
            trail_sl_cost=real(reward.trail_sl_cost),
            invalid_action_penalty=real(reward.invalid_action_penalty),
            risk_coef=real(reward.risk_coef),
            dd_threshold=real(reward.dd_threshold),
            gamma=real(experiment.ppo.gamma),
        ),
    )


def without_guards(params: EnvParams) -> EnvParams:
    """The same market and costs with every guard open: fixed exits are not subject to them."""
    never: Any = np.float32(-np.inf)
    at_once: Any = np.int32(0)
    allowed: Any = np.bool_(True)
    return params._replace(
        guards=Guards(
            exit_allows_loss=allowed,
            min_profit_for_exit=never,
            min_bars_for_exit=at_once,
            min_profit_for_partial=never,
            min_bars_for_partial=at_once,
            min_profit_for_trail=never,
            min_bars_for_trail=at_once,
            tighten_cooldown=at_once,
        )
    )
