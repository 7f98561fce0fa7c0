"""The published numbers found again by lattice, quadrature and dynamic programming; bounds."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit.benchmark import words
from jaxexit.truth.published import fbm, maximum, ou
from jaxexit.truth.published.dual import fitted, upper_bound
from jaxexit.truth.published.lattice import bermudan_put, max_call_of_two
from jaxexit.truth.published.max_call import VALUES as OF_CALLS
from jaxexit.truth.published.max_call import max_call
from jaxexit.truth.published.problem import PathsOfProblem, Problem
from jaxexit.truth.published.put import STARTS, put
from jaxexit.truth.published.put import VALUES as OF_PUTS

Array = jax.Array


def test_a_lattice_with_the_contracts_dates_finds_the_twenty_published_puts() -> None:
    for (volatility, years), row in OF_PUTS.items():
        found = [bermudan_put(start, volatility, years) for start in STARTS]
        np.testing.assert_allclose(found, row, atol=0.0055)


def test_a_put_exercised_at_any_step_is_another_contract_and_dearer() -> None:
    assert bermudan_put(36, 0.2, 1) == pytest.approx(4.478, abs=0.0005)
    assert bermudan_put(36, 0.2, 1, dates_a_year=2_000) == pytest.approx(4.487, abs=0.0005)


def test_a_lattice_whose_steps_miss_the_dates_is_refused() -> None:
    with pytest.raises(ValueError, match="1001 steps a year do not fall on 50 dates"):
        bermudan_put(36, 0.2, 1, steps_a_year=1001)


def test_quadrature_finds_the_three_published_calls_on_the_dearer_of_two() -> None:
    found = [max_call_of_two(start, points=101) for start in (90, 100, 110)]
    np.testing.assert_allclose(found, OF_CALLS[2], atol=0.015)


@pytest.mark.slow
def test_a_finer_quadrature_comes_nearer_to_the_published_calls() -> None:
    found = [max_call_of_two(start, points=281) for start in (90, 100, 110)]
    np.testing.assert_allclose(found, OF_CALLS[2], atol=0.004)


def test_no_target_and_stop_of_their_mesh_earns_more_than_the_optimum() -> None:
    for forecast, life in ((10, 5), (5, 25), (0, 100), (-5, 50), (-10, 10)):
        assert ou.optimum(forecast, life) > ou.mesh(forecast, life).mean.max()


def test_their_choices_are_found_again() -> None:
    """A forecast well above 0 and a short memory: large ratios; below 0 no rule of the mesh earns."""
    assert ou.mesh(5, 5).sharpe.max() == pytest.approx(12.86, abs=0.01)
    assert ou.mesh(0, 25).sharpe.argmax() == 3 * 20 + 19  # a near target, the furthest stop
    assert ou.mesh(-5, 10).mean.max() < 0


def test_a_rule_of_the_mesh_earns_on_simulated_trades_what_is_computed() -> None:
    results = np.asarray(ou.ou(0, 5).simulate(jax.random.key(0), 20_000).payoff)
    target, stop = 1.5, 4.0
    left = (results[:, 1:] >= target) | (results[:, 1:] <= -stop)
    when = np.where(left.any(1), 1 + left.argmax(1), ou.BARS)
    earned = results[np.arange(len(results)), when]
    computed = ou.mesh(0, 5)
    at = 2, 7
    assert earned.mean() == pytest.approx(computed.mean[at], abs=4 * float(earned.std()) / 141)
    assert earned.std() == pytest.approx(computed.deviation[at], rel=0.05)


def test_the_published_square_is_approached_from_above_as_dates_are_added() -> None:
    z, value = maximum.threshold()
    assert (z, value) == pytest.approx((1.12281, 0.73848), abs=5e-6)
    at_dates = [maximum.optimum(dates) for dates in (25, 50, 100)]
    assert value < at_dates[2] < at_dates[1] < at_dates[0]
    excess = [each - value for each in at_dates]
    assert excess[0] / excess[1] == pytest.approx(2, abs=0.1)  # of order 1 / dates
    assert maximum.optimum(100) < maximum.of_rule(100) < maximum.optimum(100) * 1.005


def test_the_payoff_is_the_expected_square_of_what_is_missed() -> None:
    """At the first date E S^2 = 1; far below the maximum the distance squared; at the end as well."""
    distance, left = jnp.array([0.0, 5.0, 0.3]), jnp.array([1.0, 0.25, 0.0])
    np.testing.assert_allclose(
        maximum.expected_square(distance, left), [1.0, 25.0, 0.09], rtol=1e-5
    )


@pytest.mark.parametrize("exponent", [0.1, 0.3, 0.5, 0.8, 1.0])
def test_the_paths_have_the_covariance_of_fractional_brownian_motion(exponent: float) -> None:
    law = fbm.increments(exponent, fbm.DATES)
    path = np.cumsum(law.cholesky, axis=0) * fbm.DATES**-exponent
    time = np.arange(1, fbm.DATES + 1) / fbm.DATES
    power = 2 * exponent
    covariance = (time[:, None] ** power + time**power - np.abs(time[:, None] - time) ** power) / 2
    np.testing.assert_allclose(path @ path.T, covariance, atol=1e-12)


def test_one_step_onward_has_the_law_of_the_paths() -> None:
    """Less its conditional mean the next value has the known variance and is free of the past."""
    problem, date, paths = fbm.fbm(0.3), 60, 2_000
    simulated = problem.simulate(jax.random.key(1), paths)
    state = simulated.state[:, date]
    observed, after, _ = problem.onward(jax.random.key(2), state, jnp.int32(date), 16)
    np.testing.assert_allclose(observed[:, 0, 2:], simulated.observed[:, date + 1, 2:], atol=1e-6)
    surprise = np.asarray(simulated.payoff[:, date + 1] - after.mean(axis=1))
    expected = fbm.increments(0.3, fbm.DATES).deviation[date] * fbm.DATES**-0.3
    assert surprise.std() == pytest.approx(expected, rel=0.06)
    past = np.asarray(state)[:, :10]
    standard = (past - past.mean(0)) / past.std(0)
    related = (standard * surprise[:, None]).mean(0) / surprise.std()
    assert np.abs(related).max() < 4 / math.sqrt(paths)


def test_a_straight_path_goes_on_as_it_began_and_is_worth_what_is_known() -> None:
    problem = fbm.fbm(1.0)
    simulated = problem.simulate(jax.random.key(3), 4_000)
    _, after, _ = problem.onward(jax.random.key(4), simulated.state[:, 40], jnp.int32(40), 2)
    np.testing.assert_allclose(after[:, 0], simulated.payoff[:, 41], atol=1e-5)
    first, last = np.asarray(simulated.payoff[:, 1]), np.asarray(simulated.payoff[:, -1])
    earned = np.where(first > 0, last, first)
    assert problem.published == pytest.approx(0.39495, abs=5e-6)
    assert earned.mean() == pytest.approx(problem.published, abs=4 * float(earned.std()) / 63)


OFFERS = 3


def offers(key: Array, paths: int) -> PathsOfProblem:
    """Independent offers between 0 and 1, one a day; the best expectation is 0.6953125."""
    offer = jax.random.uniform(key, (paths, OFFERS + 1))
    return PathsOfProblem(offer[..., None], offer, offer[..., None])


def offers_onward(key: Array, state: Array, date: Array, n: int) -> tuple[Array, Array, Array]:
    """The next offer; the past tells nothing."""
    del date
    offer = jax.random.uniform(key, (len(state), n))
    return offer[..., None], offer, offer[..., None]


def worth(scale: float, observed: Array, payoff: Array, date: Array) -> Array:
    """What going on is worth of a seller of three offers: exact with scale 1."""
    del observed
    return scale * jnp.array([0.6953125, 0.625, 0.5, 0.0])[date] + 0.0 * payoff


@pytest.mark.parametrize("minimised", [False, True])
def test_no_bound_lies_on_the_wrong_side_of_the_optimum(minimised: bool) -> None:
    """The exact continuation gives the optimum itself, a wrong one a bound that is looser, never wrong."""
    problem = Problem(
        "offers", "offers", None, None, None, "", OFFERS, 1, True, minimised, offers, offers_onward
    )
    best = 1 - 0.6953125 if minimised else 0.6953125

    def going_on(scale: float, observed: Array, payoff: Array, date: Array) -> Array:
        value = worth(scale, observed, payoff, date)
        return 1 - value if minimised else value

    exact, hopeful = (
        upper_bound(
            problem, jax.tree_util.Partial(partial(going_on, scale)), jax.random.key(5), 8_000, 200
        )
        for scale in (1.0, 10.0)
    )
    loosened = exact.value - best if not minimised else best - exact.value
    assert -4 * exact.error < loosened < 0.012  # by the noise of 200 successors
    never_stopping = (
        17 / 24
    )  # E max(U, U', 1/2): its martingale knows nothing of the first two offers
    loose = 1 - never_stopping if minimised else never_stopping
    assert hopeful.value == pytest.approx(loose, abs=4 * hopeful.error)
    assert (hopeful.value < best) == minimised


@pytest.mark.slow
def test_the_puts_bound_lies_just_above_its_value() -> None:
    def stops(observed: Array, payoff: Array, date: Array) -> Array:
        """Below a price that rises to the strike at the last date."""
        del payoff
        edge = 0.855 + 0.145 * jnp.exp(-6.0 * jnp.sqrt(1.0 - date / 50.0))
        return observed[:, 0] < jnp.log(edge)

    problem = put(36, 0.2, 1)
    continuation = fitted(problem, stops, jax.random.key(1), 100_000)
    bound = upper_bound(problem, continuation, jax.random.key(2), 2_048, 64)
    assert 4.478 - 3 * bound.error < bound.value < 4.478 * 1.005 + 3 * bound.error


@pytest.mark.slow
@pytest.mark.parametrize("name", ["longstaff_schwartz", "randomised_least_squares"])
def test_the_references_come_near_to_the_published_values(name: str) -> None:
    from benchmarks.peers import stopping

    method = getattr(stopping, name)
    for problem, within in ((put(36, 0.2, 1), 0.01), (max_call(2, 100), 0.015)):
        solved = method(problem, jax.random.key(3))
        assert problem.published is not None
        away = solved.value / problem.published - 1
        assert -within < away < 3 * solved.error / problem.published


@pytest.mark.slow
def test_the_benchmark_sets_ours_beside_the_references_on_the_same_problem() -> None:
    from benchmarks.peers.stopping import randomised_least_squares
    from benchmarks.published import measure

    record = measure(
        ["max-call-2-100"],
        lambda what: None,
        overrides=["exact.updates=6"],
        paths=32_768,
        methods={"randomised least squares": randomised_least_squares},
    )
    (row,) = record
    assert list(row["solved"]) == ["exact", "randomised least squares"]
    for solved in row["solved"].values():
        assert 0.9 * 13.902 < solved["value"] < row["bound"] + 3 * row["bound_error"]
        assert solved["seconds"] > 0
    assert words.published(record)[0].startswith("max-call-2-100: published 13.9020, our bound")


@pytest.mark.slow
def test_deep_optimal_stopping_comes_near_to_the_published_call() -> None:
    from benchmarks.peers.stopping import deep_optimal_stopping

    problem = max_call(2, 100)
    solved = deep_optimal_stopping(problem, jax.random.key(3))
    assert -0.01 < solved.value / 13.902 - 1 < 3 * solved.error / 13.902
