"""The backtest of a trained version: played, written to its run folder, entered in the registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from jaxexit.config import Experiment, experiment_sha256
from jaxexit.data import Dataset
from jaxexit.errors import RunError
from jaxexit.evaluate import Backtest, PolicyResult
from jaxexit.evaluate.assumed import assumed_of, decided
from jaxexit.evaluate.joint import joint_result
from jaxexit.evaluate.power import size
from jaxexit.evaluate.tuning import EVALUATIONS
from jaxexit.lab.looks import looked_at, seen_before
from jaxexit.lab.power import power_of
from jaxexit.lab.summaries import (
    Played,
    facts_of,
    judged,
    proof_of,
    summarised,
    trials_so_far,
    write_results,
)
from jaxexit.lab.training import agent_params, agent_seeds, learned_policy, state_template
from jaxexit.store import run_rows
from jaxexit.store.checkpoints import Checkpoint, Which
from jaxexit.store.documents import Baselines, read_document, write_document
from jaxexit.store.readme import write_readme
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder
from jaxexit.store.verification import (
    audit_before_training,
    verification,
)

OnPolicy = Callable[[str], None]


def results_name(split: str, which: Which, *, sampled: bool) -> str:
    """Folder of a backtest's results: the split alone for the headline, the greedy best checkpoint."""
    words = [split, *([] if which == "best" else [str(which)]), *(["sampled"] if sampled else [])]
    return "_".join(words)


def tuned_baselines(
    experiment: Experiment, dataset: Dataset, folder: RunFolder, catalogue: Sequence[str] = ()
) -> dict[str, dict[str, float]]:
    """The baselines' settings, tuned on the training split once a run and kept in its folder.

    Args:
        experiment: the frozen experiment of the run.
        dataset: its data.
        folder: its run folder.
        catalogue: exits of the catalogue that are needed too.
    """
    path = folder.path / "results" / "baselines.json"
    known = read_document(path, Baselines)
    sha256 = experiment_sha256(experiment)
    if known is None or known.get("snapshot_sha256") != sha256:
        known = {
            "snapshot_sha256": sha256,
            "evaluations_each": EVALUATIONS,
            "settings": Backtest(experiment, dataset, "train").tuned(),
        }
        write_document(path, known, Baselines)
    if missing := [name for name in catalogue if name not in known["settings"]]:
        known["settings"] |= Backtest(experiment, dataset, "train").tuned_catalogue(missing)
        write_document(path, known, Baselines)
    return known["settings"]


