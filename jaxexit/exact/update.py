"""The update: paths laid out, returns computed, minibatches. Pure; compiled by `learning.agents`."""

from __future__ import annotations

from functools import partial
from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from jaxexit.exact.drift import no_drift, numbers_of, without_luck
from jaxexit.exact.ensemble import (
    as_network,
    initial_members,
    leaving_logit,
    outputs_of_each,
    rule_logit,
)
from jaxexit.exact.episodes import fitted, laid_out, scaled, scaling_of
from jaxexit.exact.paths import drawn_decisions, reached, returns, stopping_of
from jaxexit.exact.types import ExactParams, ExactSpec, Rule, Scaling, TrainState
from jaxexit.learning.types import Task
from jaxexit.policies import mask_logits

Array = jax.Array

SHOWN = 64  # episodes side by side that an update's metrics are of


def _optimiser(hyper: ExactParams) -> optax.GradientTransformation:
    """Global-norm clip, then Adam with decoupled decay; the rate is applied by the caller."""
    return optax.chain(
        optax.clip_by_global_norm(hyper.max_grad_norm),  # type: ignore[arg-type]
        optax.scale_by_adam(b2=0.99),
        optax.add_decayed_weights(hyper.weight_decay),  # type: ignore[arg-type]
    )


def _rate(spec: ExactSpec, hyper: ExactParams, step: Array) -> Array:
    """Learning rate of gradient step `step` of the run: half a cosine to 0."""
    last = hyper.updates * (spec.rounds * spec.minibatches)
    return hyper.learning_rate * 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.minimum(step / last, 1.0)))


def _actions(task: Task) -> tuple[int, int, int]:
    return task.num_actions, *stopping_of(task)


@partial(jax.jit, static_argnames=("spec", "task"))
def first_state(
    spec: ExactSpec, task: Task, hyper: ExactParams, data: Any, key: Array
) -> TrainState:
    """The state before the first update, which fixes the scaling."""
    draw = task.draw(data, key, ())
    size = jax.eval_shape(task.reset, data, draw)[1].shape[-1]
    key, key_members = jax.random.split(key)
    members = initial_members(spec, size, key_members)
    scaling = Scaling(jnp.zeros(size), jnp.ones(size), jnp.float32(1.0))
    rule = Rule(jnp.zeros(size), jnp.float32(0.0), jnp.float32(1.0))
    return TrainState(
        members=members,
        averaged=jax.tree.map(jnp.copy, members),  # both are donated: no buffer twice
        policy=as_network(members, scaling, rule, hyper, _actions(task)),
        optimiser=_optimiser(hyper).init(members),
        scaling=scaling,
        rule=rule,
        drift=no_drift(size),
        key=key,
        update=jnp.int32(0),
    )


def _minibatches(
    spec: ExactSpec,
    hyper: ExactParams,
    inputs: Array,
    target: Array,
    weight: Array,
    margin: Array,
    prices: Array,
    fit: tuple[Any, Any, Array],
    key: Array,
) -> tuple[tuple[Any, Any, Array], Array]:
    """A round's gradient steps on decisions drawn as often as they are met.

    Args:
        spec: structure.
        hyper: numbers.
        inputs: [M, observation_size] scaled observations.
        target: [prices, M] scaled returns.
        weight: [prices, M] how often a decision is met.
        margin: [M] logits by which the rule leaves.
        prices: [prices] of a squared logit by which a member departs from the rule.
        fit: members, optimiser, gradient steps done.
        key: of the draws.
    """
    cumulative = jnp.cumsum(weight, axis=1)
    group = jnp.repeat(jnp.arange(spec.prices), spec.members)
    price, anchor = prices[group][:, None], hyper.anchor[group][:, None]
    search = jax.vmap(jnp.searchsorted)

    def loss(members: Any, rows: Array) -> Array:
        advantage, departure = outputs_of_each(members, inputs[rows])
        aim = target[group[:, None], rows]
        error = jnp.square(advantage - aim)
        logit = leaving_logit(hyper, anchor, margin[rows], advantage, departure)
        leaves = jax.nn.sigmoid(logit)
        given_up = leaves * aim + price * jnp.square(departure)
        share = hyper.policy_weight
        return ((1.0 - share) * error + share * given_up).mean(axis=1).sum()

    def minibatch(carry: tuple[Any, Any, Array], key: Array):
        members, optimiser, step = carry
        drawn = jax.random.uniform(key, (spec.prices, spec.members * spec.minibatch_size))
        rows = search(cumulative, cumulative[:, -1:] * drawn)
        rows = jnp.minimum(rows, weight.shape[1] - 1).reshape(-1, spec.minibatch_size)
        value, gradients = jax.value_and_grad(loss)(members, rows)
        updates, optimiser = _optimiser(hyper).update(gradients, optimiser, members)
        rate = _rate(spec, hyper, step)
        members = optax.apply_updates(members, jax.tree.map(lambda u: -rate * u, updates))
        return (members, optimiser, step + 1), value / len(group)

    return jax.lax.scan(minibatch, fit, jax.random.split(key, spec.minibatches))


