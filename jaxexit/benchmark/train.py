"""`benchmark train`: the learner end to end on the fixed job, and where its time goes."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from jaxexit.benchmark import compiling, machine
from jaxexit.benchmark.flops import products
from jaxexit.benchmark.job import Job, open_job
from jaxexit.benchmark.timing import Stopwatch
from jaxexit.learning import ENVS, batching, make_mesh, place, update_agents
from jaxexit.ppo import PPOParams, ppo_params
from jaxexit.ppo.rollout import collect

SEEDS = (2, 4)
OWN = "fixed job"
CONFIGURED = "v2 as configured"
ROLLOUT = "rollout alone"
ALL_DEVICES = "all devices"
MATRIX = "matrix product"
Say = Callable[[str], None]
Peers = Callable[[Job, Callable[[], Any], int, Say], list[dict[str, Any]]]


class Learning:
    """A learner whose `advance` is one update more; compiled and run once when it is made."""

    def __init__(
        self, job: Job, mesh: Mesh | None = None, *, hyper: PPOParams | None = None, seeds: int = 1
    ) -> None:
        """Prepare it; arguments as for `Job.arguments`."""
        *self._arguments, self._states, self._mesh = job.arguments(mesh, hyper=hyper, seeds=seeds)
        self.metrics: list[dict[str, Any]] = []
        self.advance()
        self.metrics.clear()

    def advance(self) -> Any:
        """One update; blocks."""
        self._states, metrics = update_agents(*self._arguments, self._states, self._mesh)
        self.metrics.append(jax.device_get(metrics))
        return self._states


def rollout_of(job: Job, mesh: Mesh | None) -> Callable[[], Any]:
    """The rollout and its advantages, compiled alone; the policy is the fresh one."""
    axis = None if mesh is None else ENVS

    def play(hyper: Any, world: Any, state: Any, key: Any) -> Any:
        return collect(
            job.learner,
            job.task,
            state.params,
            world,
            hyper,
            state.env_state,
            state.observation,
            key,
            axis,
        )

    if mesh is not None:
        samples = P(None, ENVS)
        play = jax.shard_map(
            play,
            mesh=mesh,
            in_specs=(P(), P(), job.learner.state_specs(), P()),
            out_specs=(P(ENVS), P(ENVS), samples, samples),
            check_vma=False,
        )
    compiled = jax.jit(play)
    hyper, world, key = place(mesh, (job.hyper, job.world, jax.random.key(1)), P())
    state = place(mesh, job.initial(), job.learner.state_specs())

    def run() -> Any:
        return compiled(hyper, world, state, key)

    jax.block_until_ready(run())
    return run


def measure(
    yaml: Path,
    overrides: Sequence[str],
    *,
    updates: int,
    peers: Peers | None,
    device: str | None,
    say: Say,
) -> dict[str, Any]:
    """The record of `benchmark train`.

    Args:
        yaml: the version's file.
        overrides: changes of the fixed job.
        updates: timed updates of each learner.
        peers: times the other learners that are installed, in turn with this one; None: none of them.
        device: platform, None for the best there is.
        say: called with what is being measured.
    """
    job = open_job(yaml, overrides)
    configured = ppo_params(open_job(yaml, overrides, kl_stop=True).experiment)
    say("compiling in separate processes")
    compiled = compiling.measure(yaml, overrides, device)
    say("compiling the update")
    mesh = make_mesh(job.learner, 1)
    ours, stopping = Learning(job, mesh), Learning(job, mesh, hyper=configured)
    both = make_mesh(job.learner, 1, jax.local_device_count())
    shared = {} if both is None else {ALL_DEVICES: Learning(job, both).advance}
    multiply, flops = machine.multiplication(machine.LARGE)
    watch = Stopwatch(
        {
            MATRIX: multiply,
            OWN: ours.advance,
            CONFIGURED: stopping.advance,
            ROLLOUT: rollout_of(job, mesh),
            **shared,
            f"{MATRIX}, again": multiply,
        }
    )
    for number in range(updates):
        watch.round(lambda name, n=number: say(f"{name}, {n + 1} of {updates}"))
    matrix = watch[MATRIX].merged(watch[f"{MATRIX}, again"])
    whole, size = watch[OWN], job.learner.batch_size
    say("the shapes of the network's matrix products")
    shapes = [
        {"what": p.what, "shape": [p.rows, p.inner, p.columns], **machine.rate(p)}
        for p in products(job.learner, job.observation_size)
    ]
    return {
        "job": job.as_json(),
        "steps_per_second": whole.rate(size),
        "update_seconds": whole.as_json(),
        "devices": 1 if mesh is None else mesh.size,
        "devices_there": jax.local_device_count(),
        "all_devices_over_default": whole.median / watch[ALL_DEVICES].median if shared else None,
        "rollout_seconds": watch[ROLLOUT].as_json(),
        "rollout_share": watch[ROLLOUT].median / whole.median,
        "matrix_flops_per_second": matrix.rate(flops),
        "matrix_flops_per_second_by_shape": shapes,
        # Against a float32 product: of a job in half precision it would say nothing.
        "mfu": size / whole.median * job.flops_per_step / (flops / matrix.median)
        if job.learner.precision == "float32"
        else None,
        "compiling": compiled,
        "as_configured": _as_configured(job, ours, stopping, watch),
        "marginal_seed": [marginal_seed(job, n, updates, say) for n in SEEDS],
        "peers": peers(job, ours.advance, updates, say) if peers else None,
    }


def _as_configured(
    job: Job, ours: Learning, stopping: Learning, watch: Stopwatch
) -> dict[str, Any]:
    """What the KL stop saves: the same program with the stop's number in it."""
    applied = [int(metrics["minibatches_computed"][0]) for metrics in stopping.metrics]
    return {
        "steps_per_second": watch[CONFIGURED].rate(job.learner.batch_size),
        "over_fixed_job": watch[OWN].median / watch[CONFIGURED].median,
        "minibatches_computed": statistics.median(applied),
        "minibatches_without_stop": int(ours.metrics[0]["minibatches_computed"][0]),
    }


def marginal_seed(job: Job, seeds: int, updates: int, say: Say) -> dict[str, Any]:
    """What each further agent of one program costs, in updates of a single run timed in turn with it."""
    say(f"compiling {seeds} seeds in a single program")
    lone = Learning(job, make_mesh(job.learner, 1))
    together = Learning(job, make_mesh(job.learner, seeds), seeds=seeds)
    watch = Stopwatch({"lone": lone.advance, "together": together.advance})
    for number in range(updates):
        watch.round(lambda name, n=number: say(f"{seeds} seeds: {name}, {n + 1} of {updates}"))
    over_lone = watch["together"].median / watch["lone"].median
    return {
        "seeds": seeds,
        "batching": batching(),
        "over_lone": over_lone,
        "marginal": (over_lone - 1.0) / (seeds - 1),
        "steps_per_second": watch["together"].rate(job.learner.batch_size * seeds),
    }
