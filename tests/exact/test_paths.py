"""What every exit would have brought: against the environment's own play, and against plain loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit.arrays import key_of
from jaxexit.env import without_guards
from jaxexit.errors import UserError
from jaxexit.evaluate import run_policy
from jaxexit.exact.paths import lay_out, reached, returns
from jaxexit.exact.types import Paths
from jaxexit.policies import LISTED
from jaxexit.policies.fixed import ListedExits
from tests.exact.laid_out import FREE, HORIZON, MONEY, TRADES, Small, small
from tests.ppo import probes

# --- laid out ----------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["next_open", "bar_close"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Trades that are entered and left at the next open, or at the bar's close."""
    fills = [f"env.{fill}_fill={request.param}" for fill in ("entry", "order")]
    return small(tmp_path_factory.mktemp("filled"), *MONEY, *FREE, *fills)


@pytest.fixture(scope="module")
def paths(filled: Small) -> Paths:
    return filled.paths()


def nets(filled: Small) -> np.ndarray:
    """[HORIZON, TRADES] net fractions of the environment's own play that leaves at decision k."""
    rows = np.tile(np.arange(TRADES), HORIZON)
    world = filled.world
    trades, hindsight = jax.tree.map(lambda leaf: leaf[rows], (world.trades, world.hindsight))
    many = world._replace(trades=trades, hindsight=hindsight)
    sent = ListedExits(np.repeat(np.arange(HORIZON, dtype=np.int32), TRADES))  # type: ignore[arg-type]
    played = run_policy(filled.spec, LISTED, many, sent, key_of(0), horizon=HORIZON)
    return np.asarray(played.results.net).reshape(HORIZON, TRADES)


def test_an_exit_brings_what_the_environment_pays_for_it(filled: Small, paths: Paths):
    """Whenever it is left, a stop that was hit on the way included."""
    before = np.cumsum(paths.hold, axis=0) - paths.hold
    scale = float(filled.world.params.reward.reward_scale)
    expected = nets(filled)
    np.testing.assert_allclose((before + paths.leave) / scale, expected, atol=2e-7)
    stopped = paths.ends[:-1].any(axis=0)
    assert 0.2 < stopped.mean() < 1.0
    assert np.ptp(expected, axis=0)[~stopped].min() > 1e-4  # when to leave matters


def test_of_a_later_episode_nothing_is_paid_or_shown(paths: Paths):
    last = paths.alive.sum(axis=0) - 1
    k = np.arange(HORIZON)[:, None]
    np.testing.assert_array_equal(paths.alive, k <= last)
    over = ~paths.alive
    assert over.any()
    for nothing in (paths.hold, paths.leave, paths.observation, paths.can_leave):
        assert not nothing[over].any()
    assert paths.ends[last, np.arange(TRADES)].all()
    assert not paths.ends[k < last].any()


@pytest.mark.parametrize("trade", [16, 32, 48])
def test_bars_to_come_change_nothing_that_was_seen(filled: Small, paths: Paths, trade: int):
    """The future enters through rewards alone, and only from the bar on to which it belongs."""
    entry = np.asarray(filled.world.trades.entry_bar)
    known = int(entry[trade]) + 1

    def other(leaf: jax.Array) -> np.ndarray:
        new = np.array(leaf)
        new[known + 1 :] = new[known + 1 :][::-1]
        return new

    market = jax.tree.map(other, filled.world.market)
    changed = filled.paths(filled.world._replace(market=market))
    bar = entry + np.arange(HORIZON)[:, None]  # of the decision
    for now, then in zip(changed, paths, strict=True):
        np.testing.assert_array_equal(now[bar < known], then[bar < known])
    seen = (bar == known) & paths.alive
    assert seen.any()
    np.testing.assert_array_equal(changed.observation[seen], paths.observation[seen])
    assert (changed.hold[seen] != paths.hold[seen]).any()
    after = (bar > known) & paths.alive & changed.alive
    assert (changed.observation[after] != paths.observation[after]).any(axis=-1).mean() > 0.9


@pytest.mark.parametrize("mode", ["penalise", "mask"])
def test_a_forbidden_exit_is_no_exit(tmp_path_factory: pytest.TempPathFactory, mode: str):
    """v2's guards: too early, or not enough earned."""
    guards = ("guards.min_bars_for_exit=2", "guards.min_profit_for_exit=0.0005")
    name = tmp_path_factory.mktemp("guarded")
    guarded = small(name, *MONEY, *guards, f"guards.mode={mode}")
    paths = guarded.paths()
    free = guarded.paths(
        guarded.world._replace(params=without_guards(guarded.world.params))
    ).can_leave
    assert not paths.can_leave[:2].any(where=~paths.ends[:2])
    forbidden = paths.alive & free & ~paths.can_leave
    assert forbidden[2:].sum() > 50
    assert paths.can_leave[2:][~paths.ends[2:]].sum() > 5
    # An order that was turned into HOLD brings what holding brings, and is no chance to have left.
    np.testing.assert_array_equal(paths.leave[forbidden], paths.hold[forbidden])
    always = np.asarray(reached(paths, jnp.ones(paths.hold.shape)))
    assert not always[forbidden].any()
    assert (always.sum(axis=0) <= 1.0).all()


