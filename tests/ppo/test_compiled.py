"""The update is one program: no callbacks, no transfers, no retrace from one version to the next."""

import chex
import jax
import jax.numpy as jnp
import pytest

from jaxexit.config import load_experiment
from jaxexit.data import Dataset, load_dataset
from jaxexit.env import make_world
from jaxexit.ppo import (
    agent,
    exit_task,
    init_state,
    ppo_params,
    ppo_spec,
    stack,
    update,
    update_agents,
)
from jaxexit.ppo.update import _update

SMALL = (
    "ppo.num_envs=8",
    "ppo.num_steps=16",
    "ppo.minibatch_size=32",
    "ppo.num_epochs=2",
    "network.hidden_sizes=[16, 16]",
)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load_dataset(load_experiment("v1_baseline", SMALL))


def prepare(version: str, dataset: Dataset, *overrides: str):
    experiment = load_experiment(version, (*SMALL, *overrides))
    spec, world = make_world(experiment, dataset, "train")
    learner, hyper = ppo_spec(experiment), ppo_params(experiment)
    task = exit_task(spec)
    state = init_state(learner, task, hyper, world, jax.random.key(experiment.seed))
    return learner, task, hyper, world, state


def test_an_update_moves_nothing_between_host_and_device(dataset: Dataset) -> None:
    learner, task, hyper, world, state = prepare("v2_exit_guards", dataset)
    state, _ = update(learner, task, hyper, world, state)  # compiled outside the guard
    with jax.transfer_guard("disallow"):
        state, metrics = update(learner, task, hyper, world, state)
        jax.block_until_ready(metrics)
    assert int(state.update) == 2


@pytest.mark.parametrize("platform", ["cuda", "cpu"])
def test_the_update_lowers_without_callbacks_or_host_transfers(
    dataset: Dataset, platform: str
) -> None:
    learner, task, hyper, world, state = prepare("v2_exit_guards", dataset)
    lowered = update.trace(learner, task, hyper, world, state).lower(lowering_platforms=(platform,))
    text = lowered.as_text()
    assert "stablehlo.while" in text  # it is the whole update that was lowered
    for word in ("callback", "infeed", "outfeed", "stablehlo.send", "stablehlo.recv"):
        assert word not in text


def test_numbers_do_not_recompile_neither_from_v1_to_v2_nor_between_seeds(dataset: Dataset) -> None:
    @jax.jit
    @chex.assert_max_traces(n=1)
    def advance(hyper, world, state):
        return _update(learner, task, hyper, world, state)

    chex.clear_trace_counter()
    learner, task, hyper, world, state = prepare("v1_baseline", dataset)
    state, _ = advance(hyper, world, state)
    advance(hyper, world, state)
    costs = "costs.commission=0.00002"
    costly = load_dataset(load_experiment("v1_baseline", (*SMALL, costs)))
    other_learner, other_task, hyper, world, state = prepare(
        "v2_exit_guards", costly, "seed=5", "env.max_bars=200", costs
    )
    assert world.params.costs.commission > 0
    assert (other_learner, other_task) == (learner, task)
    advance(hyper, world, state)


@pytest.mark.slow
def test_v1_and_v2_train_as_one_batch_of_programs(dataset: Dataset) -> None:
    """Variants that differ in traced numbers only are one `vmap`, and each is what it is alone."""
    learner, task, hyper_1, world_1, _ = prepare("v1_baseline", dataset)
    _, _, hyper_2, world_2, state_2 = prepare("v2_exit_guards", dataset)
    assert not jnp.array_equal(
        world_1.params.guards.min_bars_for_exit, world_2.params.guards.min_bars_for_exit
    )

    # The market and the trades are shared; only the numbers are batched.
    own = ("params", "hindsight")
    batched = world_1._replace(
        **{name: stack([getattr(world_1, name), getattr(world_2, name)]) for name in own}
    )
    states = stack([prepare(version, dataset)[-1] for version in ("v1_baseline", "v2_exit_guards")])
    together, metrics = update_agents(
        learner, task, own, "vmap", stack([hyper_1, hyper_2]), batched, states
    )
    alone, its_own = update(learner, task, hyper_2, world_2, state_2)
    assert metrics["blocked_share"][1] == its_own["blocked_share"]
    assert metrics["blocked_share"][0] != its_own["blocked_share"]
    chex.assert_trees_all_close(agent(together.params, 1), alone.params, atol=1e-5)


def test_the_same_seed_gives_the_same_run_bit_for_bit(dataset: Dataset) -> None:
    learner, task, hyper, world, state = prepare("v2_exit_guards", dataset)
    first, _ = update(learner, task, hyper, world, state)
    _, _, _, _, state = prepare("v2_exit_guards", dataset)
    second, _ = update(learner, task, hyper, world, state)
    chex.assert_trees_all_equal(first.params, second.params)
    _, _, _, _, state = prepare("v2_exit_guards", dataset, "seed=1")
    third, _ = update(learner, task, hyper, world, state)
    differs = jax.tree.map(lambda a, b: bool((a != b).any()), first.params, third.params)
    assert any(jax.tree.leaves(differs))


def test_metrics_of_a_rollout_account_for_every_step(dataset: Dataset) -> None:
    learner, task, hyper, world, state = prepare("v1_baseline", dataset)
    _, metrics = update(learner, task, hyper, world, state)
    counts = metrics["guard_counts"]
    assert counts.sum() == learner.batch_size
    assert counts[:, 1:].sum() / learner.batch_size == pytest.approx(
        float(metrics["blocked_share"]), abs=1e-6
    )
    assert counts.sum(axis=(1, 2, 3)) / learner.batch_size == pytest.approx(metrics["action_share"])
    terms = [value for name, value in metrics.items() if name.startswith("reward_")]
    per_trade = metrics["reward_per_trade"]
    assert sum(terms) - per_trade == pytest.approx(float(per_trade), abs=1e-5)
    assert metrics["exit_reason_share"].sum() == pytest.approx(1.0, abs=1e-6)
