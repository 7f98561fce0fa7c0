"""A training run: the host's loop around the compiled update.

It writes metrics, validates, saves, and can be stopped and resumed at any update, bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
from jax.sharding import Mesh

from jaxexit import signals
from jaxexit.config import Experiment, experiment_sha256
from jaxexit.data import Dataset
from jaxexit.env import make_world
from jaxexit.errors import RunError
from jaxexit.evaluate import Backtest
from jaxexit.lab import hosts
from jaxexit.lab.agents import Agent, AgentBatch
from jaxexit.lab.lines import Line
from jaxexit.learners import hyper_of, learner_of, num_updates, total_steps
from jaxexit.learning import Learner, exit_task, take
from jaxexit.policies import Policy
from jaxexit.store.checkpoint_layout import Saved
from jaxexit.store.checkpoints import Checkpoint, CheckpointStore, ReadOnlyStore, Which
from jaxexit.store.run import RunFolder
from jaxexit.store.tracking import NullRecord, Record
from jaxexit.units import PIPS, score_key


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended."""

    trained_steps: int  # environment steps of each agent, over all sessions
    seconds: float  # of this session, compilation included
    steps_per_second: float | None  # of this session and all agents, without its first update
    best_step: int | None  # of several agents: when the best of one of them last improved
    best_score: float | None  # mean net result on validation, greedy; of several agents their mean
    final_score: float | None
    interrupted: bool
    unit: str = PIPS.name  # of the scores


def state_template(experiment: Experiment, dataset: Dataset, agents: int | None = None) -> Saved:
    """Shapes and types of what checkpoints keep; nothing is computed.

    Args:
        experiment: what is trained.
        dataset: its data.
        agents: how many are trained in one program; None: one for each of the experiment's seeds.
    """
    count, learner = agents or experiment.seeds, learner_of(experiment)
    spec, world = make_world(experiment, dataset, "train")
    state = learner.state_shapes(exit_task(spec), hyper_of(experiment), world)
    states = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((count, *leaf.shape), leaf.dtype), state
    )
    return Saved(states, learner.policy_params(states))


def agent_seeds(experiment: Experiment) -> tuple[int, ...]:
    """The seeds of an experiment's agents."""
    return tuple(range(experiment.seed, experiment.seed + experiment.seeds))


def seed_folder(seed: int) -> str:
    """Where an agent of several has its own results, within those of its version."""
    return f"seed_{seed}"


def agent_params(experiment: Experiment, checkpoint: Checkpoint, which: Which) -> list[Any]:
    """The policy's parameters of each agent of a restored checkpoint, in the order of their seeds.

    Args:
        experiment: whose checkpoint it is.
        checkpoint: restored with `state_template`.
        which: as it was restored; with "best" each agent is as it was at its own best validation, else as
            it was when the checkpoint was written.
    """
    agents, best = checkpoint.state
    params = best if which == "best" else learner_of(experiment).policy_params(agents)
    return [take(params, i) for i in range(experiment.seeds)]


def is_finished(experiment: Experiment, folder: RunFolder) -> bool:
    """Whether the training has come to its end, checkpoints and pointers written."""
    store = folder.checkpoints(experiment)
    steps = store.steps()
    return (
        bool(steps)
        and steps[-1] == total_steps(experiment) == store.pointed("final")
        and bool(store.pointed("best"))
    )


def learned_policy(experiment: Experiment, *, sample: bool = False) -> Policy:
    """The policy that an experiment's agent learns, without its parameters."""
    return learner_of(experiment).policy(masked=experiment.guards.mode == "mask", sample=sample)


def experiment_agents(
    experiment: Experiment, dataset: Dataset, mesh: Mesh | None = None
) -> AgentBatch:
    """The agents of an experiment; they differ in their seeds only.

    Args:
        experiment: what they learn.
        dataset: its data.
        mesh: the devices (see `learning.make_mesh`), None for one.
    """
    spec, world = make_world(experiment, dataset, "train")
    hyper, validation = hyper_of(experiment), Backtest(experiment, dataset, "validation")
    agents = [
        Agent(f"seed {seed}", seed, hyper, world, validation) for seed in agent_seeds(experiment)
    ]
    return AgentBatch(spec, learner_of(experiment), learned_policy(experiment), agents, mesh=mesh)


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
    """Train to the end, or until Ctrl-C, SIGTERM or SIGHUP, which save first.

    Args:
        experiment: what to train.
        dataset: its data.
        folder: where checkpoints go; begun and locked by the caller.
        writer_for: opens the metrics record that continues after a given update.
        mesh: the devices (see `learning.make_mesh`), None for one.
        resumed: the last checkpoint, restored, to resume from.
        on_update: called with each line of metrics.

    Raises:
        RunError: a loss or a network is no longer finite.
    """
    return train_agents(
        experiment_agents(experiment, dataset, mesh),
        experiment,
        folder.checkpoints(experiment),
        writer_for,
        resumed=resumed,
        on_update=on_update,
    )


