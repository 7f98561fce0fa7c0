"""A training session: data, audit, training, and the backtest that follows, of one version under its lock."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxexit import machine
from jaxexit.config import Experiment
from jaxexit.progress import Reporter
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder, Start
from jaxexit.units import words as unit_words

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from jax.sharding import Mesh

    from jaxexit.data import Dataset, Sources
    from jaxexit.lab.hosts import Cluster
    from jaxexit.lab.training import TrainingResult
    from jaxexit.store.metric_loggers import MetricLoggers


@dataclass(frozen=True)
class Job:
    """What is trained, and where it is kept.

    Attributes:
        experiment: a validated experiment.
        yaml: the file it came from.
        folder: its run folder.
        registry: where it is registered.
        sources: data that are given in memory; None: all are read from files.
    """

    experiment: Experiment
    yaml: Path
    folder: RunFolder
    registry: Registry
    sources: Sources | None = None


@dataclass(frozen=True)
class Options:
    """How a session is run.

    Attributes:
        start: "new", "resume" or "overwrite".
        backtest: play the test split when the training has ended.
        device: JAX platform; None: the best there is.
        devices: devices of each process; None: as `learning.make_mesh` decides.
        cluster: how several processes find each other; None: this one is alone.
        wandb: send metrics to Weights & Biases, also where the experiment does not say so.
        allow_failed_audit: train although the audit of the inputs fails; every result says so.
        write_report: called before the loggers end, where a report is wanted or goes with the artifacts.
        report: whether one is wanted.
    """

    start: Start = "new"
    backtest: bool = True
    device: str | None = None
    devices: int | None = None
    cluster: Cluster | None = None
    wandb: bool = False
    allow_failed_audit: bool = False
    write_report: Callable[[], None] | None = None
    report: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a session came to.

    Attributes:
        training: None where there was nothing left to train, or this process only took part in it.
        interrupted: it was stopped, and saved.
        summary: of the backtest; None where it was not played.
        learned: the learned policy's trades in it.
    """

    training: TrainingResult | None
    interrupted: bool = False
    summary: dict[str, Any] | None = None
    learned: pd.DataFrame | None = None


def run_session(job: Job, options: Options, reporter: Reporter) -> Outcome:
    """Train a version, from the audit of its inputs to its result.

    Args:
        job: what is trained.
        options: how.
        reporter: where progress is shown.

    Raises:
        UserError: one line; the data, the run folder, the registry or the devices do not allow it.
    """
    experiment, folder = job.experiment, job.folder
    if options.cluster is None:  # else the first process looks, when all are there
        folder.check_start(experiment, options.start)
    machine.prepare_jax(options.device, options.devices, options.cluster)

    from jaxexit.lab import hosts
    from jaxexit.learners import learner_of
    from jaxexit.learning import make_mesh
    from jaxexit.learning.precision import decided
    from jaxexit.store.metric_loggers import metric_loggers

    mesh = make_mesh(learner_of(experiment), experiment.seeds, options.devices)
    begun = folder.provenance() if options.start == "resume" else None
    experiment = decided(experiment, begun)
    job = replace(job, experiment=experiment)
    if not hosts.is_primary():
        return _follow(job, mesh, resume=options.start == "resume")
    mode = _wandb_mode(experiment, asked=options.wandb)
    loggers = metric_loggers(experiment, mode)
    wants_report = options.report or (experiment.tracking.artifacts and mode != "disabled")
    options = replace(options, report=wants_report)
    with hosts.signalling_start() as announce, ExitStack() as held:
        if options.cluster is not None:
            folder.check_start(experiment, options.start)
        job, dataset = _load(job, options.start)
        reporter.lines(*dataset.summary)
        reporter.busy("preparing the run")
        audit = _audit(job.experiment, dataset, options)
        held.enter_context(folder.locked())
        folder.check_start(job.experiment, options.start)
        training = _train(job, dataset, options, reporter, mesh, loggers, audit, announce)
        if training is not None and training.interrupted:
            return Outcome(training, interrupted=True)
        if not options.backtest:
            loggers.finish()
            return Outcome(training)
        outcome = _backtest(job, dataset, training, reporter)
    if options.report and options.write_report is not None:
        options.write_report()
    loggers.finish(outcome.summary)
    return outcome


def _load(job: Job, start: Start) -> tuple[Job, Dataset]:
    """The data; and the experiment with the scales that are fixed at training."""
    from jaxexit.data import load_dataset
    from jaxexit.data.sources import NAMED

    experiment = job.experiment
    if start == "resume":
        scales = job.folder.frozen().scales
        experiment = experiment.model_copy(update={"scales": scales})
    dataset = load_dataset(experiment, job.sources or NAMED)
    if start == "resume":
        job.folder.check_data(dataset.fingerprint)
    experiment = experiment.model_copy(update={"scales": dataset.scales})
    return replace(job, experiment=experiment), dataset


def _audit(experiment: Experiment, dataset: Dataset, options: Options) -> dict[str, Any] | None:
    """What the audit before a training found; None of one that was audited when it began."""
    if options.start == "resume":
        return None
    from jaxexit.truth.before import audited_before, warn

    audit = audited_before(experiment, dataset, allow_failed=options.allow_failed_audit)
    warn(audit)
    return audit


