"""The ceiling: valid and tight where the best exit is known, and of models that are what they say."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit.env import without_guards
from jaxexit.errors import UserError
from jaxexit.evaluate import Backtest
from jaxexit.truth.ceiling.bootstrap import Bootstrap, bootstrap_start, fit_bootstrap
from jaxexit.truth.ceiling.exam import known_bound, known_stage
from jaxexit.truth.ceiling.known import optimum
from jaxexit.truth.ceiling.measure import FULL, Mean, Sizes, mean_of, split_off
from jaxexit.truth.ceiling.model import Model, left_at, uniforms
from jaxexit.truth.ceiling.run import check_models
from jaxexit.truth.ceiling.scene import money
from jaxexit.truth.ceiling.source import Source, believed
from jaxexit.truth.ceiling.volatility import fit_volatility, volatility_start
from jaxexit.truth.known_answers import Reversion, solve_reversion
from tests.data.made import bar_table, write_bars
from tests.support import tiny

TINY, HORIZON = Sizes(300, 300, 8, 32), 40
BARS, SLOTS = 4_000, 5


def test_no_exit_of_a_martingale_earns_more_than_minus_its_costs() -> None:
    ceiling = mean_of(known_bound("martingale", TINY, horizon=HORIZON).upper)
    assert ceiling.value == pytest.approx(-1.0, abs=0.1)


def test_the_ceiling_of_a_reverting_price_is_its_optimum() -> None:
    found = known_bound("ou", TINY, horizon=HORIZON)
    best = float(solve_reversion(Reversion(horizon=HORIZON)).value)
    ceiling, ours = mean_of(found.upper), mean_of(found.ours)
    assert best - 3 * ceiling.error < ceiling.value < 1.02 * best + 3 * ceiling.error
    # What the value says is within the ceiling on every path, not in the mean alone.
    assert (found.ours <= found.upper + 1e-3).all()
    assert ours.value > 0.97 * best - 3 * ours.error


def test_exits_are_worth_what_the_environment_pays() -> None:
    stage = known_stage("ou", TINY, horizon=HORIZON)
    backtest = Backtest(stage.experiment, stage.dataset, "test")
    _, path = split_off(stage, "test")
    world = backtest.world._replace(params=without_guards(backtest.world.params))
    earned = money(backtest.spec, world, HORIZON)
    gained = 1e4 * (np.asarray(path.price) - np.asarray(path.price[0]))
    np.testing.assert_allclose(earned.leave, gained[:-1] - 1.0, atol=0.02)
    np.testing.assert_allclose(earned.hold[-1], gained[-1] - 1.0, atol=0.02)
    assert np.asarray(earned.ends)[-1].all()


@pytest.fixture(scope="module")
def source() -> Source:
    """Bars whose ranges, gaps and spreads differ by slot, of clustered volatility."""
    rng = np.random.default_rng(3)
    slot = np.arange(BARS) % SLOTS
    wave = 1.0 + 0.5 * np.sin(np.arange(BARS) / 200)
    size = 1e-3 * wave * (1.0 + slot)
    opened = 0.3 * size * rng.standard_normal(BARS)
    close = opened + size * rng.standard_normal(BARS)
    reach = size * np.abs(rng.standard_normal((2, BARS)))
    high, low = np.maximum(opened, close) + reach[0], np.minimum(opened, close) - reach[1]
    half = 1e-5 * (1.0 + slot) * rng.uniform(0.5, 1.5, BARS)
    slots = slot.astype(np.int32)
    return Source(opened, high, low, close, half, slots, slots, SLOTS, SLOTS)


@pytest.mark.parametrize("name", ["bootstrap", "volatility"])
def test_what_a_model_expects_is_the_mean_of_what_it_draws(name: str, source: Source) -> None:
    """With the stop in reach, longs and shorts: else the dual martingale would not be one."""
    entry = np.array([700, 1401, 2102, 2803])
    if name == "bootstrap":
        model: Model = fit_bootstrap(source)._replace(echo=np.float32(0.3), bias=np.float32(0.1))
        state = bootstrap_start(source, entry)
    else:
        fitted = fit_volatility(source)
        model, state = fitted, volatility_start(fitted, source, entry)
    slot = jnp.asarray(source.slots[entry + 1])
    side = jnp.array([1.0, -1.0, 1.0, -1.0])
    room = jnp.array([-1e-3, -2e-3, -5e-3, -1.0])

    @jax.jit
    def drawn(model: Model) -> tuple[jax.Array, ...]:
        _, move = model.onward(state, slot, jax.random.key(0), 200_000)
        _, change = left_at(move, side[:, None], room[:, None])
        expected = model.expected(state, slot, side, room)
        gap = side[:, None] * move.open
        return change, gap, move.half, *expected, model.expected_half(state, slot)

    change, gap, half, *expected = (np.asarray(leaf, float) for leaf in drawn(model))
    for draws, mean in zip((change, gap, half), expected, strict=True):
        error = draws.std(axis=1) / draws.shape[1] ** 0.5
        assert (np.abs(draws.mean(axis=1) - mean) < 4.5 * error + 1e-7).all()


def test_bootstrapped_bars_are_real_bars_of_their_time_of_the_week(source: Source) -> None:
    model = fit_bootstrap(source)
    state = bootstrap_start(source, np.array([10, 20]))
    slot = jnp.array([3, 1])
    after, move = model.onward(state, slot, jax.random.key(1), 500)
    bars = np.asarray(after.bar)
    assert (source.slot[bars] == np.asarray(slot)[:, None]).all()
    np.testing.assert_allclose(np.abs(move.close), np.abs(source.close[bars]), rtol=1e-5)
    np.testing.assert_allclose(move.high - move.low, (source.high - source.low)[bars], rtol=1e-4)
    np.testing.assert_allclose(move.half, source.half[bars], rtol=1e-5)


def test_directions_without_a_habit_make_a_martingale(source: Source) -> None:
    """What is no more than noise is not taken for a drift that an exit could live on."""
    model: Bootstrap = fit_bootstrap(source)
    assert abs(float(model.echo)) < 0.1
    assert believed(0.01, 0.02) == 0.0
    assert believed(0.04, 0.02) == pytest.approx(0.03)


def test_draws_are_uniform_and_even() -> None:
    drawn = np.asarray(uniforms(jax.random.key(0), 4, 2_000, 16))
    assert ((drawn > 0) & (drawn < 1)).all()
    np.testing.assert_allclose(drawn.mean(axis=(1, 2)), 0.5, atol=0.005)
    # The first coordinate has one point in each sixteenth.
    places = np.sort(np.floor((drawn[0] - drawn[0].min(axis=1, keepdims=True)) * 16 + 1e-3), axis=1)
    assert (places == np.arange(16)).all()


def test_an_unknown_model_is_one_clear_line() -> None:
    assert check_models(["known"]) == ("martingale", "ou", "disorder")
    with pytest.raises(UserError, match="got 'garch', expected all or some of bootstrap"):
        check_models(["garch"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["martingale", "ou", "disorder"])
def test_the_ceiling_of_the_exams_markets(kind: str) -> None:
    """Within 2% above the optimum; of a martingale within 0.1 pip. Never below it."""
    ceiling = mean_of(known_bound(kind, FULL, seed=1).upper)
    best = optimum(kind)
    room = 0.1 if kind == "martingale" else 0.02 * best
    assert best - 3 * ceiling.error < ceiling.value < best + room


@pytest.mark.slow
def test_the_command_says_ceiling_rule_and_yours(tmp_path: Path) -> None:
    write_bars(tmp_path, bar_table(rows=6_000))
    yaml, page = tiny.write_tiny(tmp_path), tmp_path / "page.html"
    assert tiny.run("train", yaml, "--quiet")[0] == 0
    code, out, err = tiny.run(
        "ceiling", yaml, "--quick", "--json", "--model", "bootstrap", "--report", page
    )
    assert code == 0, err
    (found,) = json.loads(out)["models"]
    assert found["yours_is"] == "trained version"
    ceiling = Mean(found["ceiling"], found["ceiling_error"])
    assert found["yours"] < ceiling.value + 4 * (ceiling.error + found["yours_error"])
    assert {"mean run of one direction (bars)", "kurtosis"} <= {
        check["name"] for check in found["checks"]
    }
    assert "no exit earns more than" in found["sentence"]
    assert "no exit earns more than" in page.read_text(encoding="utf-8")
