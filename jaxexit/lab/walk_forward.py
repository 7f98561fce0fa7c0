"""Walk-forward: a version trained anew for each stretch of time, and tested on the one after; joined.

<root>/<version>/walk_forward/           the training of all folds (see `lab.side_run`), and its snapshot
<root>/<version>/results/walk_forward/   the joined out-of-sample record, like a split's results

All folds are trained in one program: they share bars and trades, and each draws from its own list of them. On
validation and out of sample each fold is played by itself, since its trades are of another number; that
compiles the backtest again for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from jaxexit.arrays import on_device
from jaxexit.config import Experiment, dump_snapshot, experiment_sha256, resolved
from jaxexit.data import Dataset, Folds
from jaxexit.env import TrainingRows, World, make_world
from jaxexit.evaluate import Backtest, PolicyResult, mean_per_trade
from jaxexit.evaluate.joint import joint_result
from jaxexit.lab.agents import Agent, AgentBatch
from jaxexit.lab.checkpoint_layout import Saved
from jaxexit.lab.comparison import WALK_FORWARD
from jaxexit.lab.files import write_text
from jaxexit.lab.lines import Line
from jaxexit.lab.provenance import counted, market_facts, provenance
from jaxexit.lab.readme import write_readme
from jaxexit.lab.registry import Registry
from jaxexit.lab.results import judged, register_result, together, write_results
from jaxexit.lab.run import RunFolder, Start, read_json
from jaxexit.lab.side_run import SideRun
from jaxexit.lab.tracking import MetricsWriter
from jaxexit.lab.training import (
    TrainingResult,
    agent_seeds,
    learned_policy,
    seed_folder,
    state_template,
    train_agents,
)
from jaxexit.lab.verification import audit_before_training, looks_before, verification
from jaxexit.learners import hyper_of, learner_of
from jaxexit.learning import make_mesh, take
from jaxexit.units import key

NAME = WALK_FORWARD  # of its folders, and of its result among those of the splits
PER_FOLD = ("drawn",)  # field of the world: which trades a fold draws


def side_run(folder: RunFolder, experiment: Experiment, folds: int, *, rolling: bool) -> SideRun:
    """Where a version's folds are trained."""
    plan = {"experiment": resolved(experiment), "folds": folds, "rolling": rolling}
    return SideRun(folder.path / NAME, f"walk-forward of {folder.version}", plan)


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
        start: whether it is new, resumed, or replaces an earlier one.
        rolling: as `folds` was made.
        devices: see `learning.make_mesh`.
        audit: what came out of the one before, for the provenance.
        on_update: called with each line of metrics.

    Raises:
        RunError: see `SideRun.check_start`; or a loss is no longer finite.
    """
    run = side_run(folder, experiment, len(folds.datasets), rolling=rolling)
    run.check_start(start)
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
        drawing = _drawing(world, rows, longest)
        validation = Backtest(experiment, dataset, "validation")
        agents += [
            Agent(f"fold {number}, seed {seed}", seed, hyper_of(experiment), drawing, validation)
            for seed in agent_seeds(experiment)
        ]
    learner, policy = learner_of(experiment), learned_policy(experiment)
    mesh = make_mesh(learner, len(agents), devices)
    return AgentBatch(spec, learner, policy, agents, PER_FOLD, mesh=mesh)


def _drawing(world: World, rows: np.ndarray, longest: int) -> World:
    """A world that draws the trades `rows`; their list is padded to `longest`."""
    padded = np.zeros(longest, np.int32)
    padded[: len(rows)] = rows
    return world._replace(sampled=TrainingRows(*on_device((padded, np.int32(len(rows))))))


def stored_result(
    experiment: Experiment, folder: RunFolder, folds: int, *, rolling: bool
) -> dict[str, Any] | None:
    """The summary of the folds' best, as it stands; None where it was not made yet."""
    store = side_run(folder, experiment, folds, rolling=rolling).store
    summary, step = read_json(folder.results(NAME) / "summary.json"), store.pointed("best")
    if summary is None or step is None:
        return None
    known = summary["checkpoint"].get("sha256") == store.manifest(step)["sha256"]
    return summary if known else None


