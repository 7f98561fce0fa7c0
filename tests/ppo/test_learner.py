"""The learner on environments whose value and best policy are known."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit.learning import Task, stack
from jaxexit.ppo import PPOLearner
from jaxexit.ppo.advantages import generalised_advantages
from tests.ppo import probes
from tests.ppo.probes import MASKED_TASK, SPEC, TASK, Probe, hyper

update = jax.jit(PPOLearner.update, static_argnums=(0, 1))  # of one agent


def learn(probe: Probe, updates: int, *, task: Task = TASK, **changes: float):
    numbers = hyper(**changes)
    state = SPEC.init(task, numbers, probe, jax.random.key(1))
    metrics = {}
    for _ in range(updates):
        state, metrics = update(SPEC, task, numbers, probe, state)
    return state, metrics


def evaluate(state, *observations: tuple[float, float]):
    logits, value = SPEC.evaluate(state.params, jnp.array(observations))
    return np.asarray(jax.nn.softmax(logits)), np.asarray(value)


def test_value_of_a_constant_reward_is_the_reward() -> None:
    state, _ = learn(probes.CONSTANT_REWARD, 60)
    _, value = evaluate(state, (0.0, 0.0))
    assert value[0] == pytest.approx(1.0, abs=0.05)


def test_value_follows_the_observation() -> None:
    state, _ = learn(probes.REWARD_BY_OBSERVATION, 100)
    _, value = evaluate(state, (1.0, 0.0), (-1.0, 0.0))
    assert value == pytest.approx([1.0, -1.0], abs=0.1)


def test_a_reward_one_step_away_is_discounted_once() -> None:
    state, _ = learn(probes.DELAYED_REWARD, 150, gamma=0.5)
    _, value = evaluate(state, (0.0, 0.0), (0.0, 1.0))
    assert value == pytest.approx([0.5, 1.0], abs=0.1)


def test_the_paid_action_is_learned() -> None:
    state, metrics = learn(probes.REWARD_BY_ACTION, 100)
    probabilities, _ = evaluate(state, (0.0, 0.0))
    assert probabilities[0, 3] > 0.95
    assert metrics["reward_mean"] > 0.9


def test_the_paid_action_is_learned_from_the_observation() -> None:
    state, _ = learn(probes.REWARD_BY_BOTH, 150)
    probabilities, value = evaluate(state, (1.0, 0.0), (-1.0, 0.0))
    assert probabilities[0, 1] > 0.95
    assert probabilities[1, 4] > 0.95
    assert value == pytest.approx([1.0, 1.0], abs=0.1)


def test_masked_actions_are_never_taken_and_the_best_valid_one_is_learned() -> None:
    _, metrics = learn(probes.HIGHEST_ACTION_PAYS, 150, task=MASKED_TASK)
    # Valid are actions 0..1 for one side of the coin and 0..3 for the other: at best (1 + 3) / 2.
    assert 1.8 < metrics["reward_mean"] <= 2.5
    assert metrics["entropy"] < 0.3


def test_advantages_do_not_cross_the_end_of_an_episode() -> None:
    """Worked by hand: gamma 0.5, lambda 0.5, an episode ends after the second step."""
    advantages = generalised_advantages(
        rewards=jnp.array([[1.0], [2.0], [4.0]]),
        values=jnp.array([[0.5], [1.0], [2.0]]),
        dones=jnp.array([[False], [True], [False]]),
        last_value=jnp.array([6.0]),
        gamma=jnp.float32(0.5),
        gae_lambda=jnp.float32(0.5),
    )
    # errors: 1 + 0.5*1 - 0.5 = 1; 2 - 1 = 1 (terminal); 4 + 0.5*6 - 2 = 5
    np.testing.assert_allclose(advantages[:, 0], [1.0 + 0.25 * 1.0, 1.0, 5.0])


def test_kl_stop_applies_nothing_after_the_target_is_passed() -> None:
    _, metrics = learn(probes.REWARD_BY_ACTION, 1)
    assert metrics["minibatches_applied"] == SPEC.num_epochs * SPEC.num_minibatches
    _, metrics = learn(probes.REWARD_BY_ACTION, 1, target_kl=1e-9)
    # The first minibatch is on-policy: its KL is 0 and it is applied. The second shows the change.
    assert metrics["minibatches_applied"] == 1
    assert metrics["minibatches_computed"] == 2
    assert metrics["kl_stopped"]


def test_each_of_several_seeds_stops_for_itself() -> None:
    """`vmap` over seeds gives what each seed gives alone, early stop included."""
    numbers = hyper(target_kl=0.002)
    keys = jax.random.split(jax.random.key(7), 3)
    probe = probes.REWARD_BY_BOTH

    def start(key):
        return SPEC.init(TASK, numbers, probe, key)

    def advance(state):
        return SPEC.update(TASK, numbers, probe, state)

    together, metrics = jax.jit(jax.vmap(advance))(stack([start(key) for key in keys]))
    applied = []
    for i, key in enumerate(keys):
        alone, own = update(SPEC, TASK, numbers, probe, start(key))
        assert metrics["minibatches_applied"][i] == own["minibatches_applied"]
        applied.append(int(own["minibatches_applied"]))
        mine = jax.tree.map(lambda leaf, i=i: leaf[i], together.params)
        chex.assert_trees_all_close(mine, alone.params, atol=1e-5)
    assert max(applied) < SPEC.num_epochs * SPEC.num_minibatches
    assert len(set(applied)) > 1, "the seeds should stop at different minibatches"


def test_entropy_and_learning_rate_fall_linearly_with_environment_steps() -> None:
    batch = SPEC.batch_size
    _, metrics = learn(
        probes.CONSTANT_REWARD,
        3,
        entropy_coef_start=0.05,
        entropy_coef_end=0.01,
        entropy_anneal_steps=4.0 * batch,
        learning_rate=1e-3,
        learning_rate_end=0.0,
        total_timesteps=8.0 * batch,
    )
    # The third update begins after two batches: half of the entropy's way, a quarter of the rate's.
    assert metrics["entropy_coef"] == pytest.approx(0.03)
    assert metrics["learning_rate"] == pytest.approx(0.75e-3)


def test_judged_is_the_last_network_unless_an_average_is_asked_for() -> None:
    state, _ = learn(probes.CONSTANT_REWARD, 5)
    chex.assert_trees_all_equal(state.averaged, state.params)


def test_the_average_is_that_of_all_networks_then_of_a_window_of_the_run() -> None:
    """With a window of 4 of 8 updates: plain means of the first four, then a quarter of the newest."""
    numbers = hyper(polyak_window=0.5, total_timesteps=8.0 * SPEC.batch_size)
    state = SPEC.init(TASK, numbers, probes.REWARD_BY_BOTH, jax.random.key(3))
    expected, seen = None, []
    for number in range(8):
        state, _ = update(SPEC, TASK, numbers, probes.REWARD_BY_BOTH, state)
        seen.append(jax.tree.map(np.asarray, state.params))
        if number < 4:
            expected = jax.tree.map(lambda *all_of_them: np.mean(all_of_them, axis=0), *seen)
        else:
            expected = jax.tree.map(lambda mean, new: 0.75 * mean + 0.25 * new, expected, seen[-1])
        chex.assert_trees_all_close(state.averaged, expected, atol=1e-6)
    moved = jax.tree.map(lambda a, b: float(np.abs(a - b).max()), state.averaged, seen[-1])
    assert max(jax.tree.leaves(moved)) > 1e-3, "the average should not be the last network"


def test_a_task_whose_state_changes_its_type_is_refused() -> None:
    """What is carried between steps is unpacked as it was: without this, 1.5 would come back as 1."""

    def step(data, state, action, coin):
        (time, own), *rest = TASK.step(data, state, action, coin)
        return (time.astype(jnp.float32), own), *rest

    numbers, changed = hyper(), TASK._replace(step=step)
    state = SPEC.init(changed, numbers, probes.CONSTANT_REWARD, jax.random.key(1))
    with pytest.raises(AssertionError, match="float32"):
        update(SPEC, changed, numbers, probes.CONSTANT_REWARD, state)
