"""What was played becomes a summary: metrics, verdicts, and files.

Of a version with several agents the summary is that of all together (`evaluate.joint`), and each agent has
its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from jaxexit.config import Experiment, experiment_sha256
from jaxexit.data import Dataset
from jaxexit.evaluate import Backtest, PolicyResult, guard_table, judge
from jaxexit.evaluate.joint import counted_together, spread
from jaxexit.lab.training import seed_folder
from jaxexit.metrics import OF_A_SEED, pick
from jaxexit.store.checkpoints import Checkpoint
from jaxexit.store.documents import Summary, write_document
from jaxexit.store.files import write_parquet
from jaxexit.store.provenance import counted
from jaxexit.store.registry import Registry
from jaxexit.store.verification import line, stands_on_columns


@dataclass(frozen=True)
class Played:
    """The same trades under the learned policy and every baseline.

    Attributes:
        name: of the learned policy.
        seeds: of its agents.
        agents: what each agent did.
        records: what each agent did, with the records that guard statistics are made of; the pieces of one
            agent are added up.
        joint: what all agents did together; of one agent what it did.
        baselines: by name.
    """

    name: str
    seeds: tuple[int, ...]
    agents: Sequence[PolicyResult]
    records: Sequence[Sequence[PolicyResult]]
    joint: PolicyResult
    baselines: Mapping[str, PolicyResult]

    @property
    def policies(self) -> dict[str, PolicyResult]:
        """By name, the learned policy first."""
        return {self.name: self.joint, **self.baselines}

    def policies_of(self, agent: int) -> dict[str, PolicyResult]:
        """The same with one agent alone as the learned policy."""
        return {self.name: self.agents[agent], **self.baselines}


def proof_of(experiment: Experiment, checkpoint: Checkpoint) -> dict[str, Any]:
    """The hashes of the snapshot and the checkpoint that earn a result, and the checkpoint's step."""
    return {
        "snapshot_sha256": experiment_sha256(experiment),
        "checkpoint_sha256": checkpoint.sha256,
        "step": checkpoint.step,
    }


def facts_of(
    experiment: Experiment,
    dataset: Dataset,
    checkpoint: Checkpoint,
    *,
    split: str,
    which: str = "best",
    sampled: bool = False,
) -> dict[str, Any]:
    """What a summary says of how its result was made."""
    return {
        "version": experiment.version,
        "split": split,
        "checkpoint": {"step": checkpoint.step, "sha256": checkpoint.sha256},
        "which": which,
        "sampled": sampled,
        **counted(dataset),
        "snapshot_sha256": experiment_sha256(experiment),
    }


def trials_so_far(registry: Registry, version: str) -> dict[str, Any]:
    """What the deflated Sharpe ratio of a version must pay for: arguments of `evaluate.judge`."""
    sharpes = registry.trial_sharpes(but=version)
    return {"trials": max(registry.trials(), 1), "trial_sharpes": sharpes}


def judged(
    backtest: Backtest,
    policies: Mapping[str, PolicyResult],
    tuned: Mapping[str, dict[str, float]],
    trials: dict[str, Any],
    known: dict[str, Any],
) -> dict[str, Any]:
    """Metrics of every policy, how sure they are, and the verdict on the first.

    Args:
        backtest: knows the horizon.
        policies: what was played, by name; the first is the one in question.
        tuned: the settings of the baselines that have any.
        trials: see `trials_so_far`.
        known: `verified` and `unverified`; the verdict begins with them.
    """
    proviso = " if what is unverified is honest" if stands_on_columns(known) else ""
    worth, verdict = judge(policies, **trials, proviso=proviso)
    metrics = {
        name: {
            **backtest.summary(result),
            **worth[name],
            **({"tuned": tuned[name]} if name in tuned else {}),
        }
        for name, result in policies.items()
    }
    return {**known, "verdict": f"{line(known)}. {verdict}", "policies": metrics}


def summarised(
    played: Played,
    facts: dict[str, Any],
    judge: Callable[[Mapping[str, PolicyResult]], dict[str, Any]],
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The summary of what was played, and that of each agent; none of a version's only one.

    Args:
        played: what was played.
        facts: see `facts_of`.
        judge: see `judged`, of policies by name.
    """
    summary = facts | judge(played.policies)
    if len(played.seeds) == 1:
        return summary, []
    agents = [
        {**facts, "seed": seed} | judge(played.policies_of(number))
        for number, seed in enumerate(played.seeds)
    ]
    return _together(summary, agents, played.name), agents


def _together(
    summary: dict[str, Any], agents: Sequence[dict[str, Any]], name: str
) -> dict[str, Any]:
    """The summary of all agents: what they did is counted, and how they spread is shown."""
    of_agents = [agent["policies"][name] for agent in agents]
    learned = {**summary["policies"][name], **counted_together(of_agents)}
    seeds = [
        {
            "seed": agent["seed"],
            "unit": metrics["unit"],
            **pick(metrics, OF_A_SEED),
            "intervals": metrics["intervals"],
            "verdict": agent["verdict"],
        }
        for agent, metrics in zip(agents, of_agents, strict=True)
    ]
    return {
        **summary,
        "policies": {**summary["policies"], name: learned},
        "seeds": seeds,
        "across_seeds": spread(of_agents),
    }


def write_results(
    results: Path, played: Played, summary: dict[str, Any], agents: Sequence[dict[str, Any]]
) -> None:
    """Write the files of a result: of several agents each agent's in seed_<seed>/, then those of all.

    Args:
        results: the folder.
        played: what was played.
        summary: the JSON object.
        agents: those of the agents; empty for one agent.

    Raises:
        RunError: something cannot be written.
    """
    for number, agent in enumerate(agents):
        folder = results / seed_folder(agent["seed"])
        _write_folder(folder, played.policies_of(number), played.records[number], agent)
    records = [record for of_agent in played.records for record in of_agent]
    _write_folder(results, played.policies, records, summary)


def _write_folder(
    folder: Path,
    policies: Mapping[str, PolicyResult],
    records: Sequence[PolicyResult],
    summary: dict[str, Any],
) -> None:
    """The summary last: where there is one, the rest is there too."""
    trades = [result.table.assign(policy=name) for name, result in policies.items()]
    daily = pd.DataFrame({name: result.daily for name, result in policies.items()})
    guards = pd.concat([guard_table(one.records) for one in records if one.records is not None])
    if len(records) > 1:
        kinds = [name for name in guards.columns if name != "count"]
        guards = pd.DataFrame(guards.groupby(kinds, as_index=False)["count"].sum())
    write_parquet(folder / "trades.parquet", pd.concat(trades, ignore_index=True))
    write_parquet(folder / "guard_stats.parquet", guards)
    write_parquet(folder / "daily.parquet", daily.fillna(0.0).rename_axis("date").reset_index())
    write_document(folder / "summary.json", summary, Summary)
