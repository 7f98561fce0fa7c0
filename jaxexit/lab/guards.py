"""What guards did to a version: attempts and blocks in training, and the same trades with each guard off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from jaxexit.config import Experiment, experiment_sha256
from jaxexit.config.trading import Guards
from jaxexit.evaluate import Backtest
from jaxexit.evaluate.joint import joint_result
from jaxexit.evaluate.statistics import compare
from jaxexit.lab.tracking import read_metrics
from jaxexit.lab.trained import TrainedVersion
from jaxexit.lab.training import agent_params, agent_seeds, learned_policy, state_template

_OPEN: dict[Any, Any] = {float: -1.0, int: 0}  # a long cannot lose more than its price
OFF: dict[str, Any] = {
    name: _OPEN[field.annotation]
    for name, field in Guards.model_fields.items()
    if field.annotation in _OPEN and name != "min_bars_for_trail"
}
"""The value of each guard with which it blocks nothing. TRAIL_BE at bar 0 has nothing to break even with:
that is no guard, and stays."""


def attempts_in_training(version: TrainedVersion) -> pd.DataFrame:
    """Attempts of every update, from metrics.jsonl; of several seeds their sum.

    Columns: env_steps, action, rules (joined by "+", empty: not blocked), bar, profit_band, count, blocked.
    """
    rows = [
        (line["env_steps"], *kind)
        for line in read_metrics(version.folder.metrics)
        for kind in line["guards"]
    ]
    names = ["env_steps", "action", "rules", "bar", "profit_band", "count"]
    table = pd.DataFrame(rows, columns=pd.Index(names))
    return table.assign(blocked=table["rules"] != "")


def attempts_in_backtest(version: TrainedVersion, split: str = "test") -> pd.DataFrame:
    """guard_stats.parquet of a split: action, rules, k, profit_band, blocked, count."""
    return pd.read_parquet(version.folder.results(split) / "guard_stats.parquet")


def switched_off(experiment: Experiment, guard: str) -> Experiment:
    """The experiment with one guard (a key of `OFF`) that blocks nothing."""
    guards = experiment.guards.model_copy(update={guard: OFF[guard]})
    return experiment.model_copy(update={"guards": guards})


def guards_in_force(experiment: Experiment) -> list[str]:
    """Those that block something."""
    return [name for name, off in OFF.items() if getattr(experiment.guards, name) > off]


def without_each_guard(
    version: TrainedVersion,
    split: str = "test",
    *,
    on_guard: Callable[[str], None] = lambda name: None,
) -> pd.DataFrame:
    """The best network's trades with each guard off, one at a time, against the same trades as they were.

    The network is the trained one: it never learned what to do without the guard. So this is what the guard
    forbids at the end of training, not what training without it would have given. Each guard on the test
    split is a look, and counted; the same look again shows nothing new, and is not.

    Args:
        version: a trained one.
        split: which trades.
        on_guard: called with each guard before it is played.

    Returns:
        A row for each guard in force, and for "all of them" off: the net result a trade with the guard off
        (`net_pips`, its unit in the name), `guard_gives` (net a trade that the guard adds, paired),
        its 95% interval `low` and `high`,
        `bars_held`, `exits_at_bar_0` (share of trades), `verdict`.
    """
    experiment, dataset = version.experiment, version.dataset()
    store = version.folder.checkpoints(experiment)
    checkpoint = store.restore("best", state_template(experiment, dataset))
    params = agent_params(experiment, checkpoint, "best")
    policy = learned_policy(experiment)

    def played(rules: Experiment) -> tuple[pd.DataFrame, float]:
        """Trades of all agents together, and the share that each leaves by EXIT at bar 0."""
        backtest = Backtest(rules, dataset, split)
        each = [
            backtest.play(policy, own, seed=seed)
            for seed, own in zip(agent_seeds(experiment), params, strict=True)
        ]
        joint = each[0] if len(each) == 1 else joint_result(each)
        at_once = [
            (one.table["exit_reason"].to_numpy(str) == "EXIT")
            & (one.table["bars_held"].to_numpy(int) == 0)
            for one in each
        ]
        return joint.table, float(np.mean(at_once))

    as_trained, _ = played(experiment)
    names = guards_in_force(experiment)
    looks = version.registry.version(experiment.version).get("test_evaluations", ())
    proof = {
        "snapshot_sha256": experiment_sha256(experiment),
        "checkpoint_sha256": checkpoint.sha256,
        "step": checkpoint.step,
    }
    variants = {name: switched_off(experiment, name) for name in names}
    everything = experiment
    for name in names:
        everything = switched_off(everything, name)
    if len(names) > 1:
        variants["all of them"] = everything
    rows, net = [], dataset.unit.key("net")
    for name, rules in variants.items():
        on_guard(name)
        look = {**proof, "guards_off": name}
        if split == "test" and not any(look.items() <= seen.items() for seen in looks):
            version.registry.count_look(experiment.version, look)
        table, at_once = played(rules)
        found = compare(as_trained, table)
        rows.append(
            {
                "guard": name,
                "value": getattr(experiment.guards, name, None),
                net: table[net].mean(),
                "guard_gives": found.net.value,
                "low": found.net.low,
                "high": found.net.high,
                "bars_held": table["bars_held"].mean(),
                "exits_at_bar_0": at_once,
                "verdict": found.verdict,
            }
        )
    return pd.DataFrame(rows)
