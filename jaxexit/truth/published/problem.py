"""A published problem of optimal stopping, as everything here that solves or bounds one sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

Array = jax.Array
Continuation = Callable[[Array, Array, Array], Array]
"""(observed [M, F], payoff [M], date) -> [M] what going on is expected to be worth; date: an int32 scalar.

In the payoff's units and with the payoff's sign: of a minimised problem, a cost. What a learner makes is a
`jax.tree_util.Partial` of its parameters: it can be an argument of a compiled function, and another set of
parameters of the same shapes compiles nothing anew."""

Stops = Callable[[Array, Array, Array], Array]
"""(observed [M, F], payoff [M], date) -> bool [M]: whether a policy stops there."""


class PathsOfProblem(NamedTuple):
    """Simulated paths at the dates 0, 1, ..., D. float32."""

    observed: Array
    """[N, D + 1, F] the market as it is observed. The date is not among it: whoever learns adds it."""
    payoff: Array
    """[N, D + 1] what stopping at that date pays, discounted to date 0, in the units of the published value;
    of a problem that is minimised, what it costs. Before the problem's `first` date it is never paid."""
    state: Array
    """[N, D + 1, S] the state from which `Problem.onward` goes on: Markov, so it holds all of the past that
    decides the future."""


class Problem(NamedTuple):
    """One row of a published table. Static and hashable: two calls of its maker give the same functions."""

    name: str
    """Of the row, as `exam published --problem` takes it: `put-36-0.2-1`."""
    family: str
    """Which table: put, max_call, fbm, maximum or ou."""
    published: float | None
    """The value that is compared: of a lattice or finite differences, or in the middle of the bounds."""
    lower: float | None
    """Published lower bound, where there is one."""
    upper: float | None
    """The highest that is published: an upper bound, or a point estimate above the lower bound."""
    source: str
    """Authors, year, table."""
    dates: int
    """D, the last date: the paths have D + 1."""
    first: int
    """First date at which stopping is allowed: 0 or 1."""
    forced: bool
    """At the last date the payoff is taken even where it is worse than nothing; an option then expires."""
    minimised: bool
    """The payoff is a cost: the smallest expectation is wanted."""
    simulate: Callable[[Array, int], PathsOfProblem]
    """(key, paths) -> independent paths from date 0. Pure; `paths` is static."""
    onward: Callable[[Array, Array, Array, int], tuple[Array, Array, Array]]
    """(key, state [M, S], date, n) -> at date + 1: observed [M, n, F], payoff [M, n] and state [M, n, S].

    Successors of each state at `date` (a traced int32 scalar, below D), each of the law of the next one;
    those
    of one state may share that law out among them (`strata.normals`). Pure; n is static."""

    @property
    def observed(self) -> int:
        """How many numbers are observed: F."""
        return jax.eval_shape(lambda key: self.simulate(key, 1), jax.random.key(0)).observed.shape[
            -1
        ]

    @property
    def sign(self) -> float:
        """1 where the largest expectation is wanted, else -1: `sign * payoff` is what a learner earns."""
        return -1.0 if self.minimised else 1.0

    def earned(self, paths: PathsOfProblem) -> Array:
        """[N, D + 1] what stopping at each date earns, the more the better; at the last one also going on."""
        last = self.final(paths.payoff[:, -1:])
        return self.sign * jnp.concatenate([paths.payoff[:, :-1], last], axis=1)

    def final(self, payoff: Array) -> Array:
        """What the last date pays, of the payoff there: an option may expire, unless stopping is `forced`."""
        return payoff if self.forced else jnp.maximum(payoff, 0.0)
