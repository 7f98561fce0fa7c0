"""Which learner an experiment asks for.

A new learner is a package of its own, a line in `LEARNERS`, and its name and section in `config.learning`.
"""

from __future__ import annotations

from typing import Any

from jaxexit.config import Experiment
from jaxexit.exact import EXACT
from jaxexit.learning.types import Learner, LearnerKind
from jaxexit.ppo import PPO

LEARNERS: dict[str, LearnerKind] = {"ppo": PPO, "exact": EXACT}
"""By the name that `learner:` has in an experiment."""


def kind_of(experiment: Experiment) -> LearnerKind:
    """What the experiment's `learner` names."""
    return LEARNERS[experiment.learner]


def learner_of(experiment: Experiment) -> Learner:
    """The experiment's learner: its static structure."""
    return kind_of(experiment).learner(experiment)


def hyper_of(experiment: Experiment) -> Any:
    """The learner's traced numbers."""
    return kind_of(experiment).hyper(experiment)


def num_updates(experiment: Experiment) -> int:
    """Updates of a whole run."""
    return kind_of(experiment).num_updates(experiment)


def total_steps(experiment: Experiment) -> int:
    """Environment steps of a whole run of one agent."""
    return num_updates(experiment) * learner_of(experiment).batch_size
