"""The backtest of a trained version: played, written to its run folder, entered in the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxexit.config import Experiment, experiment_sha256
from jaxexit.data import Dataset
from jaxexit.errors import RunError
from jaxexit.evaluate import Backtest, PolicyResult, guard_table, judge
from jaxexit.evaluate.joint import counted_together, joint_result, spread
from jaxexit.evaluate.tuning import EVALUATIONS
from jaxexit.lab.checkpoints import Which
from jaxexit.lab.files import write_json, write_parquet
from jaxexit.lab.provenance import counted
from jaxexit.lab.readme import write_readme
from jaxexit.lab.registry import Registry
from jaxexit.lab.run import RunFolder, read_json
from jaxexit.lab.trained import TrainedVersion
from jaxexit.lab.training import (
    agent_params,
    agent_seeds,
    learned_policy,
    seed_folder,
    state_template,
)
from jaxexit.lab.verification import (
    audit_before_training,
    line,
    looks_before,
    record_audit,
    stands_on_columns,
    verification,
    with_audit,
)
from jaxexit.metrics import OF_A_SEED, REGISTRY, pick

BESIDE_METRICS = ("unit", "intervals", "deflated_sharpe")
"""What the registry keeps of a result beside `metrics.REGISTRY`."""


def results_name(split: str, which: Which, *, sampled: bool) -> str:
    """Folder of a look's results: the split alone for the headline, the greedy best checkpoint."""
    words = [split, *([] if which == "best" else [str(which)]), *(["sampled"] if sampled else [])]
    return "_".join(words)