def _logits(
    spec: ExactSpec, hyper: ExactParams, members: Any, margin: Array, inputs: Array
) -> tuple[Array, Array]:
    """What all members expect of holding [H, N], and the logit of leaving at each price [prices, H, N]."""

    def row(margin_and_inputs: tuple[Array, Array]) -> tuple[Array, Array]:
        margin, inputs = margin_and_inputs
        advantage, departure = (
            of.reshape(spec.prices, spec.members, -1).mean(axis=1)
            for of in outputs_of_each(members, inputs)
        )
        logit = leaving_logit(hyper, hyper.anchor[:, None], margin, advantage, departure)
        return advantage.mean(axis=0), logit

    expected, logit = jax.lax.map(row, (margin, inputs))
    return expected, logit.swapaxes(0, 1)


def _shown(spec: ExactSpec, task: Task, data: Any, policy: Any, act: Any, key: Array) -> Any:
    """Steps of the greedy policy in `SHOWN` environments over a horizon, for the metrics."""
    draws = task.draw(data, key, (spec.horizon + 1, SHOWN))
    first = jax.tree.map(lambda leaf: leaf[0], draws)
    begin = jax.vmap(task.reset, in_axes=(None, 0))(data, first)

    def play(carry: tuple[Any, Array], draw: Any):
        state, observation = carry
        logits, _ = act(policy, observation)
        if task.valid is not None:
            logits = mask_logits(logits, jax.vmap(task.valid, in_axes=(None, 0))(data, state))
        action = jnp.argmax(logits, axis=-1).astype(jnp.int32)
        state, observation, _, _, info = jax.vmap(task.step, in_axes=(None, 0, 0, 0))(
            data, state, action, draw
        )
        return (state, observation), info

    return jax.lax.scan(play, begin, jax.tree.map(lambda leaf: leaf[1:], draws))[1]


def update(
    spec: ExactSpec, task: Task, hyper: ExactParams, data: Any, state: TrainState, act: Any
) -> tuple[TrainState, dict[str, Array]]:
    """Lay out `trades` paths, then `rounds` times: returns by the averaged members, minibatches.

    Args:
        spec: structure.
        task: with `stopping`.
        hyper: numbers.
        data: what the task works on.
        state: where training stands.
        act: (network parameters, observations) -> logits and value.
    """
    key, key_rounds, key_shown = jax.random.split(state.key, 3)
    paths, fold, count = laid_out(spec, task, data, state.update)
    first = state.update == 0
    scaling = jax.lax.cond(first, lambda: scaling_of(paths), lambda: state.scaling)
    paths, inputs = scaled(paths, scaling)
    drift, rule = jax.lax.cond(
        first,
        lambda: fitted(spec, task, data, scaling, inputs, hyper.luck_removed),
        lambda: (state.drift, state.rule),
    )
    paths = without_luck(paths, numbers_of(inputs, scaling), drift, fold)
    margin = rule_logit(hyper, rule, inputs)
    prices = hyper.anchor * rule.spread / count
    flat_inputs = inputs.reshape(-1, inputs.shape[-1])

    def round_(carry: tuple[Any, Any, Any, Array], key: Array):
        members, averaged, optimiser, step = carry
        expected, logit = _logits(spec, hyper, averaged, margin, inputs)
        # Before anything is expected, the rule is followed and a path's own future is believed.
        logit = jnp.where(step == 0, margin, logit)
        decay = jnp.where(step == 0, 1.0, hyper.trace_decay)
        target = jax.vmap(lambda of: returns(paths, of > 0.0, expected, decay))(logit)
        met = jax.vmap(partial(reached, paths))(hyper.early_exit * jax.nn.sigmoid(logit))
        drawn = drawn_decisions(met, paths.can_leave, hyper.uniform_share)
        (members, optimiser, after), losses = _minibatches(
            spec,
            hyper,
            flat_inputs,
            target.reshape(spec.prices, -1),
            drawn.reshape(spec.prices, -1),
            margin.ravel(),
            prices,
            (members, optimiser, step),
            key,
        )
        share = jnp.where(step == 0, 1.0, hyper.target_rate)
        averaged = optax.incremental_update(members, averaged, share)
        return (members, averaged, optimiser, after), (losses.mean(), met.sum() / met.size)

    begin = state.update * (spec.rounds * spec.minibatches)
    carry = (state.members, state.averaged, state.optimiser, begin)
    after_rounds: Any = jax.lax.scan(round_, carry, jax.random.split(key_rounds, spec.rounds))
    (members, averaged, optimiser, step), (losses, met) = after_rounds
    policy = as_network(averaged, scaling, rule, hyper, _actions(task))
    metrics = {
        "loss": losses[-1],
        "decisions_met": met[-1] * spec.horizon,
        "drift_terms": drift.terms,
        "drift_explained": drift.explained,
        "luck_removed": drift.share,
        "learning_rate": _rate(spec, hyper, step),
        "finite": jnp.isfinite(ravel_pytree(members)[0]).all(),
        **task.summarise(data, _shown(spec, task, data, policy, act, key_shown)),
    }
    after = TrainState(
        members=members,
        averaged=averaged,
        policy=policy,
        optimiser=optimiser,
        scaling=scaling,
        rule=rule,
        drift=drift,
        key=key,
        update=state.update + 1,
    )
    chex.assert_trees_all_equal_shapes_and_dtypes(after, state)
    return after, metrics
