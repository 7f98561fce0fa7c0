"""Several agents in one compiled program: seeds, variants of traced numbers, folds of the data.

`update` batched over independent agents. How that is best done depends on the platform, and is decided in
`batching` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from jaxexit.arrays import on_device
from jaxexit.ppo.devices import AGENTS, ENVS, state_specs
from jaxexit.ppo.types import PPOParams, PPOSpec, Task, TrainState
from jaxexit.ppo.update import _update

Array = jax.Array
Batching = Literal["map", "vmap"]


def batching() -> Batching:
    """How agents share a program on the platform at hand.

    `map`, one agent after the other inside the program, on a CPU: each agent is bit for bit what it is
    alone, its KL stop saves its own time, and one agent's work already fills the cores. Measured on two
    cores (medians; the cost of one more seed in lone runs): 0.87 to 1.07 as `map`; as `vmap` 0.86 where
    everything is tiny and 1.19 to 1.25 at 64 x 256 samples and 256-256 units. `vmap` everywhere else:
    there the kernels' number is what costs, and it does not grow with the agents.
    """
    return "map" if jax.default_backend() == "cpu" else "vmap"


def stack(trees: Sequence[Any]) -> Any:
    """Trees of equal structure as one, with a leading dimension [agents]. Put together on the host."""
    return jax.tree.map(lambda *leaves: on_device(_words(np.stack, *leaves)), *trees)


def agent(tree: Any, index: int) -> Any:
    """One agent's part of a stacked tree. Taken out on the host."""
    return jax.tree.map(lambda leaf: on_device(_words(lambda own: own[0][index], leaf)), tree)


def _words(change: Callable[[list[np.ndarray]], np.ndarray], *leaves: Any) -> Any:
    """`change` of host arrays; typed keys are changed as the words that they are."""
    if not jnp.issubdtype(leaves[0].dtype, jax.dtypes.prng_key):
        return change([np.asarray(leaf) for leaf in leaves])
    words: Any = change([np.asarray(jax.random.key_data(leaf)) for leaf in leaves])
    return jax.random.wrap_key_data(words, impl=jax.random.key_impl(leaves[0]))


@partial(
    jax.jit, static_argnames=("spec", "task", "own", "batching", "mesh"), donate_argnames="states"
)
def update_agents(
    spec: PPOSpec,
    task: Task,
    own: tuple[str, ...],
    batching: Batching,
    hyper: PPOParams,
    data: Any,
    states: TrainState,
    mesh: Mesh | None = None,
) -> tuple[TrainState, dict[str, Array]]:
    """One PPO update of every agent; no agent knows of another.

    Args:
        spec: structure of the learner (static), the same for all.
        task: the environment (static), the same for all.
        own: names of the fields of `data` that each agent has its own of (static); the other fields are
            shared and not copied.
        batching: how (static), see `batching`.
        hyper: numbers of the learner, leaves [agents].
        data: what the task works on, a named tuple; leaves of the fields `own` are [agents, ...].
        states: leaves [agents, ...]. Donated: do not use it afterwards.
        mesh: devices that share out the agents, and the environments of each (static; see
            `ppo.devices`), None for one.

    Returns:
        (states, metrics) as `update` returns them, leaves [agents, ...].
    """
    theirs = {name: getattr(data, name) for name in own}
    shared = data._replace(**dict.fromkeys(own))
    lone_device = mesh is None or mesh.shape[ENVS] == 1

    def run(hyper: PPOParams, theirs: dict[str, Any], shared: Any, states: TrainState):
        def one(each: tuple[PPOParams, dict[str, Any], TrainState]):
            hyper, fields, state = each
            axis = None if lone_device else ENVS
            return _update(spec, task, hyper, shared._replace(**fields), state, axis)

        several = jax.vmap(one) if batching == "vmap" else partial(jax.lax.map, one)
        return several((hyper, theirs, states))

    if mesh is not None:
        lie, each = state_specs(AGENTS), P(AGENTS)
        run = jax.shard_map(
            run,
            mesh=mesh,
            in_specs=(each, each, P(), lie),
            out_specs=(lie, each),
            check_vma=False,  # gradients are averaged in `_update`, not by their derivation
        )
    return run(hyper, theirs, shared, states)
