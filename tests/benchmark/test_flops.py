"""What a step costs is counted from the network, and agrees with the products that are really computed."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.extend.core import ClosedJaxpr, Jaxpr

from jaxexit.benchmark.flops import flops_per_step, forward_flops, products
from jaxexit.policies import NetworkSpec, forward, make_network
from jaxexit.ppo import PPOLearner

TRUNK = NetworkSpec(hidden_sizes=(256, 256), layer_norm=True)


def learner(network: NetworkSpec) -> PPOLearner:
    return PPOLearner(
        num_envs=64, num_steps=2048, num_epochs=10, minibatch_size=2048, network=network
    )


def multiplied(jaxpr: Any) -> int:
    """Operations of the matrix products in a traced program, those of its sub-programs included."""
    total = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            left = equation.invars[0].aval.shape
            inner = 1
            for axis in contracted:
                inner *= left[axis]
            total += 2 * equation.outvars[0].aval.size * inner
        for inside in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda x: isinstance(x, (ClosedJaxpr, Jaxpr))
        ):
            if isinstance(inside, ClosedJaxpr):
                total += multiplied(inside.jaxpr)
            elif isinstance(inside, Jaxpr):
                total += multiplied(inside)
    return total


def test_the_designs_job_costs_4_555_million_operations_a_step() -> None:
    assert flops_per_step(learner(TRUNK), 25) == 4_555_264


@pytest.mark.parametrize(
    "network", [TRUNK, NetworkSpec((64,), False), NetworkSpec((32, 16, 8), True)]
)
def test_the_count_is_what_the_network_multiplies(network: NetworkSpec) -> None:
    samples, size = 128, 32
    seen = jnp.zeros((samples, size))
    params = jax.eval_shape(make_network(network).init, jax.random.key(0), seen)

    def total(params) -> jax.Array:
        logits, value = forward(network, params, seen)
        return jnp.square(logits).sum() + jnp.square(value).sum()

    ahead = multiplied(jax.make_jaxpr(total)(params).jaxpr)
    assert ahead == samples * forward_flops(network, size)
    # A gradient is twice that, less the first layer's input, of which nobody asks the gradient.
    with_gradient = multiplied(jax.make_jaxpr(jax.value_and_grad(total))(params).jaxpr)
    spared = 2 * samples * size * network.hidden_sizes[0]
    assert with_gradient == 3 * ahead - spared

    spec = learner(network)._replace(minibatch_size=samples)
    of_minibatch = [p.flops for p in products(spec, size) if not p.what.endswith("rollout")]
    assert sum(of_minibatch) == with_gradient
