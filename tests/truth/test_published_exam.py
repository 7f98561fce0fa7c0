"""The published exam: what the task pays, what a policy is worth, when a row passes."""

import json
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit.__main__ import main
from jaxexit.truth.published.catalogue import MAKERS, named
from jaxexit.truth.published.exam import Effort, Row, examined
from jaxexit.truth.published.learning import experiment_of
from jaxexit.truth.published.problem import PathsOfProblem, Problem
from jaxexit.truth.published.task import (
    GO_ON,
    LAGS,
    STOP,
    Place,
    pool_of,
    stopping_task,
    units_of,
)
from jaxexit.truth.published.value import valued

DATES, FIRST, START, PULL = 6, 1, 2.0, 0.5
NEXT = Place(jnp.int32(7), jnp.int32(3))  # where the next episode begins


def _onward(key: jax.Array, state: jax.Array, date: jax.Array, n: int):
    after = PULL * state[:, None] + jax.random.normal(key, (len(state), n, 1))
    return after, after[..., 0], after


def _simulate(key: jax.Array, n: int) -> PathsOfProblem:
    def step(level: jax.Array, key: jax.Array):
        return (after := _onward(key, level, jnp.int32(0), 1)[0][:, 0]), after

    start = jnp.full((n, 1), START)
    after = jax.lax.scan(step, start, jax.random.split(key, DATES))[1]
    state = jnp.concatenate([start[None], after]).swapaxes(0, 1)
    return PathsOfProblem(state, state[..., 0], state)


FALLING = Problem(
    name="falling",
    family="ou",
    published=None,
    lower=None,
    upper=None,
    source="a price that halves each date, and a shock of deviation 1",
    dates=DATES,
    first=FIRST,
    forced=True,
    minimised=False,
    simulate=_simulate,
    onward=_onward,
)


@pytest.mark.parametrize("forced", [True, False])
@pytest.mark.parametrize("minimised", [True, False])
def test_an_episode_earns_the_payoff_where_it_stops(forced: bool, minimised: bool):
    """Over what stopping at once earns; who would exercise an option for nothing, or less, goes on."""
    problem = FALLING._replace(forced=forced, minimised=minimised)
    paths = problem.simulate(jax.random.key(1), 16)
    units = units_of(problem, paths)
    pool, task = pool_of(problem, units, paths), stopping_task(DATES, FIRST, forced)
    payoff, sign = np.asarray(paths.payoff), -1.0 if minimised else 1.0
    step = jax.jit(task.step)
    for number, wanted in enumerate([1, 3, DATES - 1, DATES, DATES, DATES]):
        earns = sign * payoff[number, wanted] > 0.0
        stop = wanted if forced or earns else DATES
        state, rewards, outcomes = Place(jnp.int32(number), jnp.int32(FIRST)), [], []
        for date in range(FIRST, DATES):
            action = jnp.int32(STOP if date == wanted else GO_ON)
            state, *outcome = step(pool, state, action, NEXT)
            outcomes.append(outcome)
            rewards.append(float(outcome[1]))
            if outcome[2]:
                break
        seen, _, ended, info = outcomes[-1]
        assert ended
        assert len(outcomes) == min(stop, DATES - 1) - FIRST + 1
        last = payoff[number, stop]
        if stop == DATES and not forced:
            last = max(last, 0.0)
        expected = sign * (last - payoff[number, FIRST])
        assert sum(rewards) * float(units.earned) == pytest.approx(expected, abs=1e-4)
        assert float(info.earned) * float(units.earned) == pytest.approx(sign * last, abs=1e-4)
        assert state == NEXT
        assert float(seen[-1]) == pytest.approx(1.0 - float(NEXT.date) / DATES)


