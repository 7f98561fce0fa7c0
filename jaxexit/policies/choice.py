"""Several policies as one: which of them acts is data, so that all of them share a compiled program."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxexit.env.types import Order
from jaxexit.policies.types import Policy, View

Array = jax.Array


class OneOf(NamedTuple):
    """Which of several policies acts, and the numbers of all of them."""

    which: Array  # int32
    params: tuple[Any, ...]


def choose(params: Iterable[Any], which: int) -> OneOf:
    """Let policy number `which` act; `params` are those of every policy, in the order of `one_of`."""
    return OneOf(np.int32(which), tuple(params))  # type: ignore[arg-type]  # a host scalar


@lru_cache(maxsize=32)
def one_of(policies: tuple[Policy, ...]) -> Policy:
    """A policy that does what one of `policies` does; its params are a `OneOf`.

    `step` is then compiled once for all of them, and each pays for its own branch only. Whether guards bind
    is not theirs to say: the caller opens them for a policy that is not `guarded`.
    """

    def init(params: OneOf) -> tuple[Any, ...]:
        return tuple(
            policy.init(numbers) for policy, numbers in zip(policies, params.params, strict=True)
        )

    def act(params: OneOf, state: tuple[Any, ...], view: View) -> tuple[Order, tuple[Any, ...]]:
        def branch(number: int):
            def run(state: tuple[Any, ...]) -> tuple[Order, tuple[Any, ...]]:
                order, after = policies[number].act(params.params[number], state[number], view)
                return order, (*state[:number], after, *state[number + 1 :])

            return run

        return jax.lax.switch(params.which, [branch(i) for i in range(len(policies))], state)

    return Policy("one_of", init, act, guarded=True)


def together(entries: Sequence[tuple[Policy, Any]]) -> list[tuple[Policy, OneOf]]:
    """Policy and numbers of each entry, such that all of them run in one program.

    Args:
        entries: policies with their numbers; those of one policy are of equal structure.
    """
    numbers: dict[Policy, Any] = {}
    for policy, params in entries:
        numbers.setdefault(policy, params)
    joint, order = one_of(tuple(numbers)), list(numbers)
    return [
        (
            joint._replace(guarded=policy.guarded),
            choose((numbers | {policy: params}).values(), order.index(policy)),
        )
        for policy, params in entries
    ]