def follow(
    experiment: Experiment, dataset: Dataset, folder: RunFolder, *, mesh: Mesh | None, resume: bool
) -> TrainingResult:
    """Do this process's part of a distributed training, and write nothing: the primary process does.

    Args:
        experiment: as the primary process has it.
        dataset: its data.
        folder: the same one; read where a checkpoint is resumed from.
        mesh: the devices of all processes.
        resume: whether one is.

    Raises:
        RunError: see `train`.
    """
    store = ReadOnlyStore(folder.models, experiment_sha256(experiment))
    resumed = store.restore("last", state_template(experiment, dataset)) if resume else None
    agents = experiment_agents(experiment, dataset, mesh)
    return train_agents(agents, experiment, store, lambda done: NullRecord(), resumed=resumed)


def train_agents(
    agents: AgentBatch,
    experiment: Experiment,
    store: CheckpointStore,
    writer_for: Callable[[int], Record],
    *,
    resumed: Checkpoint | None = None,
    on_update: Callable[[Line], None] = lambda line: None,
) -> TrainingResult:
    """The host's loop around the updates.

    Args:
        agents: who is trained.
        experiment: how long, and when to validate and to save.
        store: where checkpoints go.
        writer_for: opens the metrics record that continues after a given update.
        resumed: the last checkpoint, restored, to resume from.
        on_update: called with each line of metrics.

    Raises:
        RunError: a loss or a network is no longer finite.
    """
    began, durations = time.perf_counter(), []
    learner, total = learner_of(experiment), num_updates(experiment)
    evaluation = experiment.evaluation
    done = agents.start(resumed, store)
    if resumed is not None:
        _mend_pointers(store, agents, resumed.step if done == total else None)
    writer = writer_for(done)
    score, saved = None, done if resumed is not None else -1

    def save(*pointers: str) -> None:
        nonlocal saved
        steps = done * learner.batch_size
        store.save(steps, agents.saved(), pointers=pointers, **agents.facts())
        saved = done

    with signals.saving_first() as asked, hosts.collective_work():
        stop = hosts.any_process(asked())
        while done < total and not stop:
            update_began = time.perf_counter()
            metrics = agents.advance()
            durations.append(time.perf_counter() - update_began)
            done += 1
            steps, last = done * learner.batch_size, done == total
            if diverged := agents.diverged():
                writer.close()
                raise _divergence(diverged, steps, learner)
            pointers: tuple[str, ...] = ("final",) if last else ()
            seconds = round(durations[-1], 4)
            line = {"update": done, "env_steps": steps, "seconds": seconds, **metrics}
            agents.prepare_validation()  # not before: two compilations at once are slower than in turn
            if last or done % evaluation.validate_every == 0:
                validated, better = agents.validate(steps)
                line |= validated
                score = validated[score_key(agents.unit)]
                pointers = (*pointers, "best") if better else pointers
            # The record first: lines past the last checkpoint are dropped on resume, a missing one stays
            # missing.
            writer.write(line)
            on_update(line)
            stop = hosts.any_process(asked())
            if pointers or done % evaluation.checkpoint_every == 0 or stop:
                save(*pointers)
        if saved != done:
            save()
    writer.close()
    return TrainingResult(
        trained_steps=done * learner.batch_size,
        seconds=time.perf_counter() - began,
        steps_per_second=_rate(learner.batch_size * len(agents), durations[1:]),
        best_step=agents.best_step,
        best_score=agents.best_score,
        final_score=score if done == total else None,
        interrupted=done < total,
        unit=agents.unit,
    )


def _rate(steps: int, durations: list[float]) -> float | None:
    """Steps per second of updates of so many steps each; None where there was none."""
    return steps * len(durations) / sum(durations) if durations else None


def _mend_pointers(store: CheckpointStore, agents: AgentBatch, final: int | None) -> None:
    """Write pointers again: a kill may have come between checkpoint and pointer."""
    if agents.best_step is not None:
        store.point("best", agents.best_step)
    if final is not None:
        store.point("final", final)


def _divergence(names: list[str], steps: int, learner: Learner) -> RunError:
    return RunError(
        f"{', '.join(names)}: the loss or the network is not finite after {steps} steps; "
        f"{learner.divergence_hint}, and start over with --overwrite"
    )
