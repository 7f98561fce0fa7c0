"""The update is one program: no callbacks, no transfers, no retrace from one version to the next."""

import chex
import jax
import jax.numpy as jnp
import pytest

from jaxexit.config import load_experiment
from jaxexit.data import Dataset, load_dataset
from jaxexit.env import make_world
from jaxexit.learners import hyper_of, learner_of
from jaxexit.learning import exit_task, stack, take, update_agents

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
    """What `update_agents` takes, of a batch of one agent."""
    experiment = load_experiment(version, (*SMALL, *overrides))
    spec, world = make_world(experiment, dataset, "train")
    learner, hyper = learner_of(experiment), hyper_of(experiment)
    task = exit_task(spec)
    state = learner.init(task, hyper, world, jax.random.key(experiment.seed))
    return learner, task, (), "map", stack([hyper]), world, stack([state])


def test_an_update_moves_nothing_between_host_and_device(dataset: Dataset) -> None:
    *arguments, states = prepare("v2_exit_guards", dataset)
    states, _ = update_agents(*arguments, states)  # compiled outside the guard
    with jax.transfer_guard("disallow"):
        states, metrics = update_agents(*arguments, states)
        jax.block_until_ready(metrics)
    assert states.update.tolist() == [2]


@pytest.mark.parametrize("platform", ["cuda", "cpu"])
def test_the_update_lowers_without_callbacks_or_host_transfers(
    dataset: Dataset, platform: str
) -> None:
    traced = update_agents.trace(*prepare("v2_exit_guards", dataset))
    lowered = traced.lower(lowering_platforms=(platform,))
    text = lowered.as_text()
    assert "stablehlo.while" in text  # it is the whole update that was lowered
    for word in ("callback", "infeed", "outfeed", "stablehlo.send", "stablehlo.recv"):
        assert word not in text


def test_numbers_do_not_recompile_neither_from_v1_to_v2_nor_between_seeds(dataset: Dataset) -> None:
    @jax.jit
    @chex.assert_max_traces(n=1)
    def advance(hypers, world, states):
        return update_agents(*static, hypers, world, states)

    chex.clear_trace_counter()
    *static, hypers, world, states = prepare("v1_baseline", dataset)
    states, _ = advance(hypers, world, states)
    advance(hypers, world, states)
    costs = "costs.commission=0.00002"
    costly = load_dataset(load_experiment("v1_baseline", (*SMALL, costs)))
    *others, hypers, world, states = prepare(
        "v2_exit_guards", costly, "seed=5", "env.max_bars=200", costs
    )
    assert world.params.costs.commission > 0
    assert others == static
    advance(hypers, world, states)


@pytest.mark.slow
def test_v1_and_v2_train_as_one_batch_of_programs(dataset: Dataset) -> None:
    """Variants that differ in traced numbers only are one `vmap`, and each is what it is alone."""
    learner, task, _, _, hypers_1, world_1, _ = prepare("v1_baseline", dataset)
    _, _, _, _, hypers_2, world_2, states_2 = prepare("v2_exit_guards", dataset)
    assert not jnp.array_equal(
        world_1.params.guards.min_bars_for_exit, world_2.params.guards.min_bars_for_exit
    )

    # The market and the trades are shared; only the numbers are batched.
    per_agent = ("params", "hindsight")
    batched = world_1._replace(
        **{name: stack([getattr(world_1, name), getattr(world_2, name)]) for name in per_agent}
    )

    def both(trees):
        return stack([take(tree, 0) for tree in trees])

    states = both([prepare(version, dataset)[-1] for version in ("v1_baseline", "v2_exit_guards")])
    together, metrics = update_agents(
        learner, task, per_agent, "vmap", both([hypers_1, hypers_2]), batched, states
    )
    alone, its_own = update_agents(learner, task, (), "map", hypers_2, world_2, states_2)
    assert metrics["blocked_share"][1] == its_own["blocked_share"][0]
    assert metrics["blocked_share"][0] != its_own["blocked_share"][0]
    chex.assert_trees_all_close(take(together.params, 1), take(alone.params, 0), atol=1e-5)


def test_the_same_seed_gives_the_same_run_bit_for_bit(dataset: Dataset) -> None:
    first, _ = update_agents(*prepare("v2_exit_guards", dataset))
    second, _ = update_agents(*prepare("v2_exit_guards", dataset))
    chex.assert_trees_all_equal(first.params, second.params)
    third, _ = update_agents(*prepare("v2_exit_guards", dataset, "seed=1"))
    differs = jax.tree.map(lambda a, b: bool((a != b).any()), first.params, third.params)
    assert any(jax.tree.leaves(differs))


def test_metrics_of_a_rollout_account_for_every_step(dataset: Dataset) -> None:
    learner, *arguments = prepare("v1_baseline", dataset)
    metrics = take(update_agents(learner, *arguments)[1], 0)
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
