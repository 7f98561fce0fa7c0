"""`train --sweep` and `train --walk-forward`: many trainings in one program, and their tables."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxexit import machine, units
from jaxexit.commands import cli
from jaxexit.errors import UserError

if TYPE_CHECKING:
    from rich.table import Table

    from jaxexit.config import Experiment
    from jaxexit.lab.lines import Line
    from jaxexit.lab.sweep_plan import SweepPlan
    from jaxexit.store.run import Start

SHOWN_TRIALS = 20


def sweep(arguments: argparse.Namespace, overrides: Sequence[str], start: Start) -> int:
    """The body of `train --sweep FILE`; returns the exit code."""
    if arguments.experiment is not None:
        raise UserError(f"--sweep: {arguments.sweep} names the experiment; leave EXPERIMENT out")
    if arguments.report or arguments.wandb:
        raise UserError("--sweep: takes no --report and no --wandb; make its best trial a version")
    from jaxexit.config.learning import check_counts_steps
    from jaxexit.lab.sweep_plan import load_sweep

    plan = load_sweep(arguments.sweep, list(overrides), arguments.root or Path("experiments"))
    if arguments.total_timesteps is not None:
        check_counts_steps(plan.base.learner, "--total-timesteps")
    root = arguments.root or plan.yaml.parent
    homes = (Path("experiments"), arguments.sweep.parent)  # no file decides to write anywhere else
    if arguments.root is None and root.resolve() not in [home.resolve() for home in homes]:
        raise UserError(
            f"{arguments.sweep}: experiment: got {plan.yaml}, expected a file beside it or in experiments/; "
            "say with --root DIR where the sweep is to be written"
        )
    machine.prepare_jax(arguments.device, arguments.devices)

    from jaxexit import progress
    from jaxexit.data import load_dataset
    from jaxexit.lab.search import check_search, run_search
    from jaxexit.lab.sweep import run_sweep, side_run
    from jaxexit.learners import learner_of, num_updates
    from jaxexit.truth.before import audited_before, warn

    searches = plan.method == "optuna"
    if searches:
        check_search(plan, root, start)
    else:
        side_run(plan, root).check_start(start)
    out = progress.console(quiet=arguments.quiet, json=arguments.json)
    dataset = load_dataset(plan.base)
    progress.lines(out, dataset.summary)
    if start != "resume":
        warn(audited_before(plan.base, dataset, allow_failed=arguments.allow_failed_audit))

    with ExitStack() as shown:

        def bar_of(sweep: SweepPlan) -> Callable[[Line], None]:
            shown.close()  # a search shows one round after the other
            agents = len(sweep.settings) * sweep.base.seeds
            samples = learner_of(sweep.base).batch_size * agents
            words, updates = f"{sweep.name} ({agents} agents)", num_updates(sweep.base)
            return shown.enter_context(
                progress.TrainingProgress(out, words, updates, samples)
            ).update

        if searches:
            steps, table = run_search(
                plan, dataset, root, start, devices=arguments.devices, on_round=bar_of
            )
        else:
            result, table = run_sweep(
                plan, dataset, root, start, devices=arguments.devices, on_update=bar_of(plan)
            )
            steps = result.trained_steps
    if table is None:
        return cli.stopped(steps)
    out.print(sweep_table(table))
    lines = [f"written: {root / 'sweeps' / f'{plan.name}.json'}", table["note"], table["next"]]
    progress.lines(out, lines)
    if arguments.json:
        print(json.dumps(table))
    return 0


def walk_forward(
    arguments: argparse.Namespace, experiment: Experiment, yaml: Path, root: Path, start: Start
) -> int:
    """The body of `train EXPERIMENT --walk-forward K`; returns the exit code."""
    if arguments.walk_forward < 2:
        raise UserError(
            f"--walk-forward: got {arguments.walk_forward}, expected a whole number from 2 up"
        )
    if arguments.report or arguments.wandb:
        raise UserError("--walk-forward: takes no --report and no --wandb; leave them out")
    from jaxexit.store.registry import Registry
    from jaxexit.store.run import RunFolder

    folder, registry, rolling = (
        RunFolder(root, experiment.version),
        Registry(root),
        arguments.rolling,
    )
    machine.prepare_jax(arguments.device, arguments.devices)

    from jaxexit import progress
    from jaxexit.commands import tables
    from jaxexit.config.baselines import catalogue_names
    from jaxexit.data import load_folds
    from jaxexit.lab.walk_forward import side_run, train_folds
    from jaxexit.lab.walk_forward_backtest import backtest_folds, stored_result
    from jaxexit.learners import learner_of, num_updates
    from jaxexit.truth.before import audited_before, warn

    count = arguments.walk_forward
    side_run(folder, experiment, count, rolling=rolling).check_start(start)
    if folder.snapshot.is_file():
        folder.check_drift(experiment)
    out = progress.console(quiet=arguments.quiet, json=arguments.json)
    folds = load_folds(experiment, count, rolling=rolling)
    progress.lines(out, folds.datasets[0].summary[:1])
    audit = None
    if start != "resume":
        whole = replace(folds.datasets[0], splits={"test": folds.trades})
        audit = audited_before(experiment, whole, allow_failed=arguments.allow_failed_audit)
        warn(audit)
    agents = count * experiment.seeds
    updates, samples = num_updates(experiment), learner_of(experiment).batch_size * agents
    with folder.locked():
        registry.register(experiment, yaml)
        name = f"{experiment.version} ({count} folds, {agents} agents)"
        with progress.TrainingProgress(out, name, updates, samples) as bar:
            result = train_folds(
                experiment,
                folds,
                folder,
                start,
                rolling=rolling,
                devices=arguments.devices,
                audit=audit,
                on_update=bar.update,
            )
        if result.interrupted:
            return cli.stopped(result.trained_steps)
        summary = stored_result(experiment, folder, count, rolling=rolling)
        catalogue = catalogue_names(arguments.baselines)
        if summary is None or not set(catalogue) <= set(summary["policies"]):
            with progress.working(out, "backtest") as say:
                summary, learned = backtest_folds(
                    experiment,
                    folds,
                    folder,
                    registry,
                    rolling=rolling,
                    catalogue=catalogue,
                    on_policy=say,
                )
            tables.backtest(out, summary, learned)
        else:
            progress.lines(out, tables.in_words(summary))
    out.print(folds_table(summary))
    if arguments.json:
        print(json.dumps({"training": asdict(result), "backtest": summary}))
    return 0


def folds_table(summary: dict[str, Any]) -> Table:
    """Each fold: when, how many trades, and what it earned out of sample."""
    from jaxexit.commands.tables import titled_table

    unit = units.of(summary)
    form = units.mean_form(unit)
    table = titled_table(
        summary,
        f"{summary['version']}: {len(summary['folds'])} folds, {summary['layout']}, embargo "
        f"{summary['embargo_bars']} bars; net {units.words(unit)} a trade out of sample",
    )
    for heading in ("fold", "train from", "validation from", "tested from", "to"):
        table.add_column(heading)
    for heading in ("trained on", "tested on", "validation", "out of sample"):
        table.add_column(heading, justify="right")
    for fold in summary["folds"]:
        best = [agent["best_score"] for agent in fold["agents"]]
        score = "-" if None in best else f"{sum(best) / len(best):{form}}"
        dates = [fold[part]["first_entry"][:10] for part in ("train", "validation", "test")]
        table.add_row(
            str(fold["fold"]),
            *dates,
            fold["test"]["last_entry"][:10],
            f"{fold['train']['trades']:,}",
            f"{fold['test']['trades']:,}",
            score,
            f"{fold[units.key(unit, 'net', 'mean')]:{form}}",
        )
    return table


def sweep_table(sweep: dict[str, Any]) -> Table:
    """The trials, best on validation first."""
    from rich.table import Table

    seeds = len(sweep["seeds"])
    each = f", mean of {seeds} seeds each" if seeds > 1 else ""
    shown, unit = sweep["results"][:SHOWN_TRIALS], units.of(sweep)
    table = Table(
        title=f"sweep {sweep['sweep']} of {sweep['experiment']}: {sweep['trials']} trials, "
        f"net {units.words(unit)} a trade on validation{each}"
        + (f"; {sweep['failed']} diverged" if sweep["failed"] else "")
        + (f"; the first {SHOWN_TRIALS}" if len(shown) < sweep["trials"] else ""),
        title_justify="left",
    )
    table.add_column("trial", justify="right")
    for key in sweep["parameters"]:
        table.add_column(key, justify="right")
    table.add_column("validation", justify="right")
    for trial in shown:
        values = [json.dumps(trial["parameters"][key]) for key in sweep["parameters"]]
        score = trial[units.score_key(unit)]
        table.add_row(str(trial["trial"]), *values, "failed" if score is None else f"{score:+.3f}")
    return table
