"""`train --sweep` and `train --walk-forward`: many trainings in one program, and their tables."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jaxexit import cli
from jaxexit.errors import UserError

if TYPE_CHECKING:
    from rich.table import Table

    from jaxexit.lab.run import Start

SHOWN_TRIALS = 20


def sweep(arguments: argparse.Namespace, overrides: Sequence[str], start: Start) -> int:
    """The body of `train --sweep FILE`; returns the exit code."""
    from pathlib import Path

    if arguments.experiment is not None:
        raise UserError(f"--sweep: {arguments.sweep} names the experiment; leave EXPERIMENT out")
    if arguments.report or arguments.wandb:
        raise UserError("--sweep: has no --report and no --wandb; make its first one a version")
    from jaxexit.lab.sweep_plan import load_sweep

    plan = load_sweep(arguments.sweep, list(overrides), arguments.root or Path("experiments"))
    root = arguments.root or plan.yaml.parent
    cli.prepare_jax(arguments.device)

    from jaxexit import show
    from jaxexit.data import load_dataset
    from jaxexit.lab.sweep import run_sweep, side_run
    from jaxexit.ppo import num_updates, ppo_spec

    side_run(plan, root).check_start(start)
    out = show.console(quiet=arguments.quiet, json=arguments.json)
    dataset = load_dataset(plan.base)
    show.lines(out, dataset.summary)
    agents = len(plan.settings) * plan.base.seeds
    updates, samples = num_updates(plan.base), ppo_spec(plan.base).batch_size * agents
    with show.TrainingProgress(out, f"{plan.name} ({agents} agents)", updates, samples) as progress:
        result, table = run_sweep(plan, dataset, root, start, on_update=progress.update)
    if table is None:
        return cli.stopped(result.trained_steps)
    out.print(sweep_table(table))
    lines = [f"written: {root / 'sweeps' / f'{plan.name}.json'}", table["note"], table["next"]]
    show.lines(out, lines)
    if arguments.json:
        print(json.dumps(table))
    return 0


def sweep_table(found: dict[str, Any]) -> Table:
    """The trials, best on validation first."""
    from rich.table import Table

    seeds = len(found["seeds"])
    each = f", mean of {seeds} seeds each" if seeds > 1 else ""
    shown = found["results"][:SHOWN_TRIALS]
    table = Table(
        title=f"sweep {found['sweep']} of {found['experiment']}: {found['trials']} trials, net pips a trade "
        f"on validation{each}"
        + (f"; the first {SHOWN_TRIALS}" if len(shown) < found["trials"] else ""),
        title_justify="left",
    )
    table.add_column("trial", justify="right")
    for key in found["parameters"]:
        table.add_column(key, justify="right")
    table.add_column("validation", justify="right")
    for one in shown:
        values = [json.dumps(one["parameters"][key]) for key in found["parameters"]]
        table.add_row(str(one["trial"]), *values, f"{one['validation_net_pips_mean']:+.3f}")
    return table
