"""Gymnasium: the same trades, the same rewards, the same observations as the environment itself."""

from __future__ import annotations

from functools import partial
from typing import Any

import gymnasium
import jax
import numpy as np
import pytest
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import jaxexit.gym
from jaxexit.config import load_experiment
from jaxexit.data import load_dataset
from jaxexit.env import (
    REASONS,
    EnvState,
    make_world,
    observe,
    order_from_action,
    reset,
    situation,
    step,
    valid_actions,
)
from jaxexit.errors import UserError
from tests.support import tiny

LANES = 16
# The same arithmetic in another program: XLA fuses it otherwise, which shows in a float32's last digit.
ROUNDING: dict[str, Any] = {"rtol": 1e-6, "atol": 2e-7}


@pytest.fixture(scope="module")
def yaml(tmp_path_factory: pytest.TempPathFactory):
    """Guards that block a good deal, and costs of every kind."""
    more = (
        "guards: {min_bars_for_exit: 2, min_profit_for_partial: 0.0005}\n"
        "costs: {spread_pips: 1.0, commission: 0.00002, slippage_pips: 0.2, swap_long_pips: 0.5}\n"
    )
    return tiny.write_tiny(tmp_path_factory.mktemp("gym"), more=more)


@pytest.fixture(scope="module")
def env(yaml):
    made = gymnasium.make(jaxexit.gym.ENV_ID, experiment=yaml)
    yield made
    made.close()


@pytest.fixture(scope="module")
def native(yaml):
    """The environment itself, of the same split: (begin a trade, take a step)."""
    experiment = load_experiment(yaml)
    spec, world = make_world(experiment, load_dataset(experiment), "train")
    parts = (spec, world.params, world.market, world.trades)

    def shown(state: EnvState):
        now = situation(spec, world.params, world.trades, state)
        return observe(spec, world.params, world.market, now), valid_actions(world.params, now)

    @jax.jit
    def begin(trade):
        state = reset(*parts, trade)
        return state, *shown(state)

    @jax.jit
    def onward(state, action):
        after, outcome = partial(step, spec, world)(state, order_from_action(action))
        pips = after.realised * abs(after.entry) / world.unit
        return after, *shown(after), outcome, pips

    return begin, onward


def _reason(outcome: Any) -> str:
    fill = outcome.bar_fill if outcome.bar_fill.size > 0 else outcome.order_fill
    return REASONS[int(fill.reason)]


def test_gymnasiums_own_check_finds_nothing_to_say(env):
    check_env(env.unwrapped)


def test_an_episode_is_the_native_trade_step_for_step(env, native):
    begin, onward = native
    random = np.random.default_rng(5)
    reasons, blocked = set(), 0
    for trade in random.integers(env.unwrapped.num_trades, size=40).tolist():
        state, observation, valid = begin(np.int32(trade))
        seen, info = env.reset(options={"trade": trade})
        done = False
        assert info["trade"] == trade
        assert info["k"] == 0
        assert info["net_pips"] == 0.0
        while not done:
            np.testing.assert_allclose(seen, observation, **ROUNDING)
            assert (info["action_mask"] == np.asarray(valid)).all()
            action = int(random.choice(5, p=[0.6, 0.1, 0.1, 0.1, 0.1]))
            state, observation, valid, outcome, pips = onward(state, np.int32(action))
            seen, reward, done, truncated, info = env.step(action)
            np.testing.assert_allclose(reward, outcome.reward, **ROUNDING)
            assert done == bool(outcome.done)
            assert not truncated
            np.testing.assert_allclose(info["net_pips"], pips, rtol=1e-6, atol=1e-5)
            assert info["effective_action"] == int(outcome.action)
            assert info["blocked"] == bool(outcome.blocked)
            assert info["exit_reason"] == (_reason(outcome) if done else "")
            blocked += bool(outcome.blocked)
        reasons.add(info["exit_reason"])
    assert {"EXIT", "STOP"} <= reasons
    assert blocked > 0


def test_a_seed_fixes_the_trades_and_all_trades_are_drawn(env):
    first = [env.reset(seed=3)[1]["trade"], *(env.reset()[1]["trade"] for _ in range(5))]
    again = [env.reset(seed=3)[1]["trade"], *(env.reset()[1]["trade"] for _ in range(5))]
    assert first == again
    assert len(set(map(int, first))) > 1
    envs = gymnasium.make_vec(
        jaxexit.gym.ENV_ID, num_envs=2000, experiment=env.unwrapped.spec.kwargs["experiment"]
    )
    drawn = envs.reset(seed=1)[1]["trade"]
    assert drawn.min() >= 0
    assert drawn.max() < env.unwrapped.num_trades
    assert len(set(drawn.tolist())) > 0.6 * min(2000, env.unwrapped.num_trades)


def test_nothing_is_stepped_that_is_not_open_and_no_action_is_made_up(env):
    env.reset(seed=0, options={"trade": 0})
    with pytest.raises(InvalidAction, match="expected 0 to 4"):
        env.unwrapped.step(5)
    done = False
    while not done:
        done = env.step(0)[2]
    with pytest.raises(ResetNeeded, match="call reset"):
        env.unwrapped.step(0)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"trade": -1}, "expected a whole number from 0 to"),
        ({"trade": 10**6}, "expected a whole number from 0 to"),
        ({"trade": 1.5}, "expected a whole number from 0 to"),
        ({"row": 1}, "got 'row', expected trade"),
    ],
)
def test_a_trade_that_there_is_not_is_refused(env, wrong, says):
    with pytest.raises(UserError, match=says):
        env.reset(options=wrong)


