"""A second learner: random search over one logit an action, the same whatever is observed."""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec as P

from jaxexit.config import Experiment
from jaxexit.env import Order, order_from_action
from jaxexit.errors import UserError
from jaxexit.learning import LearnerKind, Task
from jaxexit.policies import NetworkLayers, Policy, View, mask_logits
from jaxexit.policies.types import stateless

NUM_ACTIONS = 5


class Search(NamedTuple):
    """Its training state."""

    best: jax.Array  # [actions]
    reward: jax.Array  # of the best, a step
    envs: Any
    key: jax.Array


class Preferences(NamedTuple):
    """The learner: it plays a batch with logits near the best so far, and keeps them if they earn more."""

    num_envs: int
    num_steps: int

    @property
    def batch_size(self) -> int:
        return self.num_envs * self.num_steps

    @property
    def divisible(self) -> dict[str, int]:
        return {"learner": 1}  # one device an agent

    @property
    def divergence_hint(self) -> str:
        return "lower the spread"

    @property
    def collapse_hint(self) -> None:
        return None

    @property
    def value_words(self) -> str:
        return "Nothing"

    def init(self, task: Task, hyper: jax.Array, data: Any, key: jax.Array) -> Search:
        draws = task.draw(data, key, (self.num_envs,))
        envs, _ = jax.vmap(task.reset, in_axes=(None, 0))(data, draws)
        return Search(jnp.zeros(task.num_actions), jnp.float32(-jnp.inf), envs, key)

    def state_shapes(self, task: Task, hyper: jax.Array, data: Any) -> Search:
        return jax.eval_shape(lambda key: self.init(task, hyper, data, key), jax.random.key(0))

    def state_specs(self, *leading: str) -> Any:
        return P(*leading)

    def update(
        self, task: Task, hyper: jax.Array, data: Any, state: Search, axis: str | None = None
    ) -> tuple[Search, dict[str, jax.Array]]:
        assert axis is None
        key, *keys = jax.random.split(state.key, 4)
        shape = (self.num_steps, self.num_envs)
        tried = state.best + hyper * jax.random.normal(keys[0], state.best.shape)
        actions = jax.random.categorical(keys[1], tried, shape=shape)

        def step(envs: Any, given: Any) -> Any:
            envs, _, reward, _, info = jax.vmap(task.step, (None, 0, 0, 0))(data, envs, *given)
            return envs, (reward, info)

        draws = task.draw(data, keys[2], shape)
        envs, (rewards, infos) = jax.lax.scan(step, state.envs, (actions, draws))
        reward = rewards.mean()
        after = Search(
            best=jnp.where(reward > state.reward, tried, state.best),
            reward=jnp.maximum(reward, state.reward),
            envs=envs,
            key=key,
        )
        finite = jnp.isfinite(tried).all()
        return after, {"loss": -reward, "finite": finite, **task.summarise(data, infos)}

    def policy_params(self, state: Search) -> jax.Array:
        return state.best

    def params_shapes(self, observation_size: int) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((NUM_ACTIONS,), jnp.float32)

    def policy(self, *, masked: bool, sample: bool = False) -> Policy:
        return _policy(masked, sample)

    def evaluate(self, params: jax.Array, observation: jax.Array) -> tuple[jax.Array, jax.Array]:
        leading = observation.shape[:-1]
        return jnp.broadcast_to(params, (*leading, *params.shape)), jnp.zeros(leading)

    def layers(self, params: jax.Array) -> NetworkLayers:
        raise UserError("preferences are no network and cannot be exported")


@lru_cache
def _policy(masked: bool, sample: bool) -> Policy:
    def act(params: Any, state: Any, view: View) -> tuple[Order, Any]:
        logits = mask_logits(params, view.valid) if masked else params
        action = jax.random.categorical(view.key, logits) if sample else jnp.argmax(logits)
        return order_from_action(action), state

    return Policy("learned_sampled" if sample else "learned", stateless, act, guarded=True)


def _learner(experiment: Experiment) -> Preferences:
    return Preferences(experiment.ppo.num_envs, experiment.ppo.num_steps)


def _num_updates(experiment: Experiment) -> int:
    return math.ceil(experiment.ppo.total_timesteps / _learner(experiment).batch_size)


PREFERENCES = LearnerKind(
    learner=_learner,
    hyper=lambda experiment: jnp.float32(1.0),  # spread of what is tried
    num_updates=_num_updates,
    traced_keys=(),
    structure_keys=("ppo.num_envs", "ppo.num_steps"),
)
