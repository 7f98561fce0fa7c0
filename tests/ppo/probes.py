"""Probe environments: so small that value and policy are known, each asks one thing of the learner."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from jaxexit.learning import Task
from jaxexit.policies import NetworkSpec
from jaxexit.ppo import PPOLearner, PPOParams

NUM_ACTIONS = 5

SPEC = PPOLearner(
    num_envs=16,
    num_steps=32,
    num_epochs=4,
    minibatch_size=128,
    network=NetworkSpec(hidden_sizes=(32,), layer_norm=False),
)


def hyper(**changes: float) -> PPOParams:
    """Numbers with which every probe is learned in a few hundred small updates."""
    numbers = {
        "total_timesteps": 1e9,
        "gamma": 0.9,
        "gae_lambda": 0.95,
        "clip_epsilon": 0.2,
        "value_clip": 10.0,
        "value_coef": 0.5,
        "target_kl": float("inf"),
        "learning_rate": 3e-3,
        "learning_rate_end": 3e-3,
        "max_grad_norm": 1.0,
        "entropy_coef_start": 0.0,
        "entropy_coef_end": 0.0,
        "entropy_anneal_steps": 1.0,
        "polyak_window": 0.0,
    }
    return PPOParams(**{name: jnp.float32(value) for name, value in (numbers | changes).items()})


class Probe(NamedTuple):
    """Which probe: traced, so that the learner compiles once for all of them."""

    length: jax.Array  # int32: steps in an episode
    shows_coin: jax.Array  # bool: the observation tells the coin
    pays: jax.Array  # [2 times, 2 sides of the coin, actions]: the reward


def _draw(data: Probe, key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    del data
    return jax.random.bernoulli(key, 0.5, shape).astype(jnp.int32)


def _observe(data: Probe, time: jax.Array, coin: jax.Array) -> jax.Array:
    side = jnp.where(data.shows_coin, 2.0 * coin - 1.0, 0.0)
    return jnp.stack([side, time.astype(jnp.float32)])


def _reset(data: Probe, coin: jax.Array):
    state = (jnp.int32(0), coin)
    return state, _observe(data, *state)


def _step(data: Probe, state, action: jax.Array, coin: jax.Array):
    time, own = state
    paid = data.pays[time, own, action]
    done = time + 1 >= data.length
    state = (jnp.where(done, 0, time + 1), jnp.where(done, coin, own))
    return state, _observe(data, *state), paid, done, paid


def _summarise(data: Probe, infos: jax.Array) -> dict[str, jax.Array]:
    del data
    return {"reward_mean": infos.mean()}


def _valid(data: Probe, state) -> jax.Array:
    del data
    return jnp.arange(NUM_ACTIONS) < jnp.where(state[1] > 0, 2, 4)


TASK = Task(
    num_actions=NUM_ACTIONS, draw=_draw, reset=_reset, valid=None, step=_step, summarise=_summarise
)
MASKED_TASK = TASK._replace(valid=_valid)


def probe(pays: npt.ArrayLike, *, length: int = 1, shows_coin: bool = False) -> Probe:
    """A probe that pays `pays`, broadcast to [2 times, 2 sides of the coin, actions]."""
    table = np.broadcast_to(np.asarray(pays, np.float32), (2, 2, NUM_ACTIONS))
    return Probe(jnp.int32(length), jnp.bool_(shows_coin), jnp.asarray(table))


ACTION_3, ACTION_1, ACTION_4 = (np.eye(NUM_ACTIONS)[i] for i in (3, 1, 4))
CONSTANT_REWARD = probe(1.0)
REWARD_BY_OBSERVATION = probe(np.array([[-1.0], [1.0]]), shows_coin=True)
DELAYED_REWARD = probe(np.array([[[0.0]], [[1.0]]]), length=2)
REWARD_BY_ACTION = probe(ACTION_3)
REWARD_BY_BOTH = probe(np.stack([ACTION_4, ACTION_1]), shows_coin=True)
HIGHEST_ACTION_PAYS = probe(np.arange(NUM_ACTIONS), shows_coin=True)
