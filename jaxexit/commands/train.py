"""`python -m jaxexit.train EXPERIMENT`: train a version, then backtest its best checkpoint on test."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxexit import machine, terminal
from jaxexit.commands import cli
from jaxexit.errors import UserError
from jaxexit.terminal import busy
from jaxexit.units import words as unit_words

if TYPE_CHECKING:
    import pandas as pd
    from jax.sharding import Mesh
    from rich.console import Console

    from jaxexit.config import Experiment
    from jaxexit.lab.run import RunFolder
    from jaxexit.lab.training import TrainingResult


def build_parser() -> cli.Parser:
    """The command line."""
    parser = cli.Parser(prog="python -m jaxexit.train", description=__doc__)
    cli.add_experiment(parser, required=False)
    parser.add_argument(
        "--total-timesteps", metavar="N", type=int, help="environment steps (ppo.total_timesteps)"
    )
    parser.add_argument("--seed", metavar="S", type=int, help="seed of the run")
    parser.add_argument(
        "--seeds",
        metavar="N",
        type=int,
        help="train N agents in one program, seeds S to S + N - 1; the result is that of all",
    )
    many = parser.add_mutually_exclusive_group()
    many.add_argument(
        "--sweep",
        metavar="FILE",
        type=Path,
        help="train variants of traced numbers in one program, judged on validation (docs/many_runs.md)",
    )
    many.add_argument(
        "--walk-forward",
        metavar="K",
        type=int,
        help="train K folds in one program and join what they earn out of sample",
    )
    parser.add_argument(
        "--rolling",
        action="store_true",
        help="with --walk-forward: a fold is trained on the stretch before its own, not on all before it",
    )
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    again.add_argument(
        "--overwrite", action="store_true", help="start over; the version's run is replaced"
    )
    parser.add_argument("--wandb", action="store_true", help="send metrics to Weights & Biases too")
    parser.add_argument(
        "--report", action="store_true", help="write report.html beside the results"
    )
    parser.add_argument(
        "--allow-failed-audit",
        action="store_true",
        help="train although a column or the entries know the future; every result says so for ever",
    )
    cli.add_output(parser)
    cli.add_devices(parser)
    return parser


def _command(argv: Sequence[str] | None) -> int:
    arguments = build_parser().parse_args(argv)
    from jaxexit.config import find_experiment, load_experiment

    root = arguments.root or Path("experiments")
    start = "resume" if arguments.resume else "overwrite" if arguments.overwrite else "new"
    overrides = list(arguments.overrides)
    if arguments.total_timesteps is not None:
        overrides.append(f"ppo.total_timesteps={arguments.total_timesteps}")
    if arguments.seed is not None:
        overrides.append(f"seed={arguments.seed}")
    if arguments.seeds is not None:
        overrides.append(f"seeds={arguments.seeds}")
    if arguments.rolling and arguments.walk_forward is None:
        raise UserError("--rolling: goes with --walk-forward K")
    many = arguments.sweep is not None or arguments.walk_forward is not None
    if many and cli.cluster_of(arguments) is not None:
        raise UserError("--sweep and --walk-forward run in one process; leave --distributed out")
    if arguments.sweep is not None:
        from jaxexit.commands.many import sweep

        return sweep(arguments, overrides, start)
    if arguments.experiment is None:
        raise UserError("EXPERIMENT is missing; name a YAML file, or a version")
    yaml = find_experiment(arguments.experiment, root)
    experiment = load_experiment(yaml, overrides)
    root = arguments.root or yaml.parent
    if arguments.walk_forward is not None:
        from jaxexit.commands.many import walk_forward

        return walk_forward(arguments, experiment, yaml, root, start)

    from jaxexit.lab.registry import Registry
    from jaxexit.lab.run import RunFolder

    folder = RunFolder(root, experiment.version)
    registry = Registry(root)
    cluster = cli.cluster_of(arguments)
    if cluster is None:  # else the first process looks, when all are there
        terminal.note(registry.recover(folder))
        folder.check_start(experiment, start)
    machine.prepare_jax(arguments.device, arguments.devices, cluster)

    from jaxexit.commands import show
    from jaxexit.data import load_dataset
    from jaxexit.lab import hosts
    from jaxexit.lab.mirrors import mirrors_of
    from jaxexit.lab.provenance import market_facts, provenance
    from jaxexit.lab.results import headline
    from jaxexit.lab.tracking import MetricsWriter
    from jaxexit.lab.training import is_finished, state_template, train
    from jaxexit.learners import learner_of, num_updates
    from jaxexit.learning import make_mesh
    from jaxexit.truth.before import audited_before, warn

    mesh = make_mesh(learner_of(experiment), experiment.seeds, arguments.devices)
    if not hosts.is_primary():
        return _follow(experiment, folder, mesh, resume=arguments.resume)
    out = show.console(quiet=arguments.quiet, json=arguments.json)

    wandb_mode = _wandb_mode(experiment, asked=arguments.wandb)
    mirrors = mirrors_of(experiment, wandb_mode)
    report = arguments.report or (experiment.tracking.artifacts and wandb_mode != "disabled")
    updates, batch_size = num_updates(experiment), learner_of(experiment).batch_size
    with hosts.signalling_start() as announce, ExitStack() as held:
        if cluster is not None:
            terminal.note(registry.recover(folder))
            folder.check_start(experiment, start)
        if arguments.resume:  # what was fixed at training stays
            experiment = experiment.model_copy(update={"scales": folder.frozen().scales})
        dataset = load_dataset(experiment)
        experiment = experiment.model_copy(update={"scales": dataset.scales})
        if arguments.resume:
            folder.check_data(dataset.fingerprint)
        show.lines(out, dataset.summary)
        if not arguments.quiet:
            busy("preparing the run")
        audit = None
        if not arguments.resume:
            audit = audited_before(experiment, dataset, allow_failed=arguments.allow_failed_audit)
            warn(audit)
        held.enter_context(folder.locked())
        folder.check_start(experiment, start)
        if arguments.resume and is_finished(experiment, folder):
            announce(hosts.NOTHING_TO_DO)
            hosts.disconnect()
            show.lines(out, [f"{experiment.version} is already trained to its end"])
            steps = updates * batch_size
            registry.found_complete(experiment, yaml, trained_steps=steps)
            mirrors.begin(experiment, folder, steps)
            summary, learned = headline(experiment, yaml, dataset, folder, registry)
            _report(out, report, yaml, root)
            mirrors.hand_in(experiment, folder, summary)
            mirrors.close(failed=False)
            return _show_result(out, summary, learned, as_json=arguments.json, training=None)
        resumed = None
        if arguments.resume:  # before anything is written: a damaged checkpoint stops here
            template = state_template(experiment, dataset)
            resumed = folder.checkpoints(experiment).restore("last", template)
        registry.register(experiment, yaml)  # first: a registry that cannot be used stops here
        folder.begin(
            experiment,
            start,
            provenance(experiment, dataset.fingerprint, mesh, audit, market_facts(dataset)),
        )
        registry.started(experiment, resumed=arguments.resume)
        announce(hosts.STARTED)
        mirrors.begin(experiment, folder, resumed.step if resumed else 0)
        began = time.perf_counter()
        try:
            with show.TrainingProgress(
                out, _who(experiment), updates, batch_size * experiment.seeds
            ) as progress:
                result = train(
                    experiment,
                    dataset,
                    folder,
                    lambda done: MetricsWriter(folder.metrics, after_update=done, mirrors=mirrors),
                    mesh=mesh,
                    resumed=resumed,
                    on_update=progress.update,
                )
            hosts.disconnect()
        except BaseException:
            mirrors.close(failed=True)
            registry.finished(
                experiment.version,
                "failed",
                trained_steps=None,
                wall_seconds=time.perf_counter() - began,
            )
            raise
        if result.interrupted:
            mirrors.close(failed=True)
            registry.stopped(experiment.version, wall_seconds=time.perf_counter() - began)
            return cli.stopped(result.trained_steps)
        show.lines(out, [_ended(result, experiment.seeds)])
        registry.finished(
            experiment.version,
            "completed",
            trained_steps=result.trained_steps,
            wall_seconds=result.seconds,
        )
        with show.working(out, "backtest on test") as say:
            summary, learned = headline(experiment, yaml, dataset, folder, registry, on_policy=say)
    _report(out, report, yaml, root)
    mirrors.hand_in(experiment, folder, summary)
    mirrors.close(failed=False)
    return _show_result(out, summary, learned, as_json=arguments.json, training=asdict(result))


def _wandb_mode(experiment: Experiment, *, asked: bool) -> str:
    """The experiment's; `--wandb` turns it on, as WANDB_MODE says or online."""
    mode = experiment.tracking.wandb
    return os.environ.get("WANDB_MODE", "online") if asked and mode == "disabled" else mode


