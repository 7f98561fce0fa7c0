"""Several settings of a policy in one play: the list of trades repeated, each repetition with its own."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxexit.env.types import Order
from jaxexit.policies.catalogue.parts import Columns, Numbers
from jaxexit.policies.types import Policy, View

Array = jax.Array


class Sweep(NamedTuple):
    """The params of `swept`."""

    which: Array  # int32: place of the policy that acts
    trades: Array  # int32 N: trades of the list before it was repeated
    settings: tuple[Any, ...]  # of every policy, leaves [E]
    columns: Columns


@lru_cache(maxsize=32)
def swept(policies: tuple[Policy, ...]) -> Policy:
    """A policy that does what one of the catalogue's `policies` does; trade i has setting i // N.

    One program plays and tunes them all. From setting E on it is the last one.
    """

    def numbers(params: Sweep, place: int, setting: Array) -> Numbers:
        def picked(leaf: Array) -> Array:
            return leaf[jnp.minimum(setting, leaf.shape[0] - 1)]

        return Numbers(jax.tree.map(picked, params.settings[place]), params.columns)

    def init(params: Sweep) -> tuple[Any, ...]:
        first = jnp.int32(0)
        return tuple(
            policy.init(numbers(params, place, first)) for place, policy in enumerate(policies)
        )

    def act(params: Sweep, state: tuple[Any, ...], view: View) -> tuple[Order, tuple[Any, ...]]:
        setting = view.now.trade // params.trades

        def branch(place: int):
            def run(state: tuple[Any, ...]) -> tuple[Order, tuple[Any, ...]]:
                given = numbers(params, place, setting)
                order, after = policies[place].act(given, state[place], view)
                return order, (*state[:place], after, *state[place + 1 :])

            return run

        return jax.lax.switch(params.which, [branch(i) for i in range(len(policies))], state)

    return Policy("catalogue", init, act)