@pytest.mark.parametrize("forced", [True, False])
def test_a_learner_is_shown_every_date_and_no_choice_where_there_is_none(forced: bool):
    """Episodes begin at any date, equally often; an option that pays nothing cannot be exercised."""
    problem = FALLING._replace(forced=forced)
    paths = problem.simulate(jax.random.key(1), 64)
    pool = pool_of(problem, units_of(problem, paths), paths)
    task = stopping_task(DATES, FIRST, forced)
    starts = task.draw(pool, jax.random.key(2), (10_000,))
    dates, counts = np.unique(np.asarray(starts.date), return_counts=True)
    assert list(dates) == list(range(FIRST, DATES))
    assert counts == pytest.approx(10_000 / len(dates), abs=4.0 * np.sqrt(10_000 / len(dates)))
    assert task.episodes is not None
    in_order, count = task.episodes(pool, jnp.arange(64))
    assert int(count) == 64
    assert np.all(in_order.date == FIRST)
    assert list(np.asarray(in_order.path)) == list(range(64))
    assert (task.valid is None) == forced
    if task.valid is not None:
        valid = jax.vmap(task.valid, in_axes=(None, 0))(pool, starts)
        assert np.all(valid[:, GO_ON])
        assert np.array_equal(
            valid[:, STOP], np.asarray(paths.payoff)[starts.path, starts.date] > 0.0
        )
        assert 0 < int(valid[:, STOP].sum()) < 10_000


def test_settings_follow_the_length_and_the_width_of_a_problem():
    """Long paths are learned for longer; a path that is observed whole on more of them."""
    short, long = (
        experiment_of(MAKERS[name](), "ppo", 0) for name in ("put-36-0.2-1", "put-36-0.2-2")
    )
    assert long.ppo.total_timesteps == 2 * short.ppo.total_timesteps
    assert long.exact.updates > short.exact.updates
    assert long.exact.trades == short.exact.trades == 2_048  # of 100 dates, and of 50
    wide = experiment_of(MAKERS["fbm-0.3"](), "exact", 0)
    assert wide.exact.trades == 2 * long.exact.trades
    assert wide.exact.updates > long.exact.updates


@pytest.mark.parametrize("date", [FIRST, 3, DATES])
@pytest.mark.parametrize("expected", [0.0, 0.8])
def test_taking_luck_off_does_not_move_a_value(date: int, expected: float):
    """Who stops at a fixed date gets the mean there, whatever going on is expected to be worth."""

    def stops(observed: jax.Array, payoff: jax.Array, now: jax.Array) -> jax.Array:
        return jnp.broadcast_to(now == date, payoff.shape)

    def continuation(observed: jax.Array, payoff: jax.Array, now: jax.Array) -> jax.Array:
        return expected * payoff

    found = valued(
        FALLING,
        jax.tree_util.Partial(stops),
        jax.tree_util.Partial(continuation),
        jax.random.key(3),
        paths=8_192,
        inner=8,
    )
    assert found.value == pytest.approx(START * PULL**date, abs=4.0 * found.error)


def test_a_learned_rule_beats_every_fixed_date_and_not_its_bound():
    """Whoever leaves a falling price at its best lies between both."""
    small = ("exact.updates=4", "exact.rounds=2", "exact.trades=1024", "exact.members=1")
    row = examined(FALLING, "exact", 0, Effort(paths=8_192, outer=512, inner=32), small)
    assert row.error < 0.5 / np.sqrt(8_192)  # a shock alone has a deviation of 1
    best_fixed = START * PULL**FIRST
    assert row.value > best_fixed + 10.0 * row.error
    assert row.value <= row.upper + 3.0 * np.hypot(row.error, row.upper_error)
    assert row.upper < 1.1 * row.value
    assert row.possible


def row(**changes: Any) -> Row:
    """A row that passes, changed."""
    numbers: dict[str, Any] = {
        "problem": "put-36-0.2-1",
        "published": 4.478,
        "lowest": 4.478,
        "highest": 4.478,
        "value": 4.47,
        "error": 0.004,
        "upper": 4.49,
        "upper_error": 0.003,
        "seconds": 1.0,
        "learner": "exact",
        "minimised": False,
        "within": 0.005,
    }
    return Row(**(numbers | changes))


