"""Floating-point operations of the learner, counted from the structure of its network.

Counted as is usual (Kaplan et al. 2020, section 2.1): a multiplication and an addition of every weight is two
operations, a gradient costs two forward passes more, and only matrix products count. LayerNorm, the loss, the
optimiser and the environment are overhead, so that a learner without any would reach the matrix rate.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, NamedTuple

from jaxexit.policies import NetworkSpec
from jaxexit.ppo import PPOLearner

FORWARD_AND_GRADIENT = 3  # forward passes


class Product(NamedTuple):
    """A matrix product [rows, inner] x [inner, columns] of the network.

    Attributes:
        what: where it occurs.
        rows: see above, as `inner` and `columns`.
        stored: how the factors lie in memory, as BLAS says it: "t" is transposed, "n" is not.
    """

    what: str
    rows: int
    inner: int
    columns: int
    stored: Literal["nn", "nt", "tn"] = "nn"

    @property
    def flops(self) -> int:
        """Operations of the product."""
        return 2 * self.rows * self.inner * self.columns


def layers(network: NetworkSpec, observation_size: int) -> list[tuple[str, int, int]]:
    """Name, inputs and outputs of every layer with weights."""
    sizes = (observation_size, *network.hidden_sizes)
    trunk = [
        (f"layer {i}", inputs, outputs) for i, (inputs, outputs) in enumerate(pairwise(sizes), 1)
    ]
    return [*trunk, ("policy head", sizes[-1], network.num_actions), ("value head", sizes[-1], 1)]


def forward_flops(network: NetworkSpec, observation_size: int) -> int:
    """Operations of one observation's way through the network."""
    return sum(2 * inputs * outputs for _, inputs, outputs in layers(network, observation_size))


def flops_per_step(learner: PPOLearner, observation_size: int) -> int:
    """Operations of one environment step: forward in the rollout, forward and gradient in every epoch."""
    passes = 1 + FORWARD_AND_GRADIENT * learner.num_epochs
    return passes * forward_flops(learner.network, observation_size)


def products(learner: PPOLearner, observation_size: int) -> list[Product]:
    """The matrix products of an update, as their shapes occur: in the rollout, and of one minibatch.

    The first layer has no gradient of its input.
    """
    envs, samples = learner.num_envs, learner.minibatch_size
    products_of_update = []
    for number, (name, inputs, outputs) in enumerate(layers(learner.network, observation_size)):
        head = number >= len(learner.network.hidden_sizes)  # its kernel is [outputs, inputs]
        forward, back = ("nt", "nn") if head else ("nn", "nt")
        rows, columns = (outputs, inputs) if head else (inputs, outputs)
        products_of_update += [
            Product(f"{name}, rollout", envs, inputs, outputs, forward),
            Product(f"{name}, forward", samples, inputs, outputs, forward),
            Product(f"{name}, weight gradient", rows, samples, columns, "tn"),
        ]
        if number > 0:
            products_of_update.append(
                Product(f"{name}, input gradient", samples, outputs, inputs, back)
            )
    return products_of_update
