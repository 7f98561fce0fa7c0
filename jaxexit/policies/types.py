"""What a policy is: anything that turns a view of one trade into an order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from jaxexit.env.types import Order, Situation

Array = jax.Array


class View(NamedTuple):
    """What a policy may look at, at decision k of one trade."""

    now: Situation
    observation: Array  # [observation_size] float32
    valid: Array  # [5] bool: actions that no guard forbids
    atr: Array  # price units: ATR 14 of bar e+k
    key: Array  # typed PRNG key, fresh at each decision


class Policy(NamedTuple):
    """A named rule for leaving a trade. Static and hashable; its numbers travel beside it, traced.

    `init(params)` gives the policy's own small state at a trade's entry (an empty tuple if it needs
    none), `act(params, state, view)` the order and the next state. Functions must be module-level or
    cached: their identity is part of a compilation's identity.
    """

    name: str
    init: Callable[[Any], Any]
    act: Callable[[Any, Any, View], tuple[Order, Any]]
    guarded: bool = False  # whether the experiment's guards apply to it


def stateless(params: Any) -> tuple[()]:
    """The state of a policy that needs none."""
    del params
    return ()