def test_a_task_that_no_action_ends_is_refused():
    with pytest.raises(UserError, match="learner: exact needs a task whose episode one action"):
        lay_out(probes.TASK, probes.CONSTANT_REWARD, jnp.zeros(3, jnp.int32), 2)


# --- returns -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made() -> tuple[Paths, np.ndarray, np.ndarray]:
    """Paths of 1 to `HORIZON` decisions, a third of which allow no exit; choices; expected advantages."""
    rng = np.random.default_rng(0)
    shape = (HORIZON, TRADES)
    last = rng.integers(0, HORIZON, TRADES)
    k = np.arange(HORIZON)[:, None]
    alive = k <= last
    hold, leave, expected = np.where(alive, rng.standard_normal((3, *shape)), 0.0).astype("f4")
    paths = Paths(
        observation=None,  # type: ignore[arg-type]
        hold=hold,  # type: ignore[arg-type]
        leave=leave,  # type: ignore[arg-type]
        can_leave=alive & (rng.random(shape) < 0.67),  # type: ignore[arg-type]
        alive=alive,  # type: ignore[arg-type]
        ends=np.where(alive, k == last, rng.random(shape) < 0.5),  # type: ignore[arg-type]
    )
    return paths, rng.random(shape) < 0.4, expected


def realised(paths: Paths, leaves: np.ndarray, expected: np.ndarray, k: int, n: int) -> float:
    """Hold at k, then follow the policy to the end of the path."""
    total = 0.0
    while True:
        total += paths.hold[k, n]
        if paths.ends[k, n]:
            return float(total)
        k += 1
        if paths.can_leave[k, n] and leaves[k, n]:
            return float(total + paths.leave[k, n])


def one_step(paths: Paths, leaves: np.ndarray, expected: np.ndarray, k: int, n: int) -> float:
    """Hold at k; then what is expected at the first decision at which one may leave."""
    total = 0.0
    while True:
        total += paths.hold[k, n]
        if paths.ends[k, n]:
            return float(total)
        k += 1
        if paths.can_leave[k, n]:
            return float(total + paths.leave[k, n]) + (not leaves[k, n]) * expected[k, n]


@pytest.mark.parametrize(("trace_decay", "brought"), [(1.0, realised), (0.0, one_step)])
def test_returns_are_what_holding_brings_over_leaving(
    made: tuple[Paths, np.ndarray, np.ndarray], trace_decay: float, brought
):
    paths, leaves, expected = made
    found = np.asarray(
        returns(paths, jnp.asarray(leaves), jnp.asarray(expected), jnp.float32(trace_decay))
    )
    places = np.argwhere(paths.alive)
    assert len(places) > 300
    plain = [brought(paths, leaves, expected, k, n) - paths.leave[k, n] for k, n in places]
    np.testing.assert_allclose(found[paths.alive], plain, atol=1e-5)


def test_between_them_a_paths_future_counts_less_with_every_bar_held():
    """One trade that is held throughout, paid 1 at its end: decay to the power of the bars between."""
    hold = np.zeros((4, 1), np.float32)
    hold[-1] = 1.0
    true, end = np.ones((4, 1), bool), np.arange(4)[:, None] == 3
    paths = Paths(None, hold, np.zeros_like(hold), true, true, end)  # type: ignore[arg-type]
    found = returns(paths, jnp.zeros((4, 1), bool), jnp.zeros((4, 1)), jnp.float32(0.5))
    np.testing.assert_allclose(np.ravel(found), [0.125, 0.25, 0.5, 1.0], atol=1e-6)


def test_a_decision_is_met_as_often_as_nobody_has_left_before(
    made: tuple[Paths, np.ndarray, np.ndarray],
):
    paths, _, _ = made
    chance = np.random.default_rng(1).random((HORIZON, TRADES)).astype(np.float32)
    found = np.asarray(reached(paths, jnp.asarray(chance)))
    for n in range(TRADES):
        stays = 1.0
        for k in range(HORIZON):
            can = bool(paths.can_leave[k, n])
            assert found[k, n] == pytest.approx(stays if can else 0.0, abs=1e-6)
            stays *= 1.0 - chance[k, n] if can else 1.0
