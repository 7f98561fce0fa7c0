"""Walk-forward: a version trained anew for each period, and tested on the period after it.

<root>/<version>/walk_forward/           the training of all folds (see `lab.side_run`), and its snapshot
<root>/<version>/results/walk_forward/   the joined out-of-sample record, like a split's results

All folds are trained in one program: they share bars and trades, and each draws from its own list of them. On
validation and out of sample each fold is played by itself, since its trades are of another number; that
compiles the backtest again for each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from jaxexit.arrays import on_device
from jaxexit.config import Experiment, dump_snapshot, resolved
from jaxexit.data import Folds
from jaxexit.env import TrainingRows, World, make_world
from jaxexit.evaluate import Backtest
from jaxexit.lab.agents import Agent, AgentBatch
from jaxexit.lab.lines import Line
from jaxexit.lab.side_run import SideRun
from jaxexit.lab.training import (
    TrainingResult,
    agent_seeds,
    learned_policy,
    state_template,
    train_agents,
)
from jaxexit.learners import hyper_of, learner_of
from jaxexit.learning import make_mesh
from jaxexit.learning.precision import decided
from jaxexit.store.files import write_text
from jaxexit.store.provenance import market_facts, provenance
from jaxexit.store.run import WALK_FORWARD, RunFolder, Start
from jaxexit.store.tracking import MetricsWriter

NAME = WALK_FORWARD  # of its folders, and of its result among those of the splits
PER_FOLD = ("sampled",)  # field of the world: which trades a fold draws


def side_run(folder: RunFolder, experiment: Experiment, folds: int, *, rolling: bool) -> SideRun:
    """Where a version's folds are trained."""
    plan = {"experiment": resolved(experiment), "folds": folds, "rolling": rolling}
    name = f"walk-forward of {folder.version}"
    return SideRun(folder.path / NAME, name, plan, folder.results(NAME))


def train_folds(
    experiment: Experiment,
    folds: Folds,
    folder: RunFolder,
    start: Start,
    *,
    rolling: bool,
    devices: int | None = None,
    audit: dict[str, Any] | None = None,
    on_update: Callable[[Line], None] = lambda line: None,
) -> TrainingResult:
    """Train every fold (and every seed of each) in one program; `best` is chosen by each on its validation.

    Args:
        experiment: what is trained.
        folds: its data.
        folder: of the version; held by the caller.
        start: new, resumed, or in place of an earlier one, which is moved aside.
        rolling: as `folds` was made.
        devices: see `learning.make_mesh`.
        audit: of the data before training, for the provenance.
        on_update: called with each line of metrics.

    Raises:
        RunError: see `SideRun.check_start`; or a loss is no longer finite.
    """
    run = side_run(folder, experiment, len(folds.datasets), rolling=rolling)
    run.check_start(start)
    experiment = decided(experiment, run.provenance() if start == "resume" else None)
    agents = _agents(experiment, folds, devices)
    resumed = None
    if start == "resume":
        template = state_template(experiment, folds.datasets[0], len(agents))
        resumed = run.store.restore("last", template)
    run.begin(
        start,
        provenance(
            experiment, folds.fingerprint, agents.mesh, audit, market_facts(folds.datasets[0])
        ),
    )
    write_text(run.path / "experiment.yaml", dump_snapshot(experiment))
    return train_agents(
        agents,
        experiment,
        run.store,
        lambda done: MetricsWriter(run.metrics, after_update=done),
        resumed=resumed,
        on_update=on_update,
    )


def _agents(experiment: Experiment, folds: Folds, devices: int | None = None) -> AgentBatch:
    """One agent a fold and seed, fold after fold."""
    first = folds.datasets[0]
    everything = replace(first, splits={**first.splits, "train": folds.trades})
    spec, world = make_world(experiment, everything, "train")
    longest = max(len(rows) for rows in folds.train_rows)
    agents = []
    for number, (dataset, rows) in enumerate(zip(folds.datasets, folds.train_rows, strict=True)):
        drawing = drawing_from(world, rows, longest)
        validation = Backtest(experiment, dataset, "validation")
        agents += [
            Agent(f"fold {number}, seed {seed}", seed, hyper_of(experiment), drawing, validation)
            for seed in agent_seeds(experiment)
        ]
    learner, policy = learner_of(experiment), learned_policy(experiment)
    mesh = make_mesh(learner, len(agents), devices)
    return AgentBatch(spec, learner, policy, agents, PER_FOLD, mesh=mesh)


def drawing_from(world: World, rows: np.ndarray, longest: int) -> World:
    """A world that draws the trades `rows`; their list is padded to `longest`."""
    padded = np.zeros(longest, np.int32)
    padded[: len(rows)] = rows
    return world._replace(sampled=TrainingRows(*on_device((padded, np.int32(len(rows))))))
