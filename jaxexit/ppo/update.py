"""The update: rollout, advantages, epochs of minibatches, metrics. Pure; compiled by `learning.agents`.

The host only loops over it; nothing but metrics leaves the device.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from jaxexit.arrays import key_of, seed_words
from jaxexit.learning.types import Task
from jaxexit.policies import initial_params, network_shapes
from jaxexit.ppo.loss import normalised, ppo_loss
from jaxexit.ppo.rollout import collect
from jaxexit.ppo.schedules import entropy_coefficient, learning_rate, polyak_weight
from jaxexit.ppo.shuffle import shuffled
from jaxexit.ppo.types import Batch, PPOParams, PPOSpec, TrainState

Array = jax.Array

ADAM_EPSILON = 1e-5


def _optimiser(hyper: PPOParams) -> optax.GradientTransformation:
    """Global-norm clip, then Adam; the learning rate is applied by the caller, from its schedule."""
    return optax.chain(
        optax.clip_by_global_norm(hyper.max_grad_norm),  # type: ignore[arg-type]
        optax.scale_by_adam(eps=ADAM_EPSILON),
    )


def init_state(spec: PPOSpec, task: Task, hyper: PPOParams, data: Any, key: Array) -> TrainState:
    """The state before the first update: fresh parameters, environments at their first decision."""
    spec = spec.for_task(task)
    observation = jax.eval_shape(partial(_first_decision, spec, task), data, key)[1]
    params = initial_params(spec.network, observation.shape[-1], seed_words(key))
    return _first_state(spec, task, hyper, data, params, key)


def state_shapes(spec: PPOSpec, task: Task, hyper: PPOParams, data: Any) -> TrainState:
    """Shapes and types of that state; nothing is computed."""
    spec = spec.for_task(task)
    key = key_of(0)
    observation = jax.eval_shape(partial(_first_decision, spec, task), data, key)[1]
    params = network_shapes(spec.network, observation.shape[-1])
    return jax.eval_shape(partial(_first_state, spec, task), hyper, data, params, key)


def _first_decision(spec: PPOSpec, task: Task, data: Any, key: Array) -> tuple[Any, Array]:
    draws = task.draw(data, key, (spec.num_envs,))
    return jax.vmap(task.reset, in_axes=(None, 0))(data, draws)


@partial(jax.jit, static_argnames=("spec", "task"))
def _first_state(
    spec: PPOSpec, task: Task, hyper: PPOParams, data: Any, params: Any, key: Array
) -> TrainState:
    key, _, key_draw = jax.random.split(key, 3)
    env_state, observation = _first_decision(spec, task, data, key_draw)
    return TrainState(
        params=params,
        averaged=jax.tree.map(jnp.copy, params),  # both are donated: no buffer twice
        optimiser=_optimiser(hyper).init(params),
        env_state=env_state,
        observation=observation,
        key=key,
        update=jnp.int32(0),
    )


class _Progress(NamedTuple):
    """What the minibatch loops carry."""

    params: Any
    optimiser: Any
    sums: dict[str, Array]  # of the applied minibatches' metrics
    applied: Array  # int32: minibatches whose gradient was applied
    computed: Array  # int32: minibatches computed; one more than applied after a stop
    last_kl: Array
    stopped: Array  # bool: the KL was above its target


METRICS = ("loss", "policy_loss", "value_loss", "entropy", "kl", "clip_fraction", "grad_norm")


def _minibatch(
    spec: PPOSpec,
    hyper: PPOParams,
    batch: Batch,
    entropy_coef: Array,
    rate: Array,
    axis: str | None,
    indices: Array,
    progress: _Progress,
) -> _Progress:
    """One gradient step on the samples `indices` of the flat batch; not applied if its KL is too large."""
    advantage = normalised(batch.advantage[indices])
    if axis is not None:
        part = spec.minibatch_size // jax.lax.axis_size(axis)
        first = jax.lax.axis_index(axis) * part
        indices, advantage = (
            jax.lax.dynamic_slice_in_dim(whole, first, part) for whole in (indices, advantage)
        )
    samples = jax.tree.map(lambda leaf: leaf[indices], batch._replace(advantage=None))
    samples = samples._replace(advantage=advantage)
    gradient = jax.grad(ppo_loss, has_aux=True)
    gradients, metrics = gradient(progress.params, spec.network, samples, hyper, entropy_coef)
    if axis is not None:
        gradients, metrics = _averaged((gradients, metrics), axis)
    metrics["grad_norm"] = optax.tree.norm(gradients)
    stop = metrics["kl"] > hyper.target_kl
    updates, moments = _optimiser(hyper).update(gradients, progress.optimiser)
    updates = jax.tree.map(lambda update: -rate * update, updates)
    params = optax.apply_updates(progress.params, updates)

    def unless_stopped(new: Any, old: Any) -> Any:
        return jax.tree.map(lambda a, b: jnp.where(stop, b, a), new, old)

    sums = {name: progress.sums[name] + metrics[name] for name in METRICS}
    return _Progress(
        params=unless_stopped(params, progress.params),
        optimiser=unless_stopped(moments, progress.optimiser),
        sums=unless_stopped(sums, progress.sums),
        applied=progress.applied + ~stop,
        computed=progress.computed + 1,
        last_kl=metrics["kl"],
        stopped=stop,
    )


def _epochs(
    spec: PPOSpec,
    hyper: PPOParams,
    state: TrainState,
    batch: Batch,
    entropy_coef: Array,
    rate: Array,
    key: Array,
    axis: str | None,
) -> _Progress:
    """Up to `num_epochs` passes over the flat batch, ended by the KL stop.

    A minibatch whose KL is above the target is not applied, and none after it is computed: `while_loop`s,
    not a masked scan. Batched over seeds each one stops for itself. The devices of an `axis` all have the
    whole batch; each takes its part of every minibatch, and gradients and metrics are averaged, so that
    they stop together.
    """
    minibatch = partial(_minibatch, spec, hyper, batch, entropy_coef, rate, axis)

    def epoch(carry: tuple[Array, _Progress]) -> tuple[Array, _Progress]:
        index, progress = carry
        order = shuffled(jax.random.fold_in(key, index), spec.batch_size)
        order = order.reshape(spec.num_minibatches, spec.minibatch_size)

        def body(carry: tuple[Array, _Progress]) -> tuple[Array, _Progress]:
            i, progress = carry
            return i + 1, minibatch(order[i], progress)

        def more_minibatches(carry: tuple[Array, _Progress]) -> Array:
            i, progress = carry
            return (i < spec.num_minibatches) & ~progress.stopped

        _, progress = jax.lax.while_loop(more_minibatches, body, (jnp.int32(0), progress))
        return index + 1, progress

    def more_epochs(carry: tuple[Array, _Progress]) -> Array:
        index, progress = carry
        return (index < spec.num_epochs) & ~progress.stopped

    start = _Progress(
        params=state.params,
        optimiser=state.optimiser,
        sums={name: jnp.float32(0.0) for name in METRICS},
        applied=jnp.int32(0),
        computed=jnp.int32(0),
        last_kl=jnp.float32(0.0),
        stopped=jnp.bool_(False),
    )
    _, progress = jax.lax.while_loop(more_epochs, epoch, (jnp.int32(0), start))
    return progress


def _all_finite(tree: Any) -> Array:
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)]).all()


def _averaged(tree: Any, axis: str) -> Any:
    """Means over the devices of an axis, in one exchange."""
    flat, unflatten = ravel_pytree(tree)
    return unflatten(jax.lax.pmean(flat, axis))


def update(
    spec: PPOSpec,
    task: Task,
    hyper: PPOParams,
    data: Any,
    state: TrainState,
    axis: str | None = None,
) -> tuple[TrainState, dict[str, Array]]:
    """One PPO update; with an `axis`, on one device of those that share out the environments."""
    spec = spec.for_task(task)
    key, key_rollout, key_epochs = jax.random.split(state.key, 3)
    env_state, observation, batch, infos = collect(
        spec,
        task,
        state.params,
        data,
        hyper,
        state.env_state,
        state.observation,
        key_rollout,
        axis,
    )
    if axis is not None:  # each device may need any sample, and metrics are of all
        batch, infos = jax.lax.all_gather((batch, infos), axis, axis=1, tiled=True)
    steps = state.update * jnp.float32(spec.batch_size)
    entropy_coef = entropy_coefficient(hyper, steps)
    rate = learning_rate(hyper, steps)
    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), batch)
    chex.assert_tree_shape_prefix(flat, (spec.batch_size,))
    progress = _epochs(spec, hyper, state, flat, entropy_coef, rate, key_epochs, axis)

    applied = jnp.maximum(progress.applied, 1)
    explained = 1.0 - jnp.var(batch.target - batch.value) / (jnp.var(batch.target) + 1e-12)
    metrics = {name: total / applied for name, total in progress.sums.items()}
    metrics |= {
        "minibatches_applied": progress.applied,
        "minibatches_computed": progress.computed,
        "kl_last": progress.last_kl,
        "kl_stopped": progress.stopped,
        "entropy_coef": entropy_coef,
        "learning_rate": rate,
        "value_mean": batch.value.mean(),
        "explained_variance": explained,
        "finite": _all_finite(progress.params),
        **task.summarise(data, infos),
    }
    weight = polyak_weight(hyper, state.update, spec.batch_size)
    after = TrainState(
        params=progress.params,
        averaged=optax.incremental_update(progress.params, state.averaged, weight),
        optimiser=progress.optimiser,
        env_state=env_state,
        observation=observation,
        key=key,
        update=state.update + 1,
    )
    chex.assert_trees_all_equal_shapes_and_dtypes(after, state)
    return after, metrics
