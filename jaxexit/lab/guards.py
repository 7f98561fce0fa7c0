"""What guards did to a version: attempts and blocks in training, and the same trades with each guard off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd

from jaxexit.config import Experiment
from jaxexit.config.trading import Guards
from jaxexit.data import Dataset
from jaxexit.evaluate import Backtest
from jaxexit.evaluate.joint import joint_result
from jaxexit.evaluate.statistics import compare
from jaxexit.lab.summaries import proof_of
from jaxexit.lab.trained import TrainedVersion
from jaxexit.lab.training import agent_params, agent_seeds, learned_policy, state_template
from jaxexit.store.tracking import read_metrics

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
    split is a test evaluation, and counted; the same again shows nothing new, and is not.

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
    as_trained, _ = _played(experiment, dataset, split, params)
    known = version.registry.version(experiment.version).get("test_evaluations", ())
    proof = proof_of(experiment, checkpoint)
    rows, net = [], dataset.unit.key("net")
    for name, rules in _variants(experiment).items():
        on_guard(name)
        evaluation = {**proof, "guards_off": name}
        if split == "test" and not any(evaluation.items() <= other.items() for other in known):
            version.registry.record_test_evaluation(experiment.version, evaluation)
        table, at_once = _played(rules, dataset, split, params)
        difference = compare(as_trained, table)
        rows.append(
            {
                "guard": name,
                "value": getattr(experiment.guards, name, None),
                net: table[net].mean(),
                "guard_gives": difference.net.value,
                "low": difference.net.low,
                "high": difference.net.high,
                "bars_held": table["bars_held"].mean(),
                "exits_at_bar_0": at_once,
                "verdict": difference.verdict,
            }
        )
    return pd.DataFrame(rows)


def _variants(experiment: Experiment) -> dict[str, Experiment]:
    """The experiment with each guard in force off, and with all of them off where there are several."""
    names = guards_in_force(experiment)
    variants = {name: switched_off(experiment, name) for name in names}
    if len(names) > 1:
        variants["all of them"] = reduce(switched_off, names, experiment)
    return variants


def _played(
    rules: Experiment, dataset: Dataset, split: str, params: Sequence[Any]
) -> tuple[pd.DataFrame, float]:
    """Trades of all agents together, and the share that each leaves by EXIT at bar 0."""
    backtest, policy = Backtest(rules, dataset, split), learned_policy(rules)
    agents = [
        backtest.play(policy, network, seed=seed)
        for seed, network in zip(agent_seeds(rules), params, strict=True)
    ]
    joint = agents[0] if len(agents) == 1 else joint_result(agents)
    at_once = [
        (agent.table["exit_reason"].to_numpy(str) == "EXIT")
        & (agent.table["bars_held"].to_numpy(int) == 0)
        for agent in agents
    ]
    return joint.table, float(np.mean(at_once))
