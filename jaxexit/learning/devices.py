"""Several devices: agents first, then the environments of each agent, over one mesh.

With g devices along `agents` and e along `envs`, each device has agents / g agents and num_envs / e of their
environments. Agents never talk to each other. The devices of one agent gather the batch once an update and
average gradients once a minibatch; they take the same minibatches that one device would, so that what is
learned depends on their number through rounding only.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxexit.errors import UserError
from jaxexit.learning.types import Learner

Array = jax.Array

AGENTS, ENVS = "agents", "envs"


def default_devices(agents: int) -> int:
    """How many devices of this process a run takes when nobody says.

    All of them, but of a CPU only as many as leave each agent one of its own, bit for bit what it is alone:
    two seeds on two of them cost 0.85 to 0.9 of one after the other, while one agent on two gains next to
    nothing (benchmarks/RESULTS.md). The CPU is as many devices as `machine.prepare_jax` has asked for.
    """
    available = jax.local_device_count()
    if jax.default_backend() != "cpu":
        return available
    return max(count for count in range(1, available + 1) if agents % count == 0)


def make_mesh(learner: Learner, agents: int, devices: int | None = None) -> Mesh | None:
    """The mesh of a run; None where one device does it all.

    Args:
        learner: whose settings must divide among the devices of an agent.
        agents: how many are trained in one program.
        devices: how many of each process are used, None for `default_devices`.

    Raises:
        UserError: there are not so many, or environments or minibatch do not divide among them.
    """
    count, asked = devices or default_devices(agents), devices is not None
    chosen = []
    for process in range(jax.process_count()):
        own = [device for device in jax.devices() if device.process_index == process]
        if count > len(own):
            raise UserError(
                f"--devices {count}: JAX finds {len(own)} ({own[0].platform}); ask for fewer"
            )
        chosen += own[:count]
    if len(chosen) == 1:
        return None
    groups = math.gcd(agents, len(chosen))
    each = len(chosen) // groups
    for name, value in learner.divisible.items():
        if value % each:
            if not asked and jax.process_count() == 1:
                return None
            if value == 1:
                raise UserError(
                    f"--devices: got {len(chosen)}, expected a divisor of the number of agents ({agents}): "
                    "this learner trains each agent on one device"
                )
            raise UserError(
                f"{name}: {value} does not divide among the {each} devices of an agent; change it, or "
                "choose other --devices"
            )
    return Mesh(np.asarray(chosen).reshape(groups, each), (AGENTS, ENVS))


def place(mesh: Mesh | None, tree: Any, specs: Any) -> Any:
    """Host arrays, the same on every host, onto the mesh; without a mesh they stay as they are.

    Args:
        mesh: from `make_mesh`.
        tree: arrays.
        specs: a prefix of `tree`, leaves `PartitionSpec`.
    """
    if mesh is None:
        return tree

    def put(spec: P, part: Any) -> Any:
        return jax.tree.map(lambda leaf: _put(leaf, NamedSharding(mesh, spec)), part)

    return jax.tree.map(put, specs, tree, is_leaf=lambda node: isinstance(node, P))


def _put(leaf: Array, sharding: NamedSharding) -> Array:
    if _is_key(leaf):
        data = _put(jax.random.key_data(leaf), sharding)
        return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))
    host = np.asarray(leaf)
    return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])


def gathered(mesh: Mesh | None, tree: Any) -> Any:
    """The whole of arrays that lie on a mesh, on the first device of this host; every host must call it.

    Without a mesh they are returned as they are.
    """
    if mesh is None:
        return tree
    plain = jax.tree.map(lambda leaf: jax.random.key_data(leaf) if _is_key(leaf) else leaf, tree)
    whole = _everywhere(mesh)(plain)
    here = jax.tree.map(lambda leaf: leaf.addressable_data(0), whole)
    return jax.tree.map(
        lambda leaf, like: (
            jax.random.wrap_key_data(leaf, impl=jax.random.key_impl(like))
            if _is_key(like)
            else leaf
        ),
        here,
        tree,
    )


@lru_cache(maxsize=8)
def _everywhere(mesh: Mesh) -> Any:
    return jax.jit(lambda arrays: arrays, out_shardings=NamedSharding(mesh, P()))


def _is_key(leaf: Array) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
