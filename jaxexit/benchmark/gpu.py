"""`benchmark gpu`: what an update launches on a GPU, compiled for one and counted; no GPU is needed.

XLA compiles for a described GPU with JAX's CUDA plugin installed, in a process of its own. The seconds are an
estimate: what a launch and a condition on the host cost is assumed, see `ASSUMED`.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxexit import checkout
from jaxexit.benchmark.job import job_experiment, open_job
from jaxexit.benchmark.kernels import Loop, loops, recorded
from jaxexit.benchmark.processes import in_a_process
from jaxexit.benchmark.targets import TARGETS, Target
from jaxexit.errors import UserError

PEER = "benchmarks.peers"
THUNKS = "*thunk_sequence_after_thunk_passes.txt"
ASSUMED = {
    "launch_microseconds": (2.0, 3.0),
    "recorded_launch_microseconds": (1.0, 1.0),  # in a command buffer
    "host_condition_microseconds": (10.0, 20.0),
}
"""Least and most; beside them the rates of `targets`. No two kernels are taken to run at once."""
MOST = 12  # kernels of a loop that are listed, those of most bytes first
Say = Callable[[str], None]


def measure(
    yaml: Path, overrides: Sequence[str], *, target: str, peers: bool, say: Say
) -> dict[str, Any]:
    """The record: kernels of an update of the fixed job, by loop.

    Args:
        yaml: the version's file.
        overrides: changes of the fixed job.
        target: one of `TARGETS`.
        peers: also of the PureJaxRL-style reference, which only a checkout has.
        say: called with what is being compiled.

    Raises:
        UserError: one line; an override that is not allowed, or a precision that only the GPU itself decides.
    """
    if job_experiment(yaml, overrides, kl_stop=True).network.precision == "auto":
        raise UserError(
            "network.precision: got 'auto', expected 'float32' or 'bfloat16'; auto needs the GPU itself"
        )
    record: dict[str, Any] = {"target": TARGETS[target].name, "assumed": ASSUMED}
    for name in ("ours", "reference") if peers else ("ours",):
        say(f"compiling {name} for {TARGETS[target].name}")
        with tempfile.TemporaryDirectory() as folder:
            words = [target, name, folder, str(yaml.resolve()), *overrides]
            counted = in_a_process(__name__, words, environment=_environment(Path(folder)))
        record |= counted if name == "ours" else {"reference": counted}
    if peers:
        theirs, ours = (one["update"]["launches"] for one in (record["reference"], record))
        record["reference"]["launches_over_ours"] = theirs / ours
    return record


def has_plugin() -> bool:
    """Whether JAX's CUDA plugin is installed, of JAX's version."""
    from importlib.metadata import distributions

    import jax

    versions = {
        one.version for one in distributions() if re.fullmatch(r"jax-cuda\d+-plugin", one.name)
    }
    return jax.__version__ in versions


def check_plugin() -> None:
    """Raise UserError without the plugin."""
    import jax

    if not has_plugin():
        raise UserError(
            f"benchmark gpu: needs JAX's CUDA plugin {jax.__version__} (no GPU); in an environment of its "
            'own: pip install "jaxexit[sample,cuda]"'
        )


def _environment(folder: Path) -> dict[str, str]:
    flags = (
        os.environ.get("XLA_FLAGS", ""),
        "--xla_gpu_autotune_level=0",  # needs a GPU
        "--xla_gpu_enable_triton_gemm=false",  # chosen by autotuning
        f"--xla_dump_to={folder} --xla_dump_hlo_as_text",
    )
    return {
        "JAX_PLATFORMS": "cpu",
        "JAX_SKIP_CUDA_CONSTRAINTS_CHECK": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "XLA_FLAGS": " ".join(flags).strip(),
    }


def main(words: Sequence[str]) -> None:
    """Compile one program for a target, and print what it launches as one JSON object."""
    import jax
    from jax.experimental import topologies
    from jax.sharding import SingleDeviceSharding

    target, what, folder, yaml, *overrides = words
    topology = topologies.get_topology_desc(
        platform="cuda", topology="1x1x1", target_config=TARGETS[target].config
    )
    there = SingleDeviceSharding(topology.devices[0])

    from jaxexit.learning import update_agents

    def shapes(tree: Any) -> Any:
        def on_target(leaf: Any) -> jax.ShapeDtypeStruct:
            kind = jax.typeof(leaf)
            return jax.ShapeDtypeStruct(kind.shape, kind.dtype, sharding=there)

        return jax.tree.map(on_target, tree)

    job = open_job(Path(yaml), overrides, kl_stop=True)
    learner = job.learner
    if what == "ours":
        *static, hyper, world, states, _ = job.arguments()
        arguments = (*static[:3], "vmap", shapes(hyper), shapes(world), shapes(states))
        traced = update_agents.trace(*arguments)
    else:
        peer = checkout.load(f"{PEER}.purejaxrl", "--peers")
        work = checkout.load(f"{PEER}.work", "--peers").Work
        reference = peer.PureJaxRL(work(learner, job.task, job.hyper, job.world))
        update, update_arguments = reference.program
        traced = update.trace(*shapes(update_arguments))
    compiled = traced.lower().compile()
    trips = (learner.num_epochs, learner.num_minibatches)  # ended by the KL stop: at most so many
    found = loops(str(compiled.as_text()), trips)
    dumped = sorted(Path(folder).glob(THUNKS), key=lambda file: file.stat().st_mtime)
    buffers = recorded(dumped[-1].read_text(encoding="utf-8")) if dumped else []
    needed = compiled.memory_analysis()
    record = counted(found, buffers, TARGETS[target], learner.num_steps)
    record["temporary_bytes"] = None if needed is None else needed.temp_size_in_bytes
    print(json.dumps(record))


def counted(
    found: Sequence[Loop], buffers: Sequence[tuple[bool, int]], target: Target, num_steps: int
) -> dict[str, Any]:
    """Launches of a program by loop, and an estimate of its seconds.

    Args:
        found: its loops, the program itself first.
        buffers: of each, whether it is in a command buffer and how many of its kernels are. Of another number
            of loops: nothing is known, and neither conditions nor seconds are told.
        target: the GPU.
        num_steps: passes of the rollout.
    """
    known = len(buffers) == len(found)
    unknown: dict[str, Any] = dict.fromkeys(PLACED)
    rows = [
        _counted(loop) | (_placed(loop, *buffers[i], target) if known else unknown)
        for i, loop in enumerate(found)
    ]
    # The rollout's loop multiplies; what else runs once a step (advantages) belongs to it.
    scans = [loop.known and loop.times == num_steps for loop in found]
    steps = [row for row, is_step in zip(rows, scans, strict=True) if is_step]
    minibatch = max(rows, key=lambda row: row["times"] * row["flops"])
    return {
        "rollout_step": {
            "launches": sum(row["launches"] for row in steps),
            "products": sum(row["products"] for row in steps),
        },
        "minibatch": {"launches": minibatch["launches"], "products": minibatch["products"]},
        "update": {
            "launches": sum(row["times"] * row["launches"] for row in rows),
            "host_conditions": sum(row["times"] for row in rows if row["asks_the_host"])
            if known
            else None,
            "bytes": sum(row["times"] * row["bytes"] for row in rows),
            "flops": sum(row["times"] * row["flops"] for row in rows),
        },
        "command_buffers_known": known,
        "estimated_seconds": [sum(row["estimated_seconds"][i] for row in rows) for i in (0, 1)]
        if known
        else None,
        "loops": rows,
    }


def _counted(loop: Loop) -> dict[str, Any]:
    largest = sorted(loop.kernels, key=lambda kernel: -kernel.bytes)[:MOST]
    return {
        "name": loop.name,
        "times": loop.times,
        "launches": loop.launches,
        "products": loop.products,
        "fusions": sum(kernel.kind == "fusion" for kernel in loop.kernels),
        "copies": sum(kernel.kind == "copy" for kernel in loop.kernels),
        "bytes": sum(kernel.bytes for kernel in loop.kernels),
        "flops": sum(kernel.flops for kernel in loop.kernels),
        "largest": [
            {"name": k.name, "kind": k.kind, "bytes": k.bytes, "flops": k.flops} for k in largest
        ],
    }


PLACED = ("command_buffer", "in_command_buffers", "asks_the_host", "estimated_seconds")


def _placed(loop: Loop, in_buffer: bool, recorded: int, target: Target) -> dict[str, Any]:
    """What follows from where a loop's kernels are launched."""
    asks = not loop.known and not in_buffer
    share = min(1.0, recorded / len(loop.kernels)) if loop.kernels else 0.0
    seconds = []
    for i in (0, 1):
        launch, quick = (
            ASSUMED[f"{name}_microseconds"][i] * 1e-6 for name in ("launch", "recorded_launch")
        )
        each = launch if not in_buffer else quick
        each = share * quick + (1.0 - share) * each
        once = sum(max(each, _roofline(kernel, target)) for kernel in loop.kernels)
        once += (not loop.known) * each
        once += asks * ASSUMED["host_condition_microseconds"][i] * 1e-6
        seconds.append(loop.times * once)
    return dict(zip(PLACED, (in_buffer, recorded, asks, seconds), strict=True))


def _roofline(kernel: Any, target: Target) -> float:
    """Seconds that memory and matrix units need at least (Williams et al. 2009)."""
    rate = target.flops_per_second.get(kernel.factors, target.flops_per_second["f32"])
    return max(kernel.bytes / target.bytes_per_second, kernel.flops / rate)


if __name__ == "__main__":
    main(sys.argv[1:])
