"""The exact learner as a `Learner`, and how the section `exact` of an experiment becomes one."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import PartitionSpec as P

from jaxexit.arrays import key_of, on_device
from jaxexit.config import Experiment
from jaxexit.exact.ensemble import RULE_UNITS
from jaxexit.exact.types import ExactParams, ExactSpec, TrainState
from jaxexit.exact.update import first_state, update
from jaxexit.learning.by_network import ByNetwork
from jaxexit.learning.types import LearnerKind, Task
from jaxexit.policies import NetworkSpec

Array = jax.Array


class ExactLearner(ExactSpec, ByNetwork):
    """Learning to stop from whole paths (see `learning.Learner` for what each method is)."""

    @property
    def network(self) -> NetworkSpec:
        """The one network that the rule and the mean of the members are."""
        count = self.prices * self.members
        hidden = tuple(count * size + RULE_UNITS for size in self.hidden_sizes)
        return NetworkSpec(hidden_sizes=hidden, layer_norm=False)

    @property
    def divisible(self) -> dict[str, int]:
        """See `Learner`: one device an agent."""
        return {"learner": 1}

    @property
    def divergence_hint(self) -> str:
        """See `Learner`."""
        return "lower exact.learning_rate or exact.max_grad_norm"

    @property
    def collapse_hint(self) -> None:
        """See `Learner`."""
        return None

    @property
    def value_words(self) -> str:
        """See `Learner`."""
        return "What holding on is expected to bring over leaving now"

    def init(self, task: Task, hyper: ExactParams, data: Any, key: Array) -> TrainState:
        """Fresh members, and the scale of what they see."""
        return first_state(ExactSpec(*self), task, hyper, data, key)

    def state_shapes(self, task: Task, hyper: ExactParams, data: Any) -> TrainState:
        """See `Learner`."""
        return jax.eval_shape(partial(first_state, ExactSpec(*self), task), hyper, data, key_of(0))

    def state_specs(self, *leading: str) -> Any:
        """See `Learner`."""
        return P(*leading)

    def update(
        self, task: Task, hyper: ExactParams, data: Any, state: TrainState, axis: str | None = None
    ) -> tuple[TrainState, dict[str, Array]]:
        """See `exact.update`."""
        assert axis is None
        return update(ExactSpec(*self), task, hyper, data, state, self.evaluate)

    def policy_params(self, state: TrainState) -> Any:
        """The averaged members as one network."""
        return state.policy


def exact_learner(experiment: Experiment) -> ExactLearner:
    """The static structure of an experiment's learner."""
    exact = experiment.exact
    return ExactLearner(
        horizon=experiment.env.max_bars,
        trades=exact.trades,
        rounds=exact.rounds,
        minibatches=exact.minibatches,
        minibatch_size=exact.minibatch_size,
        members=exact.members,
        prices=len(exact.anchor),
        hidden_sizes=tuple(exact.hidden_sizes),
    )


def exact_params(experiment: Experiment) -> ExactParams:
    """The traced numbers of an experiment's learner."""
    numbers: dict[str, Any] = {
        name: np.float32(getattr(experiment.exact, name)) for name in ExactParams._fields
    }
    return on_device(ExactParams(**numbers))


EXACT = LearnerKind(
    learner=exact_learner,
    hyper=exact_params,
    num_updates=lambda experiment: experiment.exact.updates,
    traced_keys=tuple(
        f"exact.{name}" for name in ExactParams._fields if name not in ("updates", "anchor")
    ),
    structure_keys=(
        "exact.trades",
        "exact.rounds",
        "exact.minibatches",
        "exact.minibatch_size",
        "exact.members",
        "exact.hidden_sizes",
        "exact.anchor",
    ),
)