def backtest_folds(
    experiment: Experiment,
    folds: Folds,
    folder: RunFolder,
    registry: Registry,
    *,
    rolling: bool,
    on_policy: Callable[[str], None] = lambda name: None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Play the out-of-sample piece of each fold, under its best agent and every baseline; join and judge.

    The baselines are tuned on the fold's own training part. It is one look at unseen trades, counted before
    anything is played.

    Args:
        experiment: what was trained.
        folds: its data.
        folder: of the version.
        registry: has the version already.
        rolling: as `folds` was made.
        on_policy: called with what is played, before it is.

    Returns:
        (summary, the learned policy's joined trade table)

    Raises:
        RunError: the checkpoint is not there, or damaged.
    """
    count, seeds = len(folds.datasets), agent_seeds(experiment)
    store = side_run(folder, experiment, count, rolling=rolling).store
    template = state_template(experiment, folds.datasets[0], count * len(seeds))
    checkpoint = store.restore("best", template)
    proof = {
        "snapshot_sha256": experiment_sha256(experiment),
        "checkpoint_sha256": checkpoint.sha256,
        "step": checkpoint.step,
    }
    look = {"checkpoint": "best", "sampled": False, "split": NAME, "folds": count}
    registry.count_look(experiment.version, {**proof, **look})
    saved: Saved = checkpoint.state
    pieces, learned_pieces, rows = [], [], []
    tuned: list[dict[str, dict[str, float]]] = []
    for number, dataset in enumerate(folds.datasets):
        on_policy(f"fold {number}: the baselines' settings on its train")
        tuned.append(Backtest(experiment, dataset, "train").tuned())
        backtest = Backtest(experiment, dataset, "test")
        policy = learned_policy(experiment)
        learned = []
        for i, seed in enumerate(seeds):
            on_policy(f"fold {number}: {policy.name}, seed {seed}")
            params = take(saved.best, number * len(seeds) + i)
            learned.append(backtest.play(policy, params, seed=seed, record=True))
        result = learned[0] if len(seeds) == 1 else joint_result(learned)
        others = backtest.baselines(
            result.table,
            tuned[-1],
            seed=experiment.seed,
            on_policy=lambda name, number=number: on_policy(f"fold {number}: {name}"),
        )
        pieces.append({policy.name: result, **dict(others)})
        learned_pieces.append(learned)
        each = checkpoint.manifest["agents"][number * len(seeds) : (number + 1) * len(seeds)]
        rows.append(_fold_row(number, dataset, result, tuned[-1], each))
    name = next(iter(pieces[0]))
    played = {policy: _joined([piece[policy] for piece in pieces]) for policy in pieces[0]}
    on_policy("intervals and differences")
    luck = {
        "trials": max(registry.trials(), 1),
        "trial_sharpes": registry.trial_sharpes(but=experiment.version),
    }
    facts = {
        "version": experiment.version,
        "split": NAME,
        "checkpoint": {"step": checkpoint.step, "sha256": checkpoint.sha256},
        "which": "best",
        "sampled": False,
        "snapshot_sha256": proof["snapshot_sha256"],
        **counted(folds.datasets[0]),
    }
    judge = Backtest(experiment, folds.datasets[0], "test")
    known = verification(
        [dataset.origin for dataset in folds.datasets],
        audit_before_training(side_run(folder, experiment, count, rolling=rolling).path),
        split=NAME,
        looks=looks_before(registry, proof),
    )
    summary = facts | judged(judge, played, {}, luck, known)
    by_seed = [_joined([piece[i] for piece in learned_pieces]) for i in range(len(seeds))]
    results = folder.results(NAME)
    if len(seeds) > 1:
        others = {policy: result for policy, result in played.items() if policy != name}
        own = [{name: result, **others} for result in by_seed]
        summaries = [
            {**facts, "seed": seed} | judged(judge, each, {}, luck, known)
            for seed, each in zip(seeds, own, strict=True)
        ]
        for i, one in enumerate(summaries):
            guards = [piece[i] for piece in learned_pieces]
            write_results(results / seed_folder(one["seed"]), own[i], guards, one)
        summary = together(summary, summaries, name)
    summary |= {
        "layout": "rolling" if rolling else "anchored",
        "embargo_bars": experiment.data.split.embargo_bars,
        "folds": rows,
    }
    write_results(results, played, [one for piece in learned_pieces for one in piece], summary)
    register_result(summary, registry)
    write_readme(folder, experiment, registry)
    return summary, played[name].table


def _joined(pieces: Sequence[PolicyResult]) -> PolicyResult:
    """The pieces of one policy as one record; `fold` says which a trade is from."""
    tables = [piece.table.assign(fold=number) for number, piece in enumerate(pieces)]
    marks = pd.concat([piece.marks for piece in pieces])
    return pieces[0]._replace(table=pd.concat(tables, ignore_index=True), marks=marks, records=None)


def _fold_row(
    number: int,
    dataset: Dataset,
    result: PolicyResult,
    tuned: Mapping[str, Mapping[str, float]],
    agents: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """What the summary says of a fold."""
    parts = {}
    for split, table in dataset.tables.items():
        bars = table["entry_bar"].to_numpy(int)
        first, last = (dataset.times[bar] for bar in (bars.min(), bars.max()))
        parts[split] = {
            "trades": len(table),
            "first_entry": f"{np.datetime_as_string(first, unit='s')}Z",
            "last_entry": f"{np.datetime_as_string(last, unit='s')}Z",
        }
    return {
        "fold": number,
        **parts,
        "agents": [dict(one) for one in agents],
        "unit": result.unit,
        key(result.unit, "net", "mean"): float(
            result.table[key(result.unit, "net")].to_numpy(float).mean()
        ),
        "interval": mean_per_trade(result.table).as_json(),
        "tuned": {name: dict(numbers) for name, numbers in tuned.items()},
    }