def test_an_unknown_split_is_refused(yaml):
    with pytest.raises(UserError, match="expected one of train, validation, test"):
        gymnasium.make(jaxexit.gym.ENV_ID, experiment=yaml, split="future")


def _lone(env, trade: int, actions):
    """A trade alone: observations, rewards, and the last info."""
    seen, info = env.reset(options={"trade": trade})
    observations, rewards, done = [seen], [], False
    while not done:
        seen, reward, done, _, info = env.step(actions(trade, int(info["k"])))
        observations.append(seen)
        rewards.append(reward)
    return observations, rewards, info


def _action(trade: int, k: int) -> int:
    return int(np.random.default_rng([trade, k]).choice(5, p=[0.6, 0.1, 0.1, 0.1, 0.1]))


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_a_lane_of_the_vector_plays_each_trade_as_it_is_alone(env, yaml, mode):
    envs = gymnasium.make_vec(
        jaxexit.gym.ENV_ID, num_envs=LANES, experiment=yaml, autoreset_mode=mode
    )
    assert envs.metadata["autoreset_mode"] is mode
    seen, info = envs.reset(seed=2)
    playing = [(int(trade), [seen[lane]], []) for lane, trade in enumerate(info["trade"])]
    over, compared = np.zeros(LANES, bool), 0
    for _ in range(60):
        actions = [_action(t, k) for t, k in zip(info["trade"], info["k"], strict=True)]
        seen, reward, done, truncated, info = envs.step(np.array(actions))
        assert seen in envs.observation_space
        assert not truncated.any()
        for lane in range(LANES):
            trade, observations, rewards = playing[lane]
            if over[lane]:  # the step that only begins the new trade
                assert reward[lane] == 0.0
                assert not done[lane]
                playing[lane] = (int(info["trade"][lane]), [seen[lane]], [])
                continue
            rewards.append(reward[lane])
            last = info
            if done[lane] and mode is AutoresetMode.SAME_STEP:
                assert info["_final_obs"][lane]
                observations.append(info["final_obs"][lane])
                last = info["final_info"]
                playing[lane] = (int(info["trade"][lane]), [seen[lane]], [])
            else:
                observations.append(seen[lane])
            if done[lane]:
                alone, paid, ended = _lone(env, trade, _action)
                np.testing.assert_allclose(observations, alone, **ROUNDING)
                np.testing.assert_allclose(rewards, paid, **ROUNDING)
                pips = last["net_pips"][lane]
                np.testing.assert_allclose(pips, ended["net_pips"], rtol=1e-6, atol=1e-5)
                assert last["exit_reason"][lane] == ended["exit_reason"]
                compared += 1
        over = done if mode is AutoresetMode.NEXT_STEP else over
    assert compared > LANES
    envs.close()


def test_the_vector_begins_the_trades_it_is_asked_for(yaml):
    envs = gymnasium.make_vec(jaxexit.gym.ENV_ID, num_envs=3, experiment=yaml)
    assert envs.reset(options={"trade": [4, 0, 2]})[1]["trade"].tolist() == [4, 0, 2]
    with pytest.raises(InvalidAction, match="expected 3 of 0 to 4"):
        envs.step(np.array([0, 5, 0]))


def test_stable_baselines3_trains_on_it(yaml):
    """Its rollout holds the environment's own numbers: what it has stored is replayed natively."""
    sb3 = pytest.importorskip(
        "stable_baselines3", reason="needs Stable-Baselines3: pip install '.[bench]'"
    )
    from stable_baselines3.common.callbacks import BaseCallback  # pyright: ignore
    from stable_baselines3.common.env_checker import check_env as check_for_sb3  # pyright: ignore

    made = gymnasium.make(jaxexit.gym.ENV_ID, experiment=yaml)
    native = gymnasium.make(jaxexit.gym.ENV_ID, experiment=yaml).unwrapped
    check_for_sb3(made.unwrapped)
    steps: list[tuple[int, int, float, bool]] = []

    class Follow(BaseCallback):
        def _on_step(self) -> bool:
            info, action = self.locals["infos"][0], int(self.locals["actions"][0])
            reward, done = float(self.locals["rewards"][0]), bool(self.locals["dones"][0])
            steps.append((int(info["trade"]), action, reward, done))
            return True

    model = sb3.PPO("MlpPolicy", made, n_steps=128, batch_size=64, n_epochs=2, seed=0, device="cpu")
    before = model.policy.state_dict()["action_net.weight"].clone()
    model.learn(512, callback=Follow())
    assert (before != model.policy.state_dict()["action_net.weight"]).any()
    fresh, closed = True, 0
    for trade, action, reward, done in steps:
        if fresh:
            native.reset(options={"trade": trade})
        _, own, ended, _, _ = native.step(action)
        assert done == ended
        np.testing.assert_allclose(reward, float(own), **ROUNDING)
        fresh, closed = done, closed + done
    assert len(steps) == 512
    assert closed > 20
