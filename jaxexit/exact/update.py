"""The update: paths laid out, returns computed, minibatches. Pure; compiled by `learning.agents`."""

from __future__ import annotations

from functools import partial
from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax

from jaxexit.exact.ensemble import as_network, initial_members, outputs_of_each
from jaxexit.exact.paths import lay_out, reached, returns, stopping_of
from jaxexit.exact.rule import fit_rule
from jaxexit.exact.types import ExactParams, ExactSpec, Paths, Rule, Scaling, TrainState
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


def _scaling(paths: Paths) -> Scaling:
    """Mean and deviation of what was observed, and the deviation of a bar's reward."""
    weight = paths.alive / paths.alive.sum()
    mean = jnp.einsum("kn,knd->d", weight, paths.observation)
    square = jnp.einsum("kn,knd->d", weight, jnp.square(paths.observation - mean))
    moved = (weight * jnp.square(paths.hold - (weight * paths.hold).sum())).sum()
    return Scaling(
        mean=mean,
        inverse=jnp.where(square > 1e-8, jax.lax.rsqrt(jnp.maximum(square, 1e-8)), 0.0),
        reward=jnp.sqrt(jnp.maximum(moved, 1e-12)),
    )


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
    rule = Rule(jnp.int32(0), jnp.float32(1.0), jnp.float32(0.0), jnp.float32(1.0))
    return TrainState(
        members=members,
        averaged=jax.tree.map(jnp.copy, members),  # both are donated: no buffer twice
        policy=as_network(members, scaling, rule, hyper.sharpness, _actions(task)),
        optimiser=_optimiser(hyper).init(members),
        scaling=scaling,
        rule=rule,
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
    price: Array,
    fit: tuple[Any, Any, Array],
    key: Array,
) -> tuple[tuple[Any, Any, Array], Array]:
    """A round's gradient steps on decisions drawn as often as they are met.

    Args:
        spec: structure.
        hyper: numbers.
        inputs: [M, observation_size] scaled observations.
        target: [M] scaled returns.
        weight: [M] how often a decision is met.
        margin: [M] logits by which the rule leaves.
        price: of a squared logit by which a member departs from the rule.
        fit: members, optimiser, gradient steps done.
        key: of the draws.
    """
    cumulative = jnp.cumsum(weight)

    def loss(members: Any, rows: Array) -> Array:
        (advantage, departure), aim = outputs_of_each(members, inputs[rows]), target[rows]
        error = jnp.square(advantage - aim)
        leaves = jax.nn.sigmoid(margin[rows] + departure)
        given_up = leaves * aim + price * jnp.square(departure)
        share = hyper.policy_weight
        return ((1.0 - share) * error + share * given_up).mean(axis=1).sum()

    def minibatch(carry: tuple[Any, Any, Array], key: Array):
        members, optimiser, step = carry
        drawn = cumulative[-1] * jax.random.uniform(key, (spec.members, spec.minibatch_size))
        rows = jnp.minimum(jnp.searchsorted(cumulative, drawn), len(weight) - 1)
        value, gradients = jax.value_and_grad(loss)(members, rows)
        updates, optimiser = _optimiser(hyper).update(gradients, optimiser, members)
        rate = _rate(spec, hyper, step)
        members = optax.apply_updates(members, jax.tree.map(lambda u: -rate * u, updates))
        return (members, optimiser, step + 1), value / spec.members

    return jax.lax.scan(minibatch, fit, jax.random.split(key, spec.minibatches))


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
    key, key_draw, key_rounds, key_shown = jax.random.split(state.key, 4)
    paths = lay_out(task, data, task.draw(data, key_draw, (spec.trades,)), spec.horizon)
    scaling = jax.tree.map(partial(jnp.where, state.update == 0), _scaling(paths), state.scaling)
    inputs = (paths.observation - scaling.mean) * scaling.inverse
    scaled = paths._replace(hold=paths.hold / scaling.reward, leave=paths.leave / scaling.reward)
    rule = jax.tree.map(partial(jnp.where, state.update == 0), fit_rule(scaled, inputs), state.rule)
    margin = hyper.sharpness * rule.margin(inputs)
    assert task.episodes is not None
    price = hyper.anchor * rule.spread / task.episodes(data)
    flat_inputs = inputs.reshape(-1, inputs.shape[-1])
    target_weight = jnp.float32(hyper.target_rate)

    def round_(carry: tuple[Any, Any, Any, Array], key: Array):
        members, averaged, optimiser, step = carry
        expected, departure = jax.lax.map(
            lambda row: jax.tree.map(lambda of: of.mean(axis=0), outputs_of_each(averaged, row)),
            inputs,
        )
        logit = margin + departure
        # Before anything is expected, a path's own future is believed.
        decay = jnp.where(step == 0, 1.0, hyper.trace_decay)
        target = returns(scaled, logit > 0.0, expected, decay)
        weight = reached(scaled, hyper.early_exit * jax.nn.sigmoid(logit))
        (members, optimiser, after), losses = _minibatches(
            spec,
            hyper,
            flat_inputs,
            target.ravel(),
            weight.ravel(),
            margin.ravel(),
            price,
            (members, optimiser, step),
            key,
        )
        share = jnp.where(step == 0, 1.0, target_weight)
        moved: Any = optax.incremental_update(members, averaged, share)
        met = weight.sum() / spec.trades
        return (members, moved, optimiser, after), (losses.mean(), met)

    begin = state.update * (spec.rounds * spec.minibatches)
    carry = (state.members, state.averaged, state.optimiser, begin)
    (members, averaged, optimiser, step), (losses, met) = jax.lax.scan(
        round_, carry, jax.random.split(key_rounds, spec.rounds)
    )
    policy = as_network(averaged, scaling, rule, hyper.sharpness, _actions(task))
    finite = jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(members)]).all()
    metrics = {
        "loss": losses[-1],
        "decisions_met": met[-1],
        "rule_column": rule.column,
        "rule_level": rule.level,
        "learning_rate": _rate(spec, hyper, step),
        "finite": finite,
        **task.summarise(data, _shown(spec, task, data, policy, act, key_shown)),
    }
    after = TrainState(
        members=members,
        averaged=averaged,
        policy=policy,
        optimiser=optimiser,
        scaling=scaling,
        rule=rule,
        key=key,
        update=state.update + 1,
    )
    chex.assert_trees_all_equal_shapes_and_dtypes(after, state)
    return after, metrics