def tuned_baselines(
    experiment: Experiment, dataset: Dataset, folder: RunFolder
) -> dict[str, dict[str, float]]:
    """The baselines' settings, tuned on the training split once a run and kept in its folder."""
    path = folder.path / "results" / "baselines.json"
    known = read_json(path)
    sha256 = experiment_sha256(experiment)
    if known is None or known.get("snapshot_sha256") != sha256:
        known = {
            "snapshot_sha256": sha256,
            "evaluations_each": EVALUATIONS,
            "settings": Backtest(experiment, dataset, "train").tuned(),
        }
        write_json(path, known)
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
    on_policy: Callable[[str], None] = lambda name: None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Every trade of a split exactly once, under the learned policy and every baseline.

    Writes trades.parquet (every policy's trades), daily.parquet (net results by day, marked to market, a
    column a policy), summary.json and guard_stats.parquet. Only the greedy best checkpoint is a version's
    result, and in the run's README.md; every other look has a folder of its own and does not touch the
    registered one. A look at the test split is counted before anything is played: what cannot be counted
    is not seen.

    Of a version with several agents each has these files in seed_<seed>/, and the version's own are those of
    all of them together (`evaluate.joint`): one result, and one look, since none of them is chosen.

    Args:
        experiment: the frozen experiment of the run.
        yaml: the file it came from, for the registry.
        dataset: its data.
        folder: its run folder.
        registry: where the look is counted and the result entered, with its hashes.
        which: which checkpoint.
        split: which trades.
        sample: draw the learned policy's actions instead of taking the likeliest.
        on_policy: called with each policy's name before it is played.

    Returns:
        (summary, the learned policy's trade table); the summary is the command's JSON object.

    Raises:
        RunError: there is no such checkpoint, the registry cannot be written, or the version was started
            over in the meantime.
    """
    checkpoint = folder.checkpoints(experiment).restore(which, state_template(experiment, dataset))
    began = folder.began()
    proof = {
        "snapshot_sha256": experiment_sha256(experiment),
        "checkpoint_sha256": checkpoint.sha256,
        "step": checkpoint.step,
    }
    registry.register(experiment, yaml)
    if split == "test":
        look = {**proof, "checkpoint": str(which), "sampled": sample}
        seeds = {"seeds": experiment.seeds} if experiment.seeds > 1 else {}
        registry.count_look(experiment.version, look | seeds)
    on_policy("the baselines' settings on train")
    tuned = tuned_baselines(experiment, dataset, folder)
    backtest = Backtest(experiment, dataset, split)
    policy = learned_policy(experiment, sample=sample)
    known = verification(
        [dataset.origin],
        audit_before_training(folder.path),
        split=split,
        looks=looks_before(registry, proof),
    )
    luck = {
        "trials": max(registry.trials(), 1),
        "trial_sharpes": registry.trial_sharpes(but=experiment.version),
    }
    facts = {
        "version": experiment.version,
        "split": split,
        "checkpoint": {"step": checkpoint.step, "sha256": checkpoint.sha256},
        "which": str(which),
        "sampled": sample,
        **counted(dataset),
        "snapshot_sha256": proof["snapshot_sha256"],
    }
    seeds, params = agent_seeds(experiment), agent_params(experiment, checkpoint, which)
    learned = []
    for seed, own in zip(seeds, params, strict=True):
        on_policy(policy.name if len(seeds) == 1 else f"{policy.name}, seed {seed}")
        learned.append(backtest.play(policy, own, seed=seed, record=True))
    result = learned[0] if len(seeds) == 1 else joint_result(learned)
    baselines = dict(
        backtest.baselines(result.table, tuned, seed=experiment.seed, on_policy=on_policy)
    )
    on_policy("intervals and differences")
    played = {policy.name: result, **baselines}
    summary = facts | judged(backtest, played, tuned, luck, known)
    each: list[dict[str, Any]] = []
    if len(seeds) > 1:
        each = [
            {**facts, "seed": seed}
            | judged(backtest, {policy.name: own, **baselines}, tuned, luck, known)
            for seed, own in zip(seeds, learned, strict=True)
        ]
        summary = together(summary, each, policy.name)
    if folder.began() != began:
        raise RunError(
            f"{experiment.version}: was started over while its backtest was played; nothing of it was "
            "written, run the backtest of the new run"
        )
    results = folder.results(results_name(split, which, sampled=sample))
    for own, one in zip(learned, each, strict=len(seeds) > 1):
        policies = {policy.name: own, **baselines}
        write_results(results / seed_folder(one["seed"]), policies, [own], one)
    write_results(results, played, learned, summary)
    if which == "best" and not sample:
        register_result(summary, registry)
        write_readme(folder, experiment, registry)
    return summary, result.table


def judged(
    backtest: Backtest,
    played: Mapping[str, PolicyResult],
    tuned: Mapping[str, dict[str, float]],
    luck: dict[str, Any],
    known: dict[str, Any],
) -> dict[str, Any]:
    """Metrics of every policy, with what they are worth, and the verdict on the first.

    Args:
        backtest: knows the horizon.
        played: by policy; the first is the one in question.
        tuned: the settings of the baselines that have any.
        luck: `trials` and `trial_sharpes` of `evaluate.judge`.
        known: `verified` and `unverified`; the verdict begins with them.
    """
    proviso = " if what is unverified is honest" if stands_on_columns(known) else ""
    worth, verdict = judge(played, **luck, proviso=proviso)
    policies = {
        name: {
            **backtest.summary(result),
            **worth[name],
            **({"tuned": tuned[name]} if name in tuned else {}),
        }
        for name, result in played.items()
    }
    return {**known, "verdict": f"{line(known)}. {verdict}", "policies": policies}


def together(summary: dict[str, Any], each: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    """The summary of all agents: what they did is counted, and how they spread is shown."""
    own = [one["policies"][name] for one in each]
    learned = {**summary["policies"][name], **counted_together(own)}
    seeds = [
        {
            "seed": one["seed"],
            "unit": metrics["unit"],
            **pick(metrics, OF_A_SEED),
            "intervals": metrics["intervals"],
            "verdict": one["verdict"],
        }
        for one, metrics in zip(each, own, strict=True)
    ]
    return {
        **summary,
        "policies": {**summary["policies"], name: learned},
        "seeds": seeds,
        "across_seeds": spread(own),
    }


def write_results(
    results: Path,
    played: Mapping[str, PolicyResult],
    learned: Sequence[PolicyResult],
    summary: dict[str, Any],
) -> None:
    """One folder of results; the summary last: where there is one, the rest is there too.

    Args:
        results: the folder.
        played: by policy.
        learned: with records, for the guard statistics: they are added up.
        summary: the JSON object.
    """
    everything = [result.table.assign(policy=name) for name, result in played.items()]
    daily = pd.DataFrame({name: result.daily for name, result in played.items()})
    guards = pd.concat([guard_table(one.records) for one in learned if one.records is not None])
    if len(learned) > 1:
        kinds = [name for name in guards.columns if name != "count"]
        guards = pd.DataFrame(guards.groupby(kinds, as_index=False)["count"].sum())
    write_parquet(results / "trades.parquet", pd.concat(everything, ignore_index=True))
    write_parquet(results / "guard_stats.parquet", guards)
    write_parquet(results / "daily.parquet", daily.fillna(0.0).rename_axis("date").reset_index())
    write_json(results / "summary.json", summary)


def recorded_audit(
    version: TrainedVersion,
    summary: dict[str, Any],
    split: str,
    audit: dict[str, Any],
) -> dict[str, Any]:
    """Keep what an audit of a result found: beside it, in the registry and in the README.

    Args:
        version: whose result.
        summary: the result, as its backtest wrote it.
        split: on which trades.
        audit: to be kept: `passed`, `findings`, and whose.

    Returns:
        The summary as it reads after the audit.

    Raises:
        RunError: it cannot be written.
    """
    folder, registry = version.folder, version.registry
    record_audit(folder, split, summary, audit)
    known = with_audit(folder, split, summary)
    if "verified" in known:
        parts = {name: known[name] for name in ("verified", "unverified")}
        registry.record_audit(folder.version, split, summary["checkpoint"]["sha256"], parts)
        write_readme(folder, version.experiment, registry)
    return known


def register_result(summary: dict[str, Any], registry: Registry) -> None:
    """Enter the first policy's result in the registry, with its hashes."""
    learned = next(iter(summary["policies"].values()))
    several: dict[str, Any] = {}
    if "seeds" in summary:
        several = {"seeds": len(summary["seeds"]), "across_seeds": summary["across_seeds"]}
    if "folds" in summary:
        several |= {"folds": len(summary["folds"]), "layout": summary["layout"]}
    registry.record_result(
        summary["version"],
        summary["split"],
        pick(learned, REGISTRY)
        | {name: learned[name] for name in BESIDE_METRICS}
        | {name: summary[name] for name in ("verified", "unverified") if name in summary}
        | several,
        snapshot_sha256=summary["snapshot_sha256"],
        checkpoint_sha256=summary["checkpoint"]["sha256"],
        step=summary["checkpoint"]["step"],
    )


def headline(
    experiment: Experiment,
    yaml: Path,
    dataset: Dataset,
    folder: RunFolder,
    registry: Registry,
    *,
    on_policy: Callable[[str], None] = lambda name: None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The headline on the test split, as it stands; looked at only if the best checkpoint has none yet.

    Returns: as `backtest_version`.
    """
    found = _stored_headline(experiment, folder)
    if found is None:
        return backtest_version(experiment, yaml, dataset, folder, registry, on_policy=on_policy)
    summary = found[0]
    registered = registry.version(experiment.version).get("results", {}).get("test", {})
    if registered.get("checkpoint_sha256") != summary["checkpoint"]["sha256"]:
        register_result(summary, registry)  # a kill came between the files and the registry
    if not (folder.path / "README.md").exists():
        write_readme(folder, experiment, registry)
    return found


def _stored_headline(
    experiment: Experiment, folder: RunFolder
) -> tuple[dict[str, Any], pd.DataFrame] | None:
    """Summary and trades of the best checkpoint on test, None where they are not there, or another's."""
    store, results = folder.checkpoints(experiment), folder.results("test")
    summary, step = read_json(results / "summary.json"), store.pointed("best")
    if summary is None or step is None:
        return None
    best = {"step": step, "sha256": store.manifest(step)["sha256"]}
    if (summary.get("snapshot_sha256"), summary["checkpoint"]) != (
        experiment_sha256(experiment),
        best,
    ):
        return None
    try:
        table = pd.read_parquet(results / "trades.parquet")
    except (OSError, ValueError):
        return None
    own = table["policy"].to_numpy(str) == next(iter(summary["policies"]))
    return summary, table.iloc[np.flatnonzero(own)]
