"""From an `Experiment` to the environment's static structure and traced numbers (host scalars)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from jaxexit.config import Experiment
from jaxexit.config import trading as config
from jaxexit.config.kinds import Section
from jaxexit.data.charges import Charges
from jaxexit.data.features import Feature
from jaxexit.env.types import Costs, EnvParams, EnvSpec, Guards, MoreCosts, Orders, RewardWeights
from jaxexit.errors import check_complete
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

    def each(names: Sequence[str]) -> dict[str, Any]:
        return {name: np.float32(getattr(charges, name)) for name in names}

    return EnvParams(
        costs=Costs(
            **each(PLAIN_COSTS),
            more=None if charges.plain else MoreCosts(**each(MoreCosts._fields)),
        ),
        orders=Orders(**_scalars(experiment.env, Orders._fields)),
        guards=Guards(**_scalars(experiment.guards, Guards._fields)),
        reward=RewardWeights(
            **_scalars(experiment.reward, type(experiment.reward).model_fields),
            gamma=_scalars(experiment.ppo, ["gamma"])["gamma"],
        ),
    )


def _scalars(section: Section, names: Iterable[str]) -> dict[str, Any]:
    """Fields of a section by name, as host scalars of the types that the schema says."""
    fields = type(section).model_fields
    return {name: _SCALARS[fields[name].annotation](getattr(section, name)) for name in names}


def without_guards(params: EnvParams) -> EnvParams:
    """The same market and costs with every guard open: fixed exits are not subject to them.

    A guard is a least profit (-inf blocks nothing), a least number of bars (0) or a permission (true).
    """
    fields = config.Guards.model_fields
    opened = {name: _OPEN[fields[name].annotation] for name in Guards._fields}
    return params._replace(guards=Guards(**opened))


_SCALARS: dict[Any, Any] = {float: np.float32, int: np.int32, bool: np.bool_}
_OPEN: dict[Any, Any] = {float: np.float32(-np.inf), int: np.int32(0), bool: np.bool_(True)}

check_complete(
    "env.types.Guards", (*Guards._fields, "mode"), config.Guards.model_fields, no_more=True
)
check_complete(
    "env.reward.RewardWeights",
    RewardWeights._fields,
    (*config.Reward.model_fields, "gamma"),
    no_more=True,
)
