"""PPO, compiled end to end: one jitted function from a training state to the next."""

from jaxexit.ppo.agents import agent, batching, stack, update_agents
from jaxexit.ppo.devices import make_mesh
from jaxexit.ppo.exit_task import exit_task
from jaxexit.ppo.params import num_updates, ppo_params, ppo_spec
from jaxexit.ppo.types import PPOParams, PPOSpec, Task, TrainState
from jaxexit.ppo.update import init_state, state_shapes, update

__all__ = [
    "PPOParams",
    "PPOSpec",
    "Task",
    "TrainState",
    "agent",
    "batching",
    "exit_task",
    "init_state",
    "make_mesh",
    "num_updates",
    "ppo_params",
    "ppo_spec",
    "stack",
    "state_shapes",
    "update",
    "update_agents",
]
