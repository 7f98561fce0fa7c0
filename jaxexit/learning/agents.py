"""Agents batched in one compiled program: seeds, variants of traced numbers, folds of the data.

One agent is a batch of one. How several are best batched depends on the platform, and is decided in
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
from jaxexit.learning.devices import AGENTS, ENVS
from jaxexit.learning.types import Learner, Task

Array = jax.Array
Batching = Literal["map", "vmap"]


def batching() -> Batching:
    """How agents share a program on the platform at hand.

    `map`, one agent after the other inside the program, on a CPU: each agent is bit for bit what it is
    alone, its KL stop saves its own time, and one agent's work already fills the cores. Measured on two
    cores (medians; the cost of one more seed in runs of one agent): 0.87 to 1.07 as `map`; as `vmap` 0.86
    where everything is tiny and 1.19 to 1.25 at 64 x 256 samples and 256-256 units. `vmap` everywhere else:
    there the number of kernels is what costs, and it does not grow with the agents.
    """
    return "map" if jax.default_backend() == "cpu" else "vmap"


def stack(trees: Sequence[Any]) -> Any:
    """Trees of equal structure as one, with a leading dimension [agents]. Stacked on the host."""
    return jax.tree.map(lambda *leaves: on_device(_on_host(np.stack, *leaves)), *trees)


def take(tree: Any, index: int) -> Any:
    """One agent of a stacked tree. Taken on the host."""
    return jax.tree.map(lambda leaf: on_device(_on_host(lambda all_: all_[0][index], leaf)), tree)


def _on_host(function: Callable[[list[np.ndarray]], np.ndarray], *leaves: Any) -> Any:
    """`function` of host arrays; typed keys are handled as the integers that they are."""
    if not jnp.issubdtype(leaves[0].dtype, jax.dtypes.prng_key):
        return function([np.asarray(leaf) for leaf in leaves])
    data: Any = function([np.asarray(jax.random.key_data(leaf)) for leaf in leaves])
    return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaves[0]))


@partial(
    jax.jit,
    static_argnames=("learner", "task", "per_agent", "batching", "mesh"),
    donate_argnames="states",
)
def update_agents(
    learner: Learner,
    task: Task,
    per_agent: tuple[str, ...],
    batching: Batching,
    hyper: Any,
    data: Any,
    states: Any,
    mesh: Mesh | None = None,
) -> tuple[Any, dict[str, Array]]:
    """One update of every agent; no agent knows of another.

    Args:
        learner: structure of the learner (static), the same for all.
        task: the environment (static), the same for all.
        per_agent: names of the fields of `data` that differ from agent to agent (static); the other fields
            are shared and not copied.
        batching: how (static), see `batching`.
        hyper: numbers of the learner, leaves [agents].
        data: what the task works on, a named tuple; leaves of the fields `per_agent` are [agents, ...].
        states: training states, leaves [agents, ...]. Donated: do not use them afterwards.
        mesh: devices that share out the agents, and the environments of each (static; see
            `learning.devices`), None for one.

    Returns:
        (states, metrics) as `Learner.update` returns them, leaves [agents, ...].
    """
    fields = {name: getattr(data, name) for name in per_agent}
    shared = data._replace(**dict.fromkeys(per_agent))
    axis = None if mesh is None or mesh.shape[ENVS] == 1 else ENVS

    def run(hyper: Any, fields: dict[str, Any], shared: Any, states: Any):
        def update_one(agent: tuple[Any, dict[str, Any], Any]):
            hyper, fields, state = agent
            return learner.update(task, hyper, shared._replace(**fields), state, axis)

        agents = (hyper, fields, states)
        if jax.tree.leaves(states)[0].shape[0] == 1:  # no loop: compiled as one agent alone is
            alone = update_one(jax.tree.map(lambda leaf: leaf[0], agents))
            return jax.tree.map(lambda leaf: leaf[None], alone)
        return (
            jax.vmap(update_one)(agents) if batching == "vmap" else jax.lax.map(update_one, agents)
        )

    if mesh is not None:
        specs, each = learner.state_specs(AGENTS), P(AGENTS)
        run = jax.shard_map(
            run,
            mesh=mesh,
            in_specs=(each, each, P(), specs),
            out_specs=(specs, each),
            check_vma=False,  # gradients are averaged in the update, not by their derivation
        )
    return run(hyper, fields, shared, states)
