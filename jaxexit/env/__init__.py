"""The environment of one trade: honest fills, guards, reward, observation, a pure `step`."""

from jaxexit.env.book import in_units, initial_risk, quote
from jaxexit.env.environment import step
from jaxexit.env.guards import RULES, guard_counts, rule_set_name, valid_actions
from jaxexit.env.hindsight import compute_hindsight
from jaxexit.env.observation import observation_names, observation_size, observe
from jaxexit.env.orders import order_from_action
from jaxexit.env.params import env_params, env_spec, without_guards
from jaxexit.env.situation import reset, situation
from jaxexit.env.types import (
    ACTIONS,
    REASONS,
    EnvParams,
    EnvSpec,
    EnvState,
    Hindsight,
    Order,
    Outcome,
    Situation,
    TrainingRows,
    World,
)
from jaxexit.env.world import make_world

__all__ = [
    "ACTIONS",
    "REASONS",
    "RULES",
    "EnvParams",
    "EnvSpec",
    "EnvState",
    "Hindsight",
    "Order",
    "Outcome",
    "Situation",
    "TrainingRows",
    "World",
    "compute_hindsight",
    "env_params",
    "env_spec",
    "guard_counts",
    "in_units",
    "initial_risk",
    "make_world",
    "observation_names",
    "observation_size",
    "observe",
    "order_from_action",
    "quote",
    "reset",
    "rule_set_name",
    "situation",
    "step",
    "valid_actions",
    "without_guards",
]
