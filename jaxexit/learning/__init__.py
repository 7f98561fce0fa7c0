"""Learning, whoever learns: what a task and a learner are, agents batched in one program, devices.

`learners` says which learner an experiment asks for; it imports the learners, so nothing here does.
"""

from jaxexit.learning.agents import batching, stack, take, update_agents
from jaxexit.learning.devices import AGENTS, ENVS, gathered, make_mesh, place
from jaxexit.learning.exit_task import exit_task
from jaxexit.learning.types import Learner, LearnerKind, Task

__all__ = [
    "AGENTS",
    "ENVS",
    "Learner",
    "LearnerKind",
    "Task",
    "batching",
    "exit_task",
    "gathered",
    "make_mesh",
    "place",
    "stack",
    "take",
    "update_agents",
]
