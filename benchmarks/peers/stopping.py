"""Three published methods of optimal stopping on the problems of `exam published`, each in its authors' way.

Each learns on simulated paths, then plays others: a lower bound but for the standard error (of a minimised
problem an upper one). Not in the package: they are what it is measured against.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxexit.truth.published.problem import Problem

Array = jax.Array
Goes = Callable[[Any, Array, Array, Array], Array]
"""(parameters, standardised features [M, F + 1], gain [M], date) -> whether to stop."""

HELD = 4e8  # numbers of what is observed of all paths at once: 1.6 GB
PLAYED = 8192  # paths played at once
FEW = 8  # features, the payoff among them, of which all polynomials are terms
RIDGE = 1e-5  # relative to each term's mean square
HIDDEN = 50  # random features
DEEP_PATHS = 32_768
UNSURE = 0.1  # share that is kept of the last layer where a network begins as the next date's
FRESH = 262_144


class Solved(NamedTuple):
    """What a method came to."""

    value: float
    error: float  # standard error
    seconds: float  # of simulation, compilation and learning; playing is not counted


class Scale(NamedTuple):
    """Of each date: standardises what is observed and the payoff. [D + 1, F + 1]."""

    centre: Array
    width: Array


def longstaff_schwartz(
    problem: Problem, key: Array, paths: int = 50_000, fresh: int = FRESH, degree: int = 3
) -> Solved:
    """Longstaff and Schwartz (2001): backward least squares on polynomials, of paths in the money.

    Args:
        problem: which.
        key: of all paths.
        paths: learned on; fewer where what is observed is long.
        fresh: played.
        degree: of the polynomials; of many features each one's level and powers of the payoff.
    """
    return _least_squares(problem, key, paths, fresh, _powers(degree), None)


def randomised_least_squares(
    problem: Problem, key: Array, paths: int = 50_000, fresh: int = FRESH, hidden: int = HIDDEN
) -> Solved:
    """Herrera, Krach, Ruyssen and Teichmann (2021), RLSM: a hidden layer drawn once, its output regressed.

    Args:
        problem: which.
        key: of the hidden layer and of all paths.
        paths: learned on; fewer where what is observed is long.
        fresh: played.
        hidden: nodes.
    """
    of_layer, key = jax.random.split(key)
    layer = jax.random.normal(of_layer, (problem.observed + 2, hidden))
    return _least_squares(problem, key, paths, fresh, _random_features, layer)


def deep_optimal_stopping(
    problem: Problem,
    key: Array,
    paths: int = DEEP_PATHS,
    fresh: int = FRESH,
    steps: int = 300,
    batch: int = 2048,
    learning_rate: float = 1e-3,
) -> Solved:
    """Becker, Cheridito and Jentzen (2019): a network of each date, learned backward, says whether to stop.

    Two hidden layers of F + 40, as theirs; inputs standardised instead of batch normalisation, and each
    date's network begins as the next date's, so that fewer steps do than their 3,000 of 8,192 fresh paths.

    Args:
        problem: which.
        key: of the networks and of all paths.
        paths: learned on; fewer where what is observed is long.
        fresh: played.
        steps: of Adam for each date.
        batch: paths of a step.
        learning_rate: of Adam.
    """
    began = time.perf_counter()
    of_paths, of_fresh, of_network = jax.random.split(key, 3)
    network = Decision(problem.observed + 40)
    paths = _affordable(problem, paths)
    scale, params = _learn_deep(
        problem, network, steps, min(batch, paths), learning_rate, paths, of_paths, of_network
    )
    jax.block_until_ready(params)
    seconds = time.perf_counter() - began
    return _played(problem, partial(_deep_goes, network), scale, params, of_fresh, fresh, seconds)


METHODS: dict[str, Callable[[Problem, Array], Solved]] = {
    "Longstaff-Schwartz": longstaff_schwartz,
    "randomised least squares": randomised_least_squares,
    "deep optimal stopping": deep_optimal_stopping,
}
"""By name, each with its own defaults."""


def _affordable(problem: Problem, paths: int) -> int:
    return int(min(paths, HELD // ((problem.dates + 1) * problem.observed)))


def _simulated(problem: Problem, key: Array, paths: int) -> tuple[Array, Array]:
    """What is seen [N, D + 1, F + 1] and gained [N, D + 1]: the more the better."""
    simulated = problem.simulate(key, paths)
    last = problem.final(simulated.payoff[:, -1:])
    gain = problem.sign * jnp.concatenate([simulated.payoff[:, :-1], last], axis=1)
    return jnp.concatenate([simulated.observed, gain[..., None]], axis=-1), gain


def _scale(seen: Array) -> Scale:
    deviation = seen.std(axis=0)
    return Scale(seen.mean(axis=0), jnp.where(deviation > 1e-6, deviation, 1.0))


def _least_squares(
    problem: Problem,
    key: Array,
    paths: int,
    fresh: int,
    terms: Callable[[Any, Array], Array],
    layer: Any,
) -> Solved:
    began = time.perf_counter()
    of_paths, of_fresh = jax.random.split(key)
    scale, weights = _regress(problem, terms, layer, of_paths, _affordable(problem, paths))
    jax.block_until_ready(weights)
    seconds = time.perf_counter() - began
    goes = partial(_regressed_goes, problem, terms)
    return _played(problem, goes, scale, (layer, weights), of_fresh, fresh, seconds)


@partial(jax.jit, static_argnames=("problem", "terms", "paths"))
def _regress(
    problem: Problem, terms: Callable[[Any, Array], Array], layer: Any, key: Array, paths: int
) -> tuple[Scale, Array]:
    seen, gain = _simulated(problem, key, paths)
    scale = _scale(seen)

    def step(later: Array, date: Array) -> tuple[Array, Array]:
        design = terms(layer, (seen[:, date] - scale.centre[date]) / scale.width[date])
        now = gain[:, date]
        within = jnp.ones_like(now) if problem.forced else (now > 0).astype(now.dtype)
        held = design * within[:, None]
        gram = held.T @ design / paths
        ridge = jnp.diag(RIDGE * (jnp.diag(gram) + 1.0))
        weights = jnp.linalg.solve(gram + ridge, held.T @ later / paths)
        goes = (within > 0) & (now >= design @ weights) & (date >= problem.first)
        return jnp.where(goes, now, later), weights

    _, weights = jax.lax.scan(step, gain[:, -1], jnp.arange(problem.dates), reverse=True)
    return scale, weights


def _regressed_goes(
    problem: Problem,
    terms: Callable[[Any, Array], Array],
    params: tuple[Any, Array],
    seen: Array,
    gain: Array,
    date: Array,
) -> Array:
    layer, weights = params
    worth = terms(layer, seen) @ weights[date]
    return (gain >= worth) & (problem.forced | (gain > 0))


@lru_cache
def _powers(degree: int) -> Callable[[Any, Array], Array]:
    """Of the same degree the same function: nothing is compiled twice."""
    return partial(_polynomials, degree)


def _polynomials(degree: int, layer: Any, seen: Array) -> Array:
    del layer
    seen = jnp.clip(seen, -6.0, 6.0)
    terms = [jnp.ones((seen.shape[0], 1)), seen]
    if seen.shape[1] > FEW:
        return jnp.concatenate([*terms, *(seen[:, -1:] ** n for n in range(2, degree + 1))], axis=1)
    last = [(seen[:, [one]], one) for one in range(seen.shape[1])]
    for _ in range(degree - 1):
        last = [
            (term * seen[:, [other]], other)
            for term, one in last
            for other in range(one, seen.shape[1])
        ]
        terms += [term for term, _ in last]
    return jnp.concatenate(terms, axis=1)


def _random_features(layer: Array, seen: Array) -> Array:
    ones = jnp.ones((seen.shape[0], 1))
    seen = jnp.clip(seen, -6.0, 6.0)
    hidden = nn.leaky_relu(jnp.concatenate([ones, seen], axis=1) @ layer, 0.5)
    return jnp.concatenate([ones, hidden], axis=1)


class Decision(nn.Module):
    """Two hidden layers and the logarithm of the odds of stopping."""

    width: int

    @nn.compact
    def __call__(self, seen: Array) -> Array:
        """[M, F + 1] -> [M]."""
        for _ in range(2):
            seen = nn.relu(nn.Dense(self.width)(seen))
        return nn.Dense(1)(seen)[:, 0]


@partial(jax.jit, static_argnums=(0, 1, 2, 3, 4, 5))
def _learn_deep(
    problem: Problem,
    network: Decision,
    steps: int,
    batch: int,
    learning_rate: float,
    paths: int,
    of_paths: Array,
    of_network: Array,
) -> tuple[Scale, Any]:
    """The scale, and the networks of dates 0 to D - 1."""
    seen, gain = _simulated(problem, of_paths, paths)
    scale = _scale(seen)
    optimiser = optax.adam(learning_rate)

    start = network.init(of_network, seen[:1, 0])

    def backward(carry: tuple[Any, Array], date: Array) -> tuple[tuple[Any, Array], Any]:
        known, later = carry
        # As the next date's, but unsure: one that is certain has no gradient left.
        start = {"params": {**known["params"], "Dense_2": _scaled(known["params"]["Dense_2"])}}
        features = (seen[:, date] - scale.centre[date]) / scale.width[date]
        now = gain[:, date]
        unit = jnp.maximum(later.std(), 1e-6)

        def loss(params: Any, chosen: Array) -> Array:
            odds: Any = network.apply(params, features[chosen])
            stop = nn.sigmoid(odds)
            return -(stop * now[chosen] + (1 - stop) * later[chosen]).mean() / unit

        def step(held: tuple[Any, Any], number: Array) -> tuple[tuple[Any, Any], None]:
            params, state = held
            draw = jax.random.fold_in(jax.random.fold_in(of_network, date), number)
            chosen = jax.random.randint(draw, (batch,), 0, paths)
            changes, state = optimiser.update(jax.grad(loss)(params, chosen), state)
            return (optax.apply_updates(params, changes), state), None

        (params, _), _ = jax.lax.scan(step, (start, optimiser.init(start)), jnp.arange(steps))
        goes = _deep_goes(network, params, features, now, None) & (date >= problem.first)
        return (params, jnp.where(goes, now, later)), params

    carry = start, gain[:, -1]
    _, params = jax.lax.scan(backward, carry, jnp.arange(problem.dates), reverse=True)
    return scale, params


def _scaled(layer: Any) -> Any:
    return jax.tree.map(lambda leaf: UNSURE * leaf, layer)


def _deep_goes(
    network: Decision, params: Any, seen: Array, gain: Array, date: Array | None
) -> Array:
    del gain
    if date is not None:
        params = jax.tree.map(lambda leaf: leaf[date], params)
    odds: Any = network.apply(params, seen)
    return odds > 0


def _played(
    problem: Problem, goes: Goes, scale: Scale, params: Any, key: Array, fresh: int, seconds: float
) -> Solved:
    """On fresh paths."""

    @jax.jit
    def play(key: Array, scale: Scale, params: Any) -> Array:
        seen, gain = _simulated(problem, key, PLAYED)

        def stops(date: Array) -> Array:
            features = (seen[:, date] - scale.centre[date]) / scale.width[date]
            return goes(params, features, gain[:, date], date)

        stopped = jax.lax.map(stops, jnp.arange(problem.first, problem.dates))
        when = jnp.where(
            stopped.any(axis=0), problem.first + jnp.argmax(stopped, axis=0), problem.dates
        )
        return jnp.take_along_axis(gain, when[:, None], axis=1)[:, 0]

    batches = range(-(-fresh // PLAYED))
    gains = [
        np.asarray(play(jax.random.fold_in(key, n), scale, params), np.float64) for n in batches
    ]
    gained = np.concatenate(gains)
    error = float(gained.std(ddof=1) / np.sqrt(len(gained)))
    return Solved(problem.sign * float(gained.mean()), error, seconds)
