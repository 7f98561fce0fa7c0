"""The known answers as facts: resolution, direct simulation, the published numbers, the losses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit.truth.known_answers import (
    Disorder,
    Reversion,
    Solution,
    choice_loss,
    entry_quantiles,
    exit_advantage,
    exit_now,
    next_posterior,
    reversion_state,
    solve_disorder,
    solve_reversion,
)
from jaxexit.truth.simple_rules import (
    best_simple_rules,
    fixed_hold_values,
    loss_if_left,
    simulate,
    simulate_best_rule,
)
from jaxexit.truth.stops import value_with_stops

REVERSION, DISORDER = Reversion(), Disorder()


@pytest.fixture(scope="module")
def reversion() -> Solution:
    return solve_reversion(REVERSION)


@pytest.fixture(scope="module")
def disorder() -> Solution:
    return solve_disorder(DISORDER)


def test_half_the_resolution_gives_the_same_values(reversion: Solution, disorder: Solution) -> None:
    coarse = solve_reversion(REVERSION, grid_points=801, noise_points=201)
    assert abs(coarse.value - reversion.value) < 0.01
    assert np.abs(coarse.start - reversion.start[::2]).max() < 0.01
    coarse = solve_disorder(DISORDER, grid_points=501, noise_points=201)
    assert abs(coarse.value - disorder.value) < 0.01
    assert np.abs(coarse.start - disorder.start[::2]).max() < 0.01


def test_the_values_are_those_of_the_specification(reversion: Solution, disorder: Solution) -> None:
    assert reversion.value == pytest.approx(27.857, abs=0.005)
    assert disorder.value == pytest.approx(16.761, abs=0.005)
    hold = fixed_hold_values(REVERSION)
    assert hold.argmax() == REVERSION.horizon
    assert hold[-1] / reversion.value == pytest.approx(0.220, abs=0.001)
    assert fixed_hold_values(DISORDER).max() == pytest.approx(10.6, abs=0.1)


def test_what_the_other_readings_of_the_markets_are_worth(disorder: Solution) -> None:
    uniform = solve_reversion(Reversion(entries="uniform"), grid_points=801, noise_points=201)
    assert uniform.value == pytest.approx(30.47, abs=0.01)
    market = Disorder(first_bar_favourable=True)
    sure = solve_disorder(market, grid_points=501, noise_points=201)
    assert sure.value == pytest.approx(disorder.value + 1.0, abs=0.01)
    assert sure.value == pytest.approx(17.761, abs=0.01)


@pytest.mark.parametrize("name", ["reversion", "disorder"])
def test_the_best_rule_earns_its_value_on_simulated_paths(
    name: str, request: pytest.FixtureRequest
) -> None:
    market = REVERSION if name == "reversion" else DISORDER
    solution = request.getfixturevalue(name)
    found = simulate_best_rule(market, solution, 200_000, seed=11)
    assert abs(found.mean - solution.value) < 3.0 * found.standard_error


def test_the_best_simple_rules_on_the_reverting_price(reversion: Solution) -> None:
    rules = best_simple_rules(REVERSION, reversion, tuning_trades=3_000, trades=25_000)
    level = rules["price level"]
    assert level.share == pytest.approx(0.964, abs=0.003)
    assert level.at_horizon == pytest.approx(0.22, abs=0.03)
    assert max(rules.values(), key=lambda rule: rule.value) is level
    assert max(rule.value for rule in rules.values()) < reversion.value


def test_the_best_simple_rules_under_disorder(disorder: Solution) -> None:
    rules = best_simple_rules(DISORDER, disorder, tuning_trades=3_000, trades=25_000)
    best = max(rules.values(), key=lambda rule: rule.value)
    assert best is rules["momentum"]
    assert best.share == pytest.approx(0.945, abs=0.006)
    assert rules["drawdown from peak"].share == pytest.approx(0.94, abs=0.01)


@pytest.mark.parametrize("name", ["reversion", "disorder"])
def test_losses_explain_the_difference_to_the_optimum(
    name: str, request: pytest.FixtureRequest
) -> None:
    # Any rule's mean result is the optimum minus the mean of its losses: here, a fixed hold.
    market = REVERSION if name == "reversion" else DISORDER
    solution = request.getfixturevalue(name)
    paths = simulate(market, 20_000, np.random.default_rng(3))
    losses = loss_if_left(solution, paths)
    exact = fixed_hold_values(market)
    for bars in (0, 1, 30, market.horizon):
        error = losses[bars].std() / 20_000**0.5
        assert abs(solution.value - losses[bars].mean() - exact[bars]) < 4.0 * error + 0.005
    assert losses.min() >= 0.0
    state = paths.state[7]
    left = choice_loss(solution, state, np.int64(7), np.ones(20_000))
    held = choice_loss(solution, state, np.int64(7), np.zeros(20_000))
    advantage = exit_advantage(solution, state, np.int64(7))
    np.testing.assert_allclose(held - left, advantage, atol=1e-9)
    assert np.all(np.minimum(left, held) == 0.0)
    leaves = exit_now(solution, state, np.int64(7))
    threshold = solution.threshold[7]
    expected = state >= threshold if name == "reversion" else state <= threshold
    assert np.array_equal(leaves, expected)


def test_device_arrays_give_the_same_answers(reversion: Solution, disorder: Solution) -> None:
    k = np.arange(200)
    for solution, state in (
        (reversion, np.linspace(-130.0, 130.0, 200)),
        (disorder, np.linspace(0.0, 1.0, 200)),
    ):
        on_device = jax.tree.map(jnp.float32, solution)
        compiled = jax.jit(exit_advantage)(on_device, jnp.float32(state), jnp.int32(k))
        np.testing.assert_allclose(compiled, exit_advantage(solution, state, k), atol=2e-3)
    posterior = jax.jit(lambda q, change: next_posterior(DISORDER, q, change))(
        jnp.float32(0.7), jnp.float32(-4.0)
    )
    assert float(posterior) == pytest.approx(float(next_posterior(DISORDER, 0.7, -4.0)), rel=1e-5)


def test_the_posterior_is_the_frequency() -> None:
    # Bayes by brute force: among paths whose posterior is near q, the mean move is (2q - 1) drift.
    market = Disorder(noise=2.0, horizon=21)
    paths = simulate(market, 100_000, np.random.default_rng(5))
    move = paths.gain[21] - paths.gain[20]
    for low in (0.1, 0.3, 0.5, 0.7):
        chosen = (paths.state[20] >= low) & (paths.state[20] < low + 0.2)
        expected = market.drift * (2.0 * paths.state[20][chosen].mean() - 1.0)
        error = move[chosen].std() / chosen.sum() ** 0.5
        assert abs(move[chosen].mean() - expected) < 4.0 * error


def test_entries_lie_as_the_price_does() -> None:
    entries = entry_quantiles(REVERSION, (np.arange(1000) + 0.5) / 1000)
    assert entries.min() > -30.0
    assert entries.max() < 10.0
    assert entries.mean() == pytest.approx(-7.125, abs=0.01)  # truncated normal
    assert entry_quantiles(Reversion(entries="uniform"), np.float64(0.25)) == pytest.approx(-20.0)


def test_a_short_is_a_long_on_the_negated_price() -> None:
    long = reversion_state(np.float64(0.9985), 1.0, 1.0, 0.0001)
    short = reversion_state(np.float64(-1.0015), -1.0, 1.0, 0.0001)
    assert long == pytest.approx(-0.00145)
    assert short == pytest.approx(long)


def test_a_stop_inside_the_bar_adds_less_than_one_percent(disorder: Solution) -> None:
    assert value_with_stops(DISORDER, ()) == pytest.approx(float(disorder.value), abs=0.01)
    bound = value_with_stops(DISORDER)
    assert 1.005 < bound / disorder.value < 1.01