def backtest_version(
    experiment: Experiment,
    yaml: Path,
    dataset: Dataset,
    folder: RunFolder,
    registry: Registry,
    *,
    which: Which = "best",
    split: str = "test",
    sample: bool = False,
    catalogue: Sequence[str] = (),
    on_policy: OnPolicy = lambda name: None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Every trade of a split exactly once, under the learned policy and every baseline.

    Writes trades.parquet (every policy's trades), daily.parquet (net results by day, marked to market, a
    column a policy), summary.json and guard_stats.parquet. Only the greedy best checkpoint is a version's
    result, and in the run's README.md; any other backtest, and those of an archived run, have folders of
    their own and leave the registered result alone. A backtest on the test split is counted before anything
    is played: what cannot be counted is not seen.

    Of a version with several agents each has these files in seed_<seed>/, and the version's own are those of
    all of them together (`evaluate.joint`): one result, and one evaluation, since none of them is chosen.

    Args:
        experiment: the frozen experiment of the run.
        yaml: the file it came from, for the registry.
        dataset: its data.
        folder: its run folder.
        registry: where the evaluation is counted and the result entered, with its hashes.
        which: which checkpoint.
        split: which trades.
        sample: draw the learned policy's actions instead of taking the likeliest.
        catalogue: exits of the catalogue that are tuned on train and played too; on test each is a trial.
        on_policy: called with each policy's name before it is played.

    Returns:
        (summary, the learned policy's trade table); the summary is the command's JSON object.

    Raises:
        RunError: there is no such checkpoint, the registry cannot be written, or the version was started
            over in the meantime.
    """
    checkpoint = folder.checkpoints(experiment).restore(which, state_template(experiment, dataset))
    began, proof = folder.began(), proof_of(experiment, checkpoint)
    if not folder.is_archived:
        registry.register(experiment, yaml)
    if split == "test":
        proof["looked_at"] = looked_at(experiment, [dataset])
        _count_look(experiment, registry, proof, which, sample, catalogue)
    on_policy("the baselines' settings on train")
    tuned = tuned_baselines(experiment, dataset, folder, catalogue)
    backtest = Backtest(experiment, dataset, split)
    audit = audit_before_training(folder.path)
    seen = seen_before(registry, proof)
    known = verification([dataset.origin], audit, split=split, **seen)
    trials = trials_so_far(registry, experiment.version)
    played = _played(experiment, backtest, checkpoint, which, tuned, sample, catalogue, on_policy)
    on_policy("what this test could see")
    power = power_of(experiment, dataset, tuned, {split: size([dataset.tables[split]])})
    on_policy("intervals and differences")
    facts = facts_of(experiment, dataset, checkpoint, split=split, which=str(which), sampled=sample)
    facts |= {"power": power}
    facts |= _decided(experiment, backtest, checkpoint, which, sample, played, on_policy)
    summary, agents = summarised(
        played, facts, partial(judged, backtest, tuned=tuned, trials=trials, known=known)
    )
    if folder.began() != began:
        raise RunError(
            f"{experiment.version}: was started over while its backtest was played; nothing of it was "
            "written, run the backtest of the new run"
        )
    results = folder.results(results_name(split, which, sampled=sample))
    write_results(results, played, summary, agents)
    if which == "best" and not sample and not folder.is_archived:
        register_result(summary, registry)
        write_readme(folder, experiment, registry)
    return summary, played.joint.table


def _count_look(
    experiment: Experiment,
    registry: Registry,
    proof: dict[str, Any],
    which: Which,
    sample: bool,
    catalogue: Sequence[str],
) -> None:
    """Count an evaluation on test, before anything of it is seen."""
    evaluation = {**proof, "checkpoint": str(which), "sampled": sample}
    seeds = {"seeds": experiment.seeds} if experiment.seeds > 1 else {}
    rules = {"baselines": list(catalogue)} if catalogue else {}
    registry.record_test_evaluation(experiment.version, evaluation | seeds | rules)


def _played(
    experiment: Experiment,
    backtest: Backtest,
    checkpoint: Checkpoint,
    which: Which,
    tuned: dict[str, dict[str, float]],
    sample: bool,
    catalogue: Sequence[str],
    on_policy: OnPolicy,
) -> Played:
    """The agents of a checkpoint, one after the other, then every baseline."""
    policy, seeds = learned_policy(experiment, sample=sample), agent_seeds(experiment)
    agents: list[PolicyResult] = []
    for seed, params in zip(seeds, agent_params(experiment, checkpoint, which), strict=True):
        on_policy(policy.name if len(seeds) == 1 else f"{policy.name}, seed {seed}")
        agents.append(backtest.play(policy, params, seed=seed, record=True))
    joint = agents[0] if len(seeds) == 1 else joint_result(agents)
    baselines = backtest.baselines(
        joint.table, tuned, catalogue=catalogue, seed=experiment.seed, on_policy=on_policy
    )
    records = [[agent] for agent in agents]
    return Played(policy.name, seeds, agents, records, joint, dict(baselines))


def _decided(
    experiment: Experiment,
    backtest: Backtest,
    checkpoint: Checkpoint,
    which: Which,
    sample: bool,
    played: Played,
    on_policy: OnPolicy,
) -> dict[str, Any]:
    """What finer bars changed for the learned policy and the classical exit; nothing without any."""
    if backtest.dataset.detail is None:
        return {}
    on_policy("the same without finer bars")
    agents = agent_params(experiment, checkpoint, which)
    by_seed = dict(zip(agent_seeds(experiment), agents, strict=True))
    assumed = assumed_of(backtest, learned_policy(experiment, sample=sample), by_seed)
    results = {name: played.policies[name] for name in assumed}
    return {"detail": decided(backtest.dataset.detail.fingerprint, results, assumed)}


def register_result(summary: dict[str, Any], registry: Registry) -> None:
    """Enter a result in the registry, with its hashes."""
    registry.record_result(
        summary["version"],
        summary["split"],
        run_rows.result(summary),
        **run_rows.proof(summary),
    )