def _follow(experiment: Experiment, folder: RunFolder, mesh: Mesh | None, *, resume: bool) -> int:
    """What a process does that is not the first of several; its exit code."""
    from jaxexit.data import load_dataset
    from jaxexit.lab import hosts
    from jaxexit.lab.training import follow

    if resume and folder.snapshot.is_file():  # without one the first process says so
        experiment = experiment.model_copy(update={"scales": folder.frozen().scales})
    dataset = load_dataset(experiment)
    if hosts.wait_for_start() == hosts.NOTHING_TO_DO:
        hosts.disconnect()
        return 0
    result = follow(experiment, dataset, folder, mesh=mesh, resume=resume)
    hosts.disconnect()
    return cli.INTERRUPTED if result.interrupted else 0


def _who(experiment: Experiment) -> str:
    """What the progress bar calls a run."""
    several = f" ({experiment.seeds} seeds)" if experiment.seeds > 1 else ""
    return experiment.version + several


def _ended(result: TrainingResult, agents: int) -> str:
    """How a finished training went, in one line."""
    said = f"{result.trained_steps:,} steps in {result.seconds:,.1f} s"
    words = f"trained {said}" if agents == 1 else f"trained {agents} agents, each {said}"
    if result.best_score is None or result.final_score is None:
        return words
    best, final = f"{result.best_score:+.3f}", f"{result.final_score:+.3f}"
    judged = f"validation, net {unit_words(result.unit)} a trade"
    if agents > 1:
        return f"{words}; {judged}, means: best of each {best}, final {final}"
    at = f"(at {result.best_step:,} steps)"
    return f"{words}; {judged}: best {best} {at}, final {final}"


def _report(out: Console, wanted: bool, yaml: Path, root: Path) -> None:
    if wanted:
        from jaxexit.commands import show
        from jaxexit.lab.trained import open_trained
        from jaxexit.report import report_version

        with show.working(out, "report"):
            path = report_version(open_trained(yaml, root), "test")
        show.lines(out, [f"report: {path}"])


def _show_result(
    out: Console,
    summary: dict[str, Any],
    learned: pd.DataFrame,
    *,
    as_json: bool,
    training: dict[str, Any] | None,
) -> int:
    from jaxexit.commands import show

    show.backtest(out, summary, learned)
    if as_json:
        print(json.dumps({"training": training, "backtest": summary}))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.run(_command, argv, takes_long=True)
