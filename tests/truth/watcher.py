"""A policy that leaves when the only column of its market is against it."""

from typing import Any

import jax.numpy as jnp

from jaxexit.env.orders import order_from_action
from jaxexit.env.types import EXIT, HOLD
from jaxexit.policies import Policy
from jaxexit.policies.types import stateless

OWN = -1  # the market's entries of the observation are its last


def _act(params: Any, state: Any, view: Any) -> Any:
    del params
    return order_from_action(jnp.where(view.observation[OWN] < -0.3, EXIT, HOLD)), state


WATCHER = Policy("watcher", stateless, _act, guarded=False)
