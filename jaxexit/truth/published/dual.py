"""An upper bound of any problem of optimal stopping: what a seer would earn less a martingale.

L. Rogers (2002), Monte Carlo valuation of American options; M. Haugh and L. Kogan (2004), Pricing American
options: a duality approach; L. Andersen and M. Broadie (2004), A primal-dual simulation algorithm. For
every martingale M with M_0 = 0, sup over stopping times of E g_tau is at most E max_t (g_t - M_t), with
equality for the martingale of the value itself. Here M is that of an approximate value function V_t =
max(g_t, continuation_t):

    M_t - M_(t-1) = V_t(X_t) - E[V_t(X_t) | X_(t-1)],

its expectation taken over `inner` simulated successors of X_(t-1), independent of X_t. The bound holds for
any continuation, however bad; a bad one only makes it loose. The noise of the inner mean makes it looser
still, never tighter: its expectation lies above the bound without noise. It is of order 1 / inner with
independent successors, and much smaller with stratified ones (`strata`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.truth.published.problem import Continuation, PathsOfProblem, Problem, Stops

Array = jax.Array
PILOT = 128  # paths on which one of several continuations is chosen
HELD = (
    5e7  # numbers of observed successors at once: 200 MB, and less than 1 GB with all made of them
)
BATCH = 1024  # paths at most at once
RIDGE = 1e-4  # of the least squares, relative to each term's mean square: float32 can solve what is left
MANY = 12  # features from which on only powers of each are terms
KNOTS = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)  # of hinges, in standard deviations


class Bound(NamedTuple):
    """An upper bound of the value; of a minimised problem, a lower one of the cost."""

    value: float
    error: float  # standard error


def upper_bound(
    problem: Problem,
    continuation: Continuation,
    key: Array,
    paths: int,
    inner: int,
    on_batch: Callable[[int, int], None] = lambda done, total: None,
) -> Bound:
    """What no rule can beat, but for the standard error.

    Args:
        problem: which.
        continuation: what going on is worth, approximately; of a policy alone, `fitted` makes one.
        key: of the paths and of their successors. They must not be those the continuation was fitted on.
        paths: outer ones, rounded up to whole batches; the standard error falls with their root.
        inner: successors of each date of each path; the upward bias falls with their number.
        on_batch: called with (batches done, batches in all).
    """
    by_path = partial(_best_in_hindsight, problem, continuation)
    seen = in_batches(problem, by_path, key, paths, inner, on_batch)
    return Bound(problem.sign * float(seen.mean()), float(seen.std(ddof=1) / np.sqrt(len(seen))))


def in_batches(
    problem: Problem,
    by_path: Callable[[Array, int, int], Array],
    key: Array,
    paths: int,
    inner: int,
    on_batch: Callable[[int, int], None],
) -> np.ndarray:
    """[N] float64, N at least `paths`: numbers of paths each of whose dates has successors.

    Args:
        problem: which.
        by_path: (key, paths, inner) -> [paths].
        key: of all.
        paths: rounded up to whole batches, each as large as fits.
        inner: successors.
        on_batch: called with (batches done, batches in all).
    """
    batch = int(min(BATCH, paths, max(1, HELD // (inner * _width(problem)))))
    batches, found = -(-paths // batch), []
    for number in range(batches):
        found.append(np.asarray(by_path(jax.random.fold_in(key, number), batch, inner), np.float64))
        on_batch(number + 1, batches)
    return np.concatenate(found)


def tightest(
    problem: Problem, continuations: Sequence[Continuation], key: Array, inner: int
) -> Continuation:
    """The continuation whose bound is lowest on `PILOT` paths.

    The bound is then computed on others: the lower of two bounds of the same paths would be too low.

    Args:
        problem: which.
        continuations: each as `upper_bound` takes it.
        key: of the paths.
        inner: successors.
    """
    bounds = [upper_bound(problem, each, key, PILOT, inner).value for each in continuations]
    return continuations[int(np.argmin(problem.sign * np.array(bounds)))]


def _width(problem: Problem) -> int:
    """Numbers that one successor takes."""
    shapes = jax.eval_shape(lambda key: problem.simulate(key, 1), jax.random.key(0))
    return shapes.observed.shape[-1] + shapes.state.shape[-1]


@partial(jax.jit, static_argnums=(0, 3, 4))
def _best_in_hindsight(
    problem: Problem, continuation: Continuation, key: Array, paths: int, inner: int
) -> Array:
    """[paths] the largest payoff less the martingale, of each path."""
    of_paths, of_successors = jax.random.split(key)
    simulated = problem.simulate(of_paths, paths)
    left = problem.earned(simulated) - martingale(
        problem, continuation, of_successors, simulated, inner
    )
    return left[:, problem.first :].max(axis=1)


def martingale(
    problem: Problem, continuation: Continuation, key: Array, simulated: PathsOfProblem, inner: int
) -> Array:
    """What each path has brought unforeseen by each date, [N, D + 1]; the more the better, 0 at the first.

    Args:
        problem: which.
        continuation: see `upper_bound`.
        key: of the successors, independent of the paths.
        simulated: N paths.
        inner: successors of each date.
    """
    paths = len(simulated.payoff)

    def value(observed: Array, payoff: Array, date: Array) -> Array:
        """[M] the approximate value at a date, of the payoff that is earned."""
        going_on = problem.sign * continuation(observed, payoff, date)
        stopping = problem.sign * payoff
        at_last = problem.sign * problem.final(payoff)
        allowed = jnp.where(date >= problem.first, jnp.maximum(stopping, going_on), going_on)
        return jnp.where(date == problem.dates, at_last, allowed)

    def step(luck: Array, date: Array) -> tuple[Array, Array]:
        came = value(simulated.observed[:, date + 1], simulated.payoff[:, date + 1], date + 1)
        observed, payoff, _ = problem.onward(
            jax.random.fold_in(key, date), simulated.state[:, date], date, inner
        )
        flat = observed.reshape(-1, observed.shape[-1])
        expected = value(flat, payoff.reshape(-1), date + 1).reshape(paths, inner).mean(axis=1)
        luck = luck + came - expected
        return luck, luck

    nothing = jnp.zeros(paths)
    _, luck = jax.lax.scan(step, nothing, jnp.arange(problem.dates))
    return jnp.concatenate([nothing[None], luck]).T


class Fitted(NamedTuple):
    """A continuation value by least squares, of each date."""

    centre: Array  # [D, F + 1] of what is observed and the payoff
    scale: Array  # [D, F + 1]
    weights: Array  # [D, B] of the basis


def fitted(problem: Problem, stops: Stops, key: Array, paths: int, degree: int = 3) -> Continuation:
    """The continuation value of a policy that says only whether to stop, by least squares.

    On fresh paths what the policy earns from each date on is regressed on powers of what is observed and of
    the payoff, and, where they are few, on hinges and products of them. Any continuation gives a valid
    bound: a poor fit only loosens it.

    Args:
        problem: which.
        stops: the policy; traceable, its parameters too if it is a `jax.tree_util.Partial`.
        key: of the paths.
        paths: how many, or as many as fit.
        degree: of the polynomial.
    """
    paths = min(paths, int(HELD) // ((problem.dates + 1) * _width(problem)))
    weights = _fit(problem, jax.tree_util.Partial(stops), key, paths, degree)
    return jax.tree_util.Partial(partial(_predict, degree), weights)


@partial(jax.jit, static_argnames=("problem", "paths", "degree"))
def _fit(problem: Problem, stops: Stops, key: Array, paths: int, degree: int) -> Fitted:
    simulated = problem.simulate(key, paths)
    payoff = simulated.payoff

    def step(later: Array, date: Array) -> tuple[Array, Fitted]:
        observed, now = simulated.observed[:, date], payoff[:, date]
        model = regression(jnp.concatenate([observed, now[:, None]], axis=1), later, degree)
        stopped = (date >= problem.first) & stops(observed, now, date)
        return jnp.where(stopped, now, later), model

    _, models = jax.lax.scan(
        step, problem.final(payoff[:, -1]), jnp.arange(problem.dates), reverse=True
    )
    return models


def regression(features: Array, target: Array, degree: int) -> Fitted:
    """Least squares of a target [M] on the `basis` of features [M, F], with a little ridge."""
    centre = features.mean(axis=0)
    deviation = features.std(axis=0)
    scale = jnp.where(deviation > 1e-6, deviation, 1.0)
    design = basis((features - centre) / scale, degree)
    gram = design.T @ design / len(target)
    ridge = RIDGE * (jnp.diag(gram) + 1.0)
    weights = jnp.linalg.solve(gram + jnp.diag(ridge), design.T @ target / len(target))
    return Fitted(centre, scale, weights)


def _predict(degree: int, models: Fitted, observed: Array, payoff: Array, date: Array) -> Array:
    """[M] by the model of a date; of the last one, at which nothing goes on, any."""
    model = jax.tree.map(lambda leaf: leaf[jnp.minimum(date, leaf.shape[0] - 1)], models)
    features = jnp.concatenate([observed, payoff[:, None]], axis=1)
    return basis((features - model.centre) / model.scale, degree) @ model.weights


def basis(features: Array, degree: int) -> Array:
    """[M, B] of standardised features [M, F]: powers up to a degree; of few also hinges and products."""
    features = jnp.clip(features, -8.0, 8.0)
    count = features.shape[1]
    terms = [jnp.ones((features.shape[0], 1))] + [features**power for power in range(1, degree + 1)]
    if count < MANY and degree > 1:
        terms += [jnp.maximum(features - knot, 0.0) for knot in KNOTS]
    if 1 < count < MANY and degree > 1:
        one, other = np.triu_indices(count, 1)
        products = features[:, one] * features[:, other]
        terms.append(products)
        if degree > 2:
            terms += [products * features[:, one], products * features[:, other]]
    return jnp.concatenate(terms, axis=1)