def test_a_row_passes_near_what_is_published_and_below_its_bound():
    """Half a percent either way; between published bounds anything; of a cost the signs are turned."""
    assert row().passed
    assert not row(value=4.45).passed
    assert not row(value=4.51, upper=4.6).passed
    assert row(value=4.47, upper=4.47 - 0.0149).passed
    assert not row(value=4.47, upper=4.47 - 0.0151).passed
    assert row(value=4.3, lowest=4.2, highest=4.5).passed
    nothing = partial(row, published=0.0, lowest=0.0, highest=0.0)
    assert nothing(value=-0.011).passed
    assert not nothing(value=-0.013).passed
    cost = partial(row, minimised=True, value=4.48, upper=4.47)
    assert cost().passed
    assert cost(value=4.51).share == pytest.approx(-0.032 / 4.478)
    assert not cost(upper=4.4951).passed


def test_names_of_rows_and_tables():
    """A table's name stands for its rows; each row bears the name it is asked by."""
    assert len(named(["put"])) == 20
    assert len(named(["max-call"])) == 9
    assert len(named([])) == len(MAKERS) == 20 + 9 + 10 + 1 + 25
    assert named(["fbm-0.5", "fbm"])[0] == "fbm-0.5"
    for name in ("put-44-0.4-2", "max-call-10-110", "fbm-0.3"):
        assert MAKERS[name]().name == name


def test_what_is_seen_of_a_path_with_memory():
    """Each change, and those over the latest 2, 3, ... dates, whatever lies further back."""
    problem = MAKERS["fbm-0.7"]()
    paths = problem.simulate(jax.random.key(0), 3)
    units = units_of(problem, paths)
    level = np.asarray(paths.payoff)
    seen = np.asarray(paths.observed @ units.view)
    unit = 100**-0.7
    assert seen[..., 0] == pytest.approx(level, abs=1e-4)
    assert seen[:, 70, 1] * unit == pytest.approx(level[:, 70] - level[:, 69], abs=1e-4)
    assert seen[:, 70, 9] * unit == pytest.approx(level[:, 62] - level[:, 61], abs=1e-4)
    eight = problem.observed + LAGS.index(8)
    assert seen[:, 70, eight] * unit == pytest.approx(level[:, 70] - level[:, 62], abs=1e-4)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["published", "--problem", "put-37"], "put-36-0.2-1"),
        (["ou", "--problem", "put"], "--problem: only for published"),
        (["few", "--learner", "ppo"], "--learner: only for published"),
        (
            ["published", "--problem", "put", "--set", "env.max_bars=3"],
            "published problem is fixed",
        ),
        (["published", "--steps", "100"], "only for ou and disorder"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], says: str, capsys: pytest.CaptureFixture[str]):
    """It names the option and what it takes."""
    assert main(["exam", *words]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.slow
def test_the_quick_exam_passes(capsys: pytest.CaptureFixture[str]):
    """Both learners find the put's value; the record has what is compared."""
    assert main(["exam", "published", "--quick", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [found["learner"] for found in record["verdicts"]] == ["exact", "ppo"]
    keys = {"problem", "published", "value", "error", "upper", "upper_error", "seconds", "learner"}
    for found in record["verdicts"]:
        assert keys | {"passed"} <= set(found)
        assert found["published"] == 4.478
        assert found["passed"]


def test_what_stopping_earns_of_an_option_that_expires():
    """Nothing at its last date; before it, the payoff as it is."""
    paths = FALLING.simulate(jax.random.key(2), 64)
    earned = np.asarray(FALLING._replace(forced=False).earned(paths))
    payoff = np.asarray(paths.payoff)
    assert (payoff[:, -1] < 0).any()
    assert np.array_equal(earned[:, :-1], payoff[:, :-1])
    assert np.array_equal(earned[:, -1], np.maximum(payoff[:, -1], 0.0))
