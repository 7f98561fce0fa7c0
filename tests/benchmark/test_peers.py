"""The peers are learners: they earn what there is to be earned, and the reference minimises our loss."""

from importlib import import_module
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.against import PEERS
from benchmarks.peers.purejaxrl import ActorCritic, Transition, loss
from benchmarks.peers.work import Work
from jaxexit.policies import NetworkSpec, make_network
from jaxexit.ppo.loss import ppo_loss
from jaxexit.ppo.types import Batch
from tests.ppo import probes

EPSILON = 1e-5  # as the issue asks


def _theirs(ours: Any) -> Any:
    """Our parameters by the names, and in the shapes, of Flax's own layers."""
    theirs: dict[str, Any] = {}
    for name, leaves in ours["params"].items():
        if name.startswith("LayerNormRelu"):
            theirs[name.replace("LayerNormRelu", "LayerNorm")] = leaves
        elif name in ("policy", "value"):
            number = {"policy": 2, "value": 3}[name]
            theirs[f"Dense_{number}"] = leaves | {"kernel": leaves["kernel"].T}
        else:
            theirs[name] = leaves
    return {"params": theirs}


def test_the_reference_has_our_loss_and_gradient_on_the_same_minibatch() -> None:
    network = NetworkSpec(hidden_sizes=(32, 16), layer_norm=True)
    spec = probes.SPEC._replace(network=network)
    hyper = probes.hyper(entropy_coef_start=0.01, value_clip=0.2)
    samples, size = 256, 7
    random = np.random.default_rng(0)
    batch = Batch(
        observation=jnp.asarray(random.normal(size=(samples, size)), jnp.float32),
        valid=None,
        action=jnp.asarray(random.integers(5, size=samples), jnp.int32),
        log_prob=jnp.asarray(np.log(0.2) + 0.2 * random.normal(size=samples), jnp.float32),
        value=jnp.asarray(random.normal(size=samples), jnp.float32),
        advantage=jnp.asarray(random.normal(size=samples), jnp.float32),
        target=jnp.asarray(random.normal(size=samples), jnp.float32),
    )
    # Our loss takes them normalised, the reference normalises them itself: twice is as once.
    normal = (batch.advantage - batch.advantage.mean()) / batch.advantage.std()
    batch = batch._replace(advantage=normal)
    params = jax.jit(make_network(network).init)(jax.random.key(0), batch.observation)

    @jax.jit
    @jax.value_and_grad
    def of_ours(params: Any) -> jax.Array:
        return ppo_loss(params, spec, batch, hyper, jnp.float32(0.01))[0]

    ours, our_gradient = of_ours(params)

    numbers = Work(probes.SPEC, probes.TASK, hyper, None).numbers
    transitions = Transition(
        done=jnp.zeros(samples),
        action=batch.action,
        value=batch.value,
        reward=jnp.zeros(samples),
        log_prob=batch.log_prob,
        observation=batch.observation,
    )
    apply = ActorCritic(network.hidden_sizes, network.layer_norm).apply

    @jax.jit
    @jax.value_and_grad
    def of_theirs(params: Any) -> jax.Array:
        return loss(apply, params, numbers, transitions, batch.advantage, batch.target)

    theirs, their_gradient = of_theirs(_theirs(params))

    np.testing.assert_allclose(theirs, ours, rtol=EPSILON)
    expected = _theirs(our_gradient)
    assert jax.tree.structure(expected) == jax.tree.structure(their_gradient)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=EPSILON, atol=EPSILON),
        their_gradient,
        expected,
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # the peers' own
@pytest.mark.parametrize("peer", PEERS, ids=[peer.name for peer in PEERS])
def test_a_peer_learns_which_action_pays(peer: Any) -> None:
    if peer.missing():
        pytest.skip(f"needs {', '.join(peer.missing())}: pip install '.[bench]'")
    work = Work(probes.SPEC, probes.TASK, probes.hyper(), probes.REWARD_BY_BOTH)
    if peer.on_host:
        import_module("torch").set_num_threads(
            1
        )  # its threads spin, which a busy machine repays badly
    learner = peer.make(work)
    for _ in range(30):
        learner.advance()
    assert _earned(peer.name, learner, work) > 0.8  # at random 0.2


def _earned(name: str, learner: Any, work: Work) -> float:
    """What a learner earns a step, by its own account where it keeps one."""
    if name == "PureJaxRL-style":
        return float(learner.metrics["reward_mean"])
    if name == "PyTorch":
        return learner.mean_reward
    if name == "rejax":
        _, transitions = learner.algorithm.collect_trajectories(learner.state)
        return float(transitions.reward.mean())
    return float(learner.model.rollout_buffer.rewards.mean())
