"""The update: rollout, advantages, epochs of minibatches, metrics. Pure; compiled by `learning.agents`.

The host only loops over it; nothing but metrics leaves the device.
"""

from __future__ import annotations

from collections.abc import Callable
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


METRICS = ("loss", "policy_loss", "value_loss", "entropy", "kl", "clip_fraction", "grad_norm")


class _Progress(NamedTuple):
    """What the minibatch loops carry: few arrays, since each is a kernel on a GPU."""

    params: Array  # [parameters]: the network's, end to end
    mu: Array  # [parameters]: Adam's first moments
    nu: Array  # [parameters]: its second ones
    sums: Array  # [METRICS + 1]: of the applied minibatches' metrics; and the last KL
    computed: Array  # int32: minibatches computed; one whose KL stopped them was not applied


class _Epochs(NamedTuple):
    """What the minibatches of an update have in common."""

    spec: PPOSpec
    hyper: PPOParams
    batch: Batch  # flat
    entropy_coef: Array
    rate: Array
    optimiser: Any  # before the first minibatch
    unravel: Callable[[Array], Any]  # parameters end to end -> the network's
    axis: str | None

    def minibatch(self, indices: Array, advantage: Array, progress: _Progress) -> _Progress:
        """One gradient step on some samples; not applied if its KL is too large.

        Args:
            indices: [minibatch_size] of the flat batch.
            advantage: [minibatch_size], `normalised`.
            progress: what the minibatches before have led to.
        """
        spec, hyper, axis = self.spec, self.hyper, self.axis
        if axis is not None:
            part = spec.minibatch_size // jax.lax.axis_size(axis)
            first = jax.lax.axis_index(axis) * part
            indices, advantage = (
                jax.lax.dynamic_slice_in_dim(whole, first, part) for whole in (indices, advantage)
            )
        samples = jax.tree.map(lambda leaf: leaf[indices], self.batch._replace(advantage=None))
        samples = samples._replace(advantage=advantage)

        def loss(params: Array) -> tuple[Array, dict[str, Array]]:
            return ppo_loss(self.unravel(params), spec, samples, hyper, self.entropy_coef)

        gradient, metrics = jax.grad(loss, has_aux=True)(progress.params)
        if axis is not None:
            gradient, metrics = _averaged((gradient, metrics), axis)
        metrics["grad_norm"] = optax.tree.norm(gradient)
        before = optax.tree.set(
            self.optimiser,
            count=optax.tree.get(self.optimiser, "count") + progress.computed,
            mu=progress.mu,
            nu=progress.nu,
        )
        step, after = _optimiser(hyper).update(gradient, before)
        stop = metrics["kl"] > hyper.target_kl

        def unless_stopped(new: Array, old: Array) -> Array:
            return jnp.where(stop, old, new)

        of_this = jnp.stack([*(metrics[name] for name in METRICS), metrics["kl"]])
        summed = jnp.arange(len(of_this)) < len(METRICS)
        sums = unless_stopped(progress.sums + of_this, progress.sums)
        return _Progress(
            params=unless_stopped(progress.params - self.rate * jnp.asarray(step), progress.params),
            mu=unless_stopped(optax.tree.get(after, "mu"), progress.mu),
            nu=unless_stopped(optax.tree.get(after, "nu"), progress.nu),
            sums=jnp.where(summed, sums, of_this),
            computed=progress.computed + 1,
        )

    def stopped(self, progress: _Progress) -> Array:
        """Whether the last minibatch's KL was too large."""
        return progress.sums[-1] > self.hyper.target_kl

    def run(self, params: Any, key: Array) -> _Progress:
        """Up to `num_epochs` passes over the flat batch, ended by the KL stop.

        A minibatch whose KL is above the target is not applied, and none after it is computed:
        `while_loop`s, not a masked scan. Batched over seeds each one stops for itself. The devices of an
        `axis` all have the whole batch; each takes its part of every minibatch, and gradients and metrics
        are averaged, so that they stop together.
        """
        spec = self.spec

        def epoch(carry: tuple[Array, _Progress]) -> tuple[Array, _Progress]:
            index, progress = carry
            order = shuffled(jax.random.fold_in(key, index), spec.batch_size)
            order = order.reshape(spec.num_minibatches, spec.minibatch_size)
            advantages = normalised(self.batch.advantage[order])

            done = progress.computed  # before this epoch: none of them stopped

            def body(progress: _Progress) -> _Progress:
                i = progress.computed - done
                return self.minibatch(order[i], advantages[i], progress)

            def more_minibatches(progress: _Progress) -> Array:
                return (progress.computed - done < spec.num_minibatches) & ~self.stopped(progress)

            progress = jax.lax.while_loop(more_minibatches, body, progress)
            return index + 1, progress

        def more_epochs(carry: tuple[Array, _Progress]) -> Array:
            index, progress = carry
            return (index < spec.num_epochs) & ~self.stopped(progress)

        start = _Progress(
            params=ravel_pytree(params)[0],
            mu=ravel_pytree(optax.tree.get(self.optimiser, "mu"))[0],
            nu=ravel_pytree(optax.tree.get(self.optimiser, "nu"))[0],
            sums=jnp.zeros(len(METRICS) + 1),
            computed=jnp.int32(0),
        )
        _, progress = jax.lax.while_loop(more_epochs, epoch, (jnp.int32(0), start))
        return progress


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
    unravel = ravel_pytree(state.params)[1]
    epochs = _Epochs(spec, hyper, flat, entropy_coef, rate, state.optimiser, unravel, axis)
    progress = epochs.run(state.params, key_epochs)
    stopped = epochs.stopped(progress)
    applied = progress.computed - stopped
    params = unravel(progress.params)
    optimiser = optax.tree.set(
        state.optimiser,
        count=optax.tree.get(state.optimiser, "count") + applied,
        mu=unravel(progress.mu),
        nu=unravel(progress.nu),
    )

    explained = 1.0 - jnp.var(batch.target - batch.value) / (jnp.var(batch.target) + 1e-12)
    means = progress.sums / jnp.maximum(applied, 1)
    metrics = {name: means[i] for i, name in enumerate(METRICS)}
    metrics |= {
        "minibatches_applied": applied,
        "minibatches_computed": progress.computed,
        "kl_last": progress.sums[-1],
        "kl_stopped": stopped,
        "entropy_coef": entropy_coef,
        "learning_rate": rate,
        "value_mean": batch.value.mean(),
        "explained_variance": explained,
        "finite": jnp.isfinite(progress.params).all(),
        **task.summarise(data, infos),
    }
    weight = polyak_weight(hyper, state.update, spec.batch_size)
    after = TrainState(
        params=params,
        averaged=optax.incremental_update(params, state.averaged, weight),
        optimiser=optimiser,
        env_state=env_state,
        observation=observation,
        key=key,
        update=state.update + 1,
    )
    chex.assert_trees_all_equal_shapes_and_dtypes(after, state)
    return after, metrics
