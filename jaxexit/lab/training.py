"""A training run: the host's loop around the compiled update.

It writes metrics, validates, saves, and can be stopped and resumed at any update, bit for bit.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax
from jax.sharding import Mesh

from jaxexit.config import Experiment, experiment_sha256
from jaxexit.data import Dataset
from jaxexit.env import make_world
from jaxexit.errors import RunError
from jaxexit.evaluate import Backtest
from jaxexit.lab import hosts
from jaxexit.lab.checkpoints import Checkpoint, CheckpointStore, Onlooker, Which
from jaxexit.lab.crew import AgentsTogether, Crew, LoneAgent, Member, Several
from jaxexit.lab.lines import Line
from jaxexit.lab.run import RunFolder
from jaxexit.lab.tracking import NullRecord, Record
from jaxexit.policies import network_policy
from jaxexit.ppo import (
    TrainState,
    agent,
    exit_task,
    num_updates,
    ppo_params,
    ppo_spec,
    state_shapes,
)
from jaxexit.units import PIPS, score_key


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended."""

    trained_steps: int  # environment steps of each agent, over all sessions
    seconds: float  # of this session, compilation included
    steps_per_second: (
        float | None
    )  # of this session and all agents, without its first (compiling) update
    best_step: int | None  # of several agents: when the best of one of them was last found
    best_score: float | None  # mean net result on validation, greedy; of several agents their mean
    final_score: float | None
    interrupted: bool
    unit: str = PIPS.name  # of the scores


def state_template(experiment: Experiment, dataset: Dataset) -> TrainState | Several:
    """Shapes and types of what the experiment's checkpoints keep, computing nothing."""
    if experiment.seeds > 1:
        return several_template(experiment, dataset, experiment.seeds)

    spec, world = make_world(experiment, dataset, "train")
    return state_shapes(ppo_spec(experiment), exit_task(spec), ppo_params(experiment), world)


def several_template(experiment: Experiment, dataset: Dataset, agents: int) -> Several:
    """The same of so many agents in one program."""
    lone = state_template(experiment.model_copy(update={"seeds": 1}), dataset)

    states = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((agents, *leaf.shape), leaf.dtype), lone
    )
    return Several(states, states.averaged)


def agent_seeds(experiment: Experiment) -> tuple[int, ...]:
    """The seeds of an experiment's agents."""
    return tuple(range(experiment.seed, experiment.seed + experiment.seeds))


def seed_folder(seed: int) -> str:
    """Where an agent of several has its own results, within those of its version."""
    return f"seed_{seed}"


def agent_params(experiment: Experiment, checkpoint: Checkpoint, which: Which) -> list[Any]:
    """The network of each agent of a restored checkpoint, in the order of their seeds.

    Args:
        experiment: whose checkpoint it is.
        checkpoint: restored with `state_template`.
        which: as it was restored; with "best" each of several agents is as it was at its own best
            validation, else as it was when the checkpoint was written.
    """
    if experiment.seeds == 1:
        return [checkpoint.state.averaged]
    saved: Several = checkpoint.state
    params = saved.best if which == "best" else saved.agents.averaged
    return [agent(params, i) for i in range(experiment.seeds)]


def is_finished(experiment: Experiment, folder: RunFolder) -> bool:
    """Whether the training has come to its end, checkpoints and pointers written."""
    store = folder.checkpoints(experiment)
    steps = store.steps()
    end = num_updates(experiment) * ppo_spec(experiment).batch_size
    return (
        bool(steps) and steps[-1] == end == store.pointed("final") and bool(store.pointed("best"))
    )


def learned_policy(experiment: Experiment, *, sample: bool = False):
    """The policy that an experiment's network is, without its parameters."""
    return network_policy(
        ppo_spec(experiment).network, masked=experiment.guards.mode == "mask", sample=sample
    )


def experiment_crew(experiment: Experiment, dataset: Dataset, mesh: Mesh | None = None) -> Crew:
    """The agent of an experiment, or its agents: they differ in their seeds only.

    Args:
        experiment: what they learn.
        dataset: its data.
        mesh: the devices (see `ppo.make_mesh`), None for one.
    """
    spec, world = make_world(experiment, dataset, "train")
    learner, hyper, policy = (
        ppo_spec(experiment),
        ppo_params(experiment),
        learned_policy(experiment),
    )
    validation = Backtest(experiment, dataset, "validation")
    members = [
        Member(f"seed {seed}", seed, hyper, world, validation) for seed in agent_seeds(experiment)
    ]
    if len(members) == 1:
        return LoneAgent(spec, learner, policy, members[0], mesh)
    return AgentsTogether(spec, learner, policy, members, mesh=mesh)


