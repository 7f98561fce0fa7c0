"""The backtest of a walk-forward: each fold's piece out of sample, joined into one record and judged.

Each fold is played by itself, since its trades are of another number; that compiles the backtest again for
each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxexit.config import Experiment
from jaxexit.data import Dataset, Folds
from jaxexit.evaluate import Backtest, PolicyResult, mean_per_trade
from jaxexit.evaluate.assumed import assumed_of, decided
from jaxexit.evaluate.joint import joint_result
from jaxexit.evaluate.power import size
from jaxexit.lab.looks import looked_at, seen_before
from jaxexit.lab.power import power_of
from jaxexit.lab.results import register_result
from jaxexit.lab.summaries import (
    Played,
    facts_of,
    judged,
    proof_of,
    summarised,
    trials_so_far,
    write_results,
)
from jaxexit.lab.training import (
    agent_seeds,
    learned_policy,
    state_template,
)
from jaxexit.lab.walk_forward import NAME, side_run
from jaxexit.learning import take
from jaxexit.store.checkpoints import Checkpoint
from jaxexit.store.documents import Summary, read_document
from jaxexit.store.readme import write_readme
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder
from jaxexit.store.verification import audit_before_training, verification
from jaxexit.units import key


def stored_result(
    experiment: Experiment, folder: RunFolder, folds: int, *, rolling: bool
) -> dict[str, Any] | None:
    """The summary of the folds' best, as it stands; None where it was not made yet."""
    store = side_run(folder, experiment, folds, rolling=rolling).store
    summary, step = (
        read_document(folder.results(NAME) / "summary.json", Summary),
        store.pointed("best"),
    )
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
    catalogue: Sequence[str] = (),
    on_policy: Callable[[str], None] = lambda name: None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Play the out-of-sample piece of each fold, under its best agent and every baseline; join and judge.

    The baselines are tuned on the fold's own training part. It is one evaluation on unseen trades, counted
    before anything is played.

    Args:
        experiment: what was trained.
        folds: its data.
        folder: of the version.
        registry: has the version already.
        rolling: as `folds` was made.
        catalogue: exits of the catalogue that are tuned and played too; each is a trial.
        on_policy: called with what is played, before it is.

    Returns:
        (summary, the learned policy's joined trade table)

    Raises:
        RunError: the checkpoint is not there, or damaged.
    """
    count = len(folds.datasets)
    run = side_run(folder, experiment, count, rolling=rolling)
    template = state_template(experiment, folds.datasets[0], count * experiment.seeds)
    checkpoint = run.store.restore("best", template)
    proof = proof_of(experiment, checkpoint)
    proof["looked_at"] = looked_at(experiment, folds.datasets)
    evaluation = {"checkpoint": "best", "sampled": False, "split": NAME, "folds": count}
    if catalogue:
        evaluation["baselines"] = list(catalogue)
    registry.record_test_evaluation(experiment.version, {**proof, **evaluation})
    pieces = [
        _play_fold(experiment, number, dataset, checkpoint, catalogue, on_policy)
        for number, dataset in enumerate(folds.datasets)
    ]
    played = _joined_pieces([piece.played for piece in pieces])
    on_policy("what this test could see")
    # Of the last fold: it has the longest validation, next to the experiment's own.
    power = power_of(
        experiment,
        folds.datasets[-1],
        pieces[-1].row["tuned"],
        {NAME: size(dataset.tables["test"] for dataset in folds.datasets)},
    )
    on_policy("intervals and differences")
    known = verification(
        [dataset.origin for dataset in folds.datasets],
        audit_before_training(run.path),
        split=NAME,
        **seen_before(registry, proof),
    )
    backtest = Backtest(experiment, folds.datasets[0], "test")
    trials = trials_so_far(registry, experiment.version)
    facts = facts_of(experiment, folds.datasets[0], checkpoint, split=NAME) | {"power": power}
    if assumed := _joined_by_name([piece.assumed for piece in pieces]):
        results = {name: played.policies[name] for name in assumed}
        facts |= {"detail": decided(folds.fingerprint["detail"], results, assumed)}
    summary, agents = summarised(
        played, facts, partial(judged, backtest, tuned={}, trials=trials, known=known)
    )
    summary |= {
        "layout": "rolling" if rolling else "anchored",
        "embargo_bars": experiment.data.split.embargo_bars,
        "folds": [piece.row for piece in pieces],
    }
    write_results(folder.results(NAME), played, summary, agents)
    register_result(summary, registry)
    write_readme(folder, experiment, registry)
    return summary, played.joint.table


class _Piece(NamedTuple):
    """The out-of-sample piece of a fold: what was played, and what the summary says of it."""

    played: Played
    row: dict[str, Any]
    assumed: dict[str, PolicyResult]  # without finer bars, of an experiment that has some


def _play_fold(
    experiment: Experiment,
    number: int,
    dataset: Dataset,
    checkpoint: Checkpoint,
    catalogue: Sequence[str],
    on_policy: Callable[[str], None],
) -> _Piece:
    """The fold's agents, then the baselines tuned on its train."""
    on_policy(f"fold {number}: the baselines' settings on its train")
    tuned = Backtest(experiment, dataset, "train").tuned(catalogue=catalogue)
    backtest, policy = Backtest(experiment, dataset, "test"), learned_policy(experiment)
    seeds, saved = agent_seeds(experiment), checkpoint.state
    first = number * len(seeds)
    params = {seed: take(saved.best, first + i) for i, seed in enumerate(seeds)}
    agents = []
    for seed in seeds:
        on_policy(f"fold {number}: {policy.name}, seed {seed}")
        agents.append(backtest.play(policy, params[seed], seed=seed, record=True))
    joint = agents[0] if len(seeds) == 1 else joint_result(agents)
    baselines = backtest.baselines(
        joint.table,
        tuned,
        catalogue=catalogue,
        seed=experiment.seed,
        on_policy=lambda name: on_policy(f"fold {number}: {name}"),
    )
    records = [[result] for result in agents]
    played = Played(policy.name, seeds, agents, records, joint, dict(baselines))
    of_agents = checkpoint.manifest["agents"][first : first + len(seeds)]
    row = _fold_row(number, dataset, joint, tuned, of_agents)
    assumed = {} if dataset.detail is None else assumed_of(backtest, policy, params)
    return _Piece(played, row, assumed)


def _joined_pieces(pieces: Sequence[Played]) -> Played:
    """The pieces of all folds as one record, policy by policy and agent by agent."""
    first, agents = pieces[0], range(len(pieces[0].seeds))
    return replace(
        first,
        agents=[_joined([piece.agents[i] for piece in pieces]) for i in agents],
        records=[[piece.agents[i] for piece in pieces] for i in agents],
        joint=_joined([piece.joint for piece in pieces]),
        baselines=_joined_by_name([piece.baselines for piece in pieces]),
    )


def _joined_by_name(pieces: Sequence[Mapping[str, PolicyResult]]) -> dict[str, PolicyResult]:
    """The pieces of each policy as one record."""
    return {name: _joined([piece[name] for piece in pieces]) for name in pieces[0]}


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
