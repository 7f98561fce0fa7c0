"""Run as a process of its own, whose CPU is eight devices: how far learning on several is from one.

Prints one JSON object: by case, whether it is bit for bit the same and the greatest difference.
"""

import json
from typing import Any

import jax
import numpy as np
from jax.sharding import PartitionSpec as P

from jaxexit.learning import AGENTS, gathered, make_mesh, place, stack, update_agents
from jaxexit.machine import prepare_jax

prepare_jax("cpu", 8)  # before the probes, which are made of arrays

from tests.ppo.probes import REWARD_BY_BOTH, SPEC, TASK, hyper  # noqa: E402

UPDATES = 5
COUNTS = ("minibatches_applied", "kl_stopped")


def learned(devices: int, seeds: tuple[int, ...], **changes: float) -> tuple[Any, list[Any]]:
    """Parameters and metrics of agents after some updates."""
    numbers = hyper(**changes)
    mesh = make_mesh(SPEC, len(seeds), devices)
    states = stack(
        [SPEC.init(TASK, numbers, REWARD_BY_BOTH, jax.random.key(seed)) for seed in seeds]
    )
    states = place(mesh, states, SPEC.state_specs(AGENTS))
    traced = place(mesh, stack([numbers] * len(seeds)), P(AGENTS))
    data = place(mesh, REWARD_BY_BOTH, P())
    metrics = []
    for _ in range(UPDATES):
        states, found = update_agents(SPEC, TASK, (), "map", traced, data, states, mesh)
        metrics.append(jax.device_get(found))
    return jax.device_get(gathered(mesh, states.params)), metrics


def compared(one: tuple[Any, list[Any]], other: tuple[Any, list[Any]]) -> dict[str, Any]:
    pairs = list(zip(jax.tree.leaves(one[0]), jax.tree.leaves(other[0]), strict=True))
    return {
        "identical": all((a == b).all() for a, b in pairs),
        "greatest": max(float(np.abs(a - b).max()) for a, b in pairs),
        "same_counts": all(
            (a[name] == b[name]).all()
            for a, b in zip(one[1], other[1], strict=True)
            for name in COUNTS
        ),
        "stopped": sum(bool(found["kl_stopped"].any()) for found in one[1]),
    }


def main() -> None:
    alone, stopping = learned(1, (1,)), learned(1, (1,), target_kl=0.02)
    cases = {f"one agent on {n}": compared(alone, learned(n, (1,))) for n in (2, 8)}
    cases["stopping on 2"] = compared(stopping, learned(2, (1,), target_kl=0.02))
    together = learned(1, (0, 1, 2, 3))
    cases |= {f"4 agents on {n}": compared(together, learned(n, (0, 1, 2, 3))) for n in (2, 4, 8)}
    print(json.dumps(cases))


if __name__ == "__main__":
    main()