def train(
    experiment: Experiment,
    dataset: Dataset,
    folder: RunFolder,
    writer_for: Callable[[int], Record],
    *,
    mesh: Mesh | None = None,
    resumed: Checkpoint | None = None,
    on_update: Callable[[Line], None] = lambda line: None,
) -> TrainingResult:
    """Train to the end, or until Ctrl-C (or SIGTERM), which saves first.

    Args:
        experiment: what to train.
        dataset: its data.
        folder: where checkpoints go; begun and locked by the caller.
        writer_for: opens the metrics record that continues after a given update.
        mesh: the devices (see `ppo.make_mesh`), None for one.
        resumed: the last checkpoint, restored, to go on from.
        on_update: called with each line of metrics.

    Raises:
        RunError: a loss or a network is no longer finite.
    """
    return train_crew(
        experiment_crew(experiment, dataset, mesh),
        experiment,
        folder.checkpoints(experiment),
        writer_for,
        agents=experiment.seeds,
        resumed=resumed,
        on_update=on_update,
    )


def follow(
    experiment: Experiment, dataset: Dataset, folder: RunFolder, *, mesh: Mesh | None, resume: bool
) -> TrainingResult:
    """Do this process's part of a training that another one leads, and write nothing.

    Args:
        experiment: as the leading process has it.
        dataset: its data.
        folder: the same one; read where the training goes on from a checkpoint.
        mesh: the devices of all processes.
        resume: whether it goes on.

    Raises:
        RunError: see `train`.
    """
    store = Onlooker(folder.models, experiment_sha256(experiment))
    resumed = store.restore("last", state_template(experiment, dataset)) if resume else None
    return train_crew(
        experiment_crew(experiment, dataset, mesh),
        experiment,
        store,
        lambda done: NullRecord(),
        agents=experiment.seeds,
        resumed=resumed,
    )


def train_crew(
    crew: Crew,
    experiment: Experiment,
    store: CheckpointStore,
    writer_for: Callable[[int], Record],
    *,
    agents: int,
    resumed: Checkpoint | None = None,
    on_update: Callable[[Line], None] = lambda line: None,
) -> TrainingResult:
    """The host's loop around the updates of a crew.

    Args:
        crew: who is trained.
        experiment: how long, and when to validate and to save.
        store: where checkpoints go.
        writer_for: opens the metrics record that continues after a given update.
        agents: how many they are, for the steps/s.
        resumed: the last checkpoint, restored, to go on from.
        on_update: called with each line of metrics.

    Raises:
        RunError: a loss or a network is no longer finite.
    """
    began = time.perf_counter()
    batch_size, total = ppo_spec(experiment).batch_size, num_updates(experiment)
    done = crew.start(resumed, store)
    if resumed is not None:  # a kill may have come between checkpoint and pointer
        if crew.best_step is not None:
            store.point("best", crew.best_step)
        if done == total:
            store.point("final", resumed.step)
    writer = writer_for(done)
    score, measured_seconds, measured_updates = None, 0.0, 0
    every = experiment.evaluation.validate_every
    saved = None if resumed is None else done

    def save(*pointers: str) -> None:
        facts = {"update": done, **crew.facts()}
        store.save(done * batch_size, crew.saved(), pointers=pointers, **facts)

    with _stop_requests() as asked, hosts.common_work():
        stop = hosts.any_of(asked())
        while done < total and not stop:
            update_began = time.perf_counter()
            metrics = crew.advance()
            seconds = time.perf_counter() - update_began
            done += 1
            if done > int(saved or 0) + 1 or measured_updates:
                measured_seconds, measured_updates = (
                    measured_seconds + seconds,
                    measured_updates + 1,
                )
            steps = done * batch_size
            if lost := crew.diverged():
                writer.close()
                raise RunError(
                    f"{', '.join(lost)}: the loss or the network is not finite after {steps} steps; lower "
                    "ppo.learning_rate or ppo.max_grad_norm, and start over with --overwrite"
                )
            last = done == total
            pointers: tuple[str, ...] = ("final",) if last else ()
            line = {"update": done, "env_steps": steps, "seconds": round(seconds, 4), **metrics}
            crew.prepare_validation()  # not before: two compilations side by side are slower than in turn
            if last or done % every == 0:
                validated, better = crew.validate(steps)
                line |= validated
                score = validated[score_key(crew.unit)]
                pointers = (*pointers, "best") if better else pointers
            # The record first: lines past the last checkpoint are dropped on resume, a missing one stays
            # missing.
            writer.write(line)
            on_update(line)
            stop = hosts.any_of(asked())
            if pointers or done % experiment.evaluation.checkpoint_every == 0 or stop:
                save(*pointers)
                saved = done
        if saved != done:
            save()
    writer.close()
    sampled = batch_size * measured_updates * agents
    return TrainingResult(
        trained_steps=done * batch_size,
        seconds=time.perf_counter() - began,
        steps_per_second=sampled / measured_seconds if measured_updates else None,
        best_step=crew.best_step,
        best_score=crew.best_score,
        final_score=score if done == total else None,
        interrupted=done < total,
        unit=crew.unit,
    )


@contextmanager
def _stop_requests() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM ask the loop to save and stop; a second Ctrl-C interrupts at once."""
    asked = False

    def ask(number: int, frame: Any) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
