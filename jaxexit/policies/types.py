"""What a policy is: anything that turns a view of one trade into an order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from jaxexit.env.book import Quote
from jaxexit.env.types import Order, Situation

Array = jax.Array


Later = Callable[[], Any]


class View:
    """What a policy may look at, at decision k of one trade.

    All but `now` is computed when it is asked for: where several policies share a program (`one_of`), a fixed
    exit does not pay for the observation that only the network reads.
    """

    def __init__(
        self,
        now: Situation,
        *,
        observation: Later,
        valid: Later,
        atr: Later,
        key: Later,
        bar: Later,
    ) -> None:
        """Args: the situation, and functions that compute the rest."""
        self.now = now
        self._observation, self._valid, self._atr, self._key = observation, valid, atr, key
        self._bar = bar

    @property
    def observation(self) -> Array:
        """[observation_size] float32."""
        return self._observation()

    @property
    def valid(self) -> Array:
        """[5] bool: actions that no guard forbids."""
        return self._valid()

    @property
    def atr(self) -> Array:
        """Price units: ATR 14 of bar e+k."""
        return self._atr()

    @property
    def bar(self) -> Quote:
        """Bar e+k, long form: the last one that is known."""
        return self._bar()

    @property
    def key(self) -> Array:
        """Typed PRNG key, fresh at each decision."""
        return self._key()


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
