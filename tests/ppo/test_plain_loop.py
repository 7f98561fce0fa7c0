"""An update against the same algorithm written plainly: Optax on the network's tree, a Python loop."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxexit.learning import Task
from jaxexit.ppo.loss import normalised, ppo_loss
from jaxexit.ppo.rollout import collect
from jaxexit.ppo.shuffle import shuffled
from jaxexit.ppo.types import PPOParams, TrainState
from jaxexit.ppo.update import ADAM_EPSILON
from tests.ppo import probes
from tests.ppo.probes import MASKED_TASK, SPEC, TASK

update = jax.jit(SPEC.update, static_argnums=0)


def plainly(task: Task, numbers: PPOParams, data: probes.Probe, state: TrainState):
    """(parameters, optimiser's state, gradient steps applied) after one update."""
    _, key_rollout, key_epochs = jax.random.split(state.key, 3)
    played = (state.params, data, numbers, state.env_state, state.observation, key_rollout)
    *_, batch, _ = jax.jit(collect, static_argnums=(0, 1))(SPEC, task, *played)
    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), batch)
    optimiser = optax.chain(
        optax.clip_by_global_norm(float(numbers.max_grad_norm)),
        optax.adam(float(numbers.learning_rate), eps=ADAM_EPSILON),
    )
    params, moments, applied = state.params, optimiser.init(state.params), 0
    for name in ("count", "mu", "nu"):  # the learning rate is constant: all that Adam knows
        moments = optax.tree.set(moments, **{name: optax.tree.get(state.optimiser, name)})
    gradient = jax.jit(jax.grad(ppo_loss, has_aux=True), static_argnums=1)
    for epoch in range(SPEC.num_epochs):
        order = shuffled(jax.random.fold_in(key_epochs, epoch), SPEC.batch_size)
        for chosen in order.reshape(SPEC.num_minibatches, SPEC.minibatch_size):
            samples = jax.tree.map(lambda leaf, chosen=chosen: leaf[chosen], flat)
            samples = samples._replace(advantage=normalised(samples.advantage[None])[0])
            slope, metrics = gradient(params, SPEC, samples, numbers, jnp.float32(0.0))
            if metrics["kl"] > numbers.target_kl:
                return params, moments, applied
            step, moments = optimiser.update(slope, moments)
            params, applied = optax.apply_updates(params, step), applied + 1
    return params, moments, applied


@pytest.mark.parametrize("task", [TASK, MASKED_TASK], ids=["free", "masked"])
def test_two_updates_are_those_of_a_plain_loop_kl_stop_included(task: Task) -> None:
    numbers, data = probes.hyper(target_kl=0.01, learning_rate=0.01), probes.REWARD_BY_BOTH
    numbers = numbers._replace(learning_rate_end=numbers.learning_rate)
    state = SPEC.init(task, numbers, data, jax.random.key(3))
    counted = []
    for _ in range(2):
        params, moments, applied = plainly(task, numbers, data, state)
        state, metrics = update(task, numbers, data, state)
        counted.append(applied)
        assert metrics["minibatches_applied"] == applied
        assert optax.tree.get(state.optimiser, "count") == optax.tree.get(moments, "count")
        for name in ("mu", "nu"):
            mine, its = (optax.tree.get(tree, name) for tree in (state.optimiser, moments))
            chex.assert_trees_all_close(mine, its, rtol=2e-3, atol=1e-6)
        chex.assert_trees_all_close(state.params, params, rtol=1e-3, atol=2e-5)
    all_of_them = SPEC.num_epochs * SPEC.num_minibatches
    assert 1 < counted[0] < all_of_them  # stopped on the way: Adam's count goes on from there
    assert int(optax.tree.get(state.optimiser, "count")) == np.sum(counted)
