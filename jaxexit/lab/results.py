"""The backtest of a trained version: played, written to its run folder, entered in the registry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from jaxexit.config import Experiment, experiment_sha256
from jaxexit.data import Dataset
from jaxexit.evaluate import Backtest, daily_net_pips, guard_table
from jaxexit.lab.checkpoints import Which
from jaxexit.lab.files import write_json, write_parquet
from jaxexit.lab.registry import Registry
from jaxexit.lab.run import RunFolder
from jaxexit.lab.training import learned_policy, state_template

REGISTRY_METRICS = (
    "trades",
    "net_pips_mean",
    "net_pips_total",
    "sharpe_annual",
    "max_drawdown_pips",
    "win_rate",
    "profit_factor",
)


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

    Writes trades.parquet (every policy's trades), daily.parquet (net pips by day, marked to market, a
    column a policy), summary.json and guard_stats.parquet.

    Args:
        experiment: the frozen experiment of the run.
        yaml: the file it came from, for the registry.
        dataset: its data.
        folder: its run folder.
        registry: where the result is entered, with its hashes.
        which: which checkpoint.
        split: which trades.
        sample: draw the learned policy's actions instead of taking the likeliest.
        on_policy: called with each policy's name before it is played.

    Returns:
        (summary, the learned policy's trade table); the summary is the command's JSON object.
    """
    checkpoint = folder.checkpoints(experiment).restore(which, state_template(experiment, dataset))
    backtest = Backtest(experiment, dataset, split)
    policy = learned_policy(experiment, sample=sample)
    on_policy(policy.name)
    learned = backtest.play(policy, checkpoint.state.params, seed=experiment.seed, record=True)
    assert learned.records is not None
    baselines = backtest.baselines(learned.table, seed=experiment.seed, on_policy=on_policy)
    played = {policy.name: learned, **dict(baselines)}
    summary = {
        "version": experiment.version,
        "split": split,
        "checkpoint": {"step": checkpoint.step, "sha256": checkpoint.sha256},
        "snapshot_sha256": experiment_sha256(experiment),
        "policies": {name: backtest.summary(result) for name, result in played.items()},
    }
    results = folder.results(split)
    everything = [result.table.assign(policy=name) for name, result in played.items()]
    daily = pd.DataFrame({name: daily_net_pips(result.marks) for name, result in played.items()})
    write_parquet(results / "trades.parquet", pd.concat(everything, ignore_index=True))
    write_parquet(results / "guard_stats.parquet", guard_table(learned.records))
    write_parquet(results / "daily.parquet", daily.fillna(0.0).rename_axis("date").reset_index())
    write_json(results / "summary.json", summary)
    own = summary["policies"][policy.name]
    registry.register(experiment, yaml)
    registry.record_result(
        experiment.version,
        split,
        {name: own[name] for name in REGISTRY_METRICS},
        snapshot_sha256=experiment_sha256(experiment),
        checkpoint_sha256=checkpoint.sha256,
        step=checkpoint.step,
    )
    return summary, learned.table