def _train(
    job: Job,
    dataset: Dataset,
    options: Options,
    reporter: Reporter,
    mesh: Mesh | None,
    loggers: MetricLoggers,
    audit: dict[str, Any] | None,
    announce: Callable[[int], None],
) -> TrainingResult | None:
    """Train to the end; None where that was done before."""
    from jaxexit.lab import hosts
    from jaxexit.lab.training import is_finished, state_template, train
    from jaxexit.learners import learner_of, num_updates
    from jaxexit.store.provenance import market_facts, provenance
    from jaxexit.store.tracking import MetricsWriter

    experiment, folder, registry = job.experiment, job.folder, job.registry
    updates, batch_size = num_updates(experiment), learner_of(experiment).batch_size
    resume = options.start == "resume"
    if resume and is_finished(experiment, folder):
        announce(hosts.NOTHING_TO_DO)
        hosts.disconnect()
        reporter.lines(f"{experiment.version} is already trained to its end")
        registry.found_complete(experiment, job.yaml, trained_steps=updates * batch_size)
        loggers.begin(experiment, folder, updates * batch_size)
        return None
    resumed = None
    if resume:  # before anything is written: a damaged checkpoint stops here
        template = state_template(experiment, dataset)
        resumed = folder.checkpoints(experiment).restore("last", template)
    registry.register(experiment, job.yaml)  # first: a registry that cannot be used stops here
    facts = provenance(experiment, dataset.fingerprint, mesh, audit, market_facts(dataset))
    in_memory = [n for n in ("bars", "trades") if getattr(job.sources, n, None) is not None]
    aside = registry.begin(folder, experiment, options.start, {**facts, "in_memory": in_memory})
    if aside is not None:
        reporter.lines(f"the earlier run is kept in {aside}")
    announce(hosts.STARTED)
    loggers.begin(experiment, folder, resumed.step if resumed else 0)
    began = time.perf_counter()
    try:
        with reporter.training(
            experiment.version, updates, batch_size, experiment.seeds
        ) as progress:
            result = train(
                experiment,
                dataset,
                folder,
                lambda done: MetricsWriter(folder.metrics, after_update=done, loggers=loggers),
                mesh=mesh,
                resumed=resumed,
                on_update=progress.update,
            )
        hosts.disconnect()
    except BaseException as error:
        loggers.finish(failed=True)
        seconds = time.perf_counter() - began
        if isinstance(error, KeyboardInterrupt):  # a second Ctrl-C: what was saved stands
            registry.stopped(experiment.version, wall_seconds=seconds)
            raise
        registry.finished(experiment.version, "failed", trained_steps=None, wall_seconds=seconds)
        raise
    if result.interrupted:
        loggers.finish(failed=True)
        registry.stopped(experiment.version, wall_seconds=time.perf_counter() - began)
        return result
    reporter.lines(_ended(result, experiment.seeds))
    registry.finished(
        experiment.version,
        "completed",
        trained_steps=result.trained_steps,
        wall_seconds=result.seconds,
    )
    return result


def _backtest(
    job: Job, dataset: Dataset, training: TrainingResult | None, reporter: Reporter
) -> Outcome:
    """The best checkpoint on test."""
    from jaxexit.lab.recorded import headline

    with reporter.working("backtest on test") as say:
        summary, learned = headline(
            job.experiment, job.yaml, dataset, job.folder, job.registry, on_policy=say
        )
    return Outcome(training, summary=summary, learned=learned)


def _follow(job: Job, mesh: Mesh | None, *, resume: bool) -> Outcome:
    """What a process does that is not the first of several."""
    from jaxexit.data import load_dataset
    from jaxexit.data.sources import NAMED
    from jaxexit.lab import hosts
    from jaxexit.lab.training import follow

    experiment, folder = job.experiment, job.folder
    if resume and folder.snapshot.is_file():  # without one the first process says so
        experiment = experiment.model_copy(update={"scales": folder.frozen().scales})
    dataset = load_dataset(experiment, job.sources or NAMED)
    if hosts.wait_for_start() == hosts.NOTHING_TO_DO:
        hosts.disconnect()
        return Outcome(None)
    result = follow(experiment, dataset, folder, mesh=mesh, resume=resume)
    hosts.disconnect()
    return Outcome(None, interrupted=result.interrupted)


def _wandb_mode(experiment: Experiment, *, asked: bool) -> str:
    """The experiment's; where W&B is asked for, WANDB_MODE or online."""
    mode = experiment.tracking.wandb
    return os.environ.get("WANDB_MODE", "online") if asked and mode == "disabled" else mode


def _ended(result: TrainingResult, agents: int) -> str:
    """How a finished training went, in one line."""
    length = f"{result.trained_steps:,} steps in {result.seconds:,.1f} s"
    text = f"trained {length}" if agents == 1 else f"trained {agents} agents, each {length}"
    if result.best_score is None or result.final_score is None:
        return text
    best, final = f"{result.best_score:+.3f}", f"{result.final_score:+.3f}"
    score = f"validation, net {unit_words(result.unit)} a trade"
    if agents > 1:
        return f"{text}; {score}, means: best of each {best}, final {final}"
    at = f"(at {result.best_step:,} steps)"
    return f"{text}; {score}: best {best} {at}, final {final}"
