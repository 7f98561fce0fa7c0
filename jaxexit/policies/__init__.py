"""Policies: the learned network, fixed exits, and the hindsight oracle, all of one type."""

from jaxexit.policies.fixed import (
    ATR_TRAILING,
    BREAK_EVEN_THEN_TRAIL,
    CLASSICAL,
    DEFAULT_PARAMS,
    FIXED_TIME,
    HOLD_TO_HORIZON,
    LEAVE_AT_ONCE,
    LISTED,
    MASKED_RANDOM,
    ORACLE,
    RANDOM,
    ListedExits,
    RandomActions,
)
from jaxexit.policies.network import (
    ActorCritic,
    NetworkSpec,
    forward,
    make_network,
    mask_logits,
    network_policy,
)
from jaxexit.policies.types import Policy, View

__all__ = [
    "ATR_TRAILING",
    "BREAK_EVEN_THEN_TRAIL",
    "CLASSICAL",
    "DEFAULT_PARAMS",
    "FIXED_TIME",
    "HOLD_TO_HORIZON",
    "LEAVE_AT_ONCE",
    "LISTED",
    "MASKED_RANDOM",
    "ORACLE",
    "RANDOM",
    "ActorCritic",
    "ListedExits",
    "NetworkSpec",
    "Policy",
    "RandomActions",
    "View",
    "forward",
    "make_network",
    "mask_logits",
    "network_policy",
]
