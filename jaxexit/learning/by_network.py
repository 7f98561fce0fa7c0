"""What learners have in common whose policy is one network of `policies.network`."""

from __future__ import annotations

from typing import Any, Protocol

import jax

from jaxexit.policies import (
    NetworkLayers,
    NetworkSpec,
    Policy,
    forward,
    network_layers,
    network_policy,
    network_shapes,
    num_actions_of,
)

Array = jax.Array


class HasNetwork(Protocol):
    """Whose policy is a network."""

    @property
    def network(self) -> NetworkSpec:
        """Its structure."""
        ...


class ByNetwork:
    """The part of a `Learner` that follows from its `network`."""

    def params_shapes(self: HasNetwork, observation_size: int) -> Any:
        """See `Learner`."""
        return network_shapes(self.network, observation_size)

    def policy(self: HasNetwork, *, masked: bool, sample: bool = False) -> Policy:
        """See `Learner`."""
        return network_policy(self.network, masked=masked, sample=sample)

    def evaluate(self: HasNetwork, params: Any, observation: Array) -> tuple[Array, Array]:
        """See `Learner`; as many logits as the parameters have: those of the task that was learned."""
        network = self.network._replace(num_actions=num_actions_of(params))
        return forward(network, params, observation)

    def layers(self: HasNetwork, params: Any) -> NetworkLayers:
        """See `Learner`."""
        return network_layers(self.network, params)
