"""Several agents of one version: the record of all of them together, and how they spread.

A version of N agents trades each of them with an Nth of the size: every trade's result is the mean over the
agents, and so is every bar's. No agent is chosen, so there is no selection bias.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxexit.env.types import ACTIONS
from jaxexit.evaluate.backtest import PolicyResult
from jaxexit.evaluate.table import OF_ONE_POSITION
from jaxexit.metrics import METRICS, SPREAD
from jaxexit.units import of

SEEDS_DIFFER = "SEEDS_DIFFER"
"""Exit reason of a trade for which the agents' reasons differ."""


def joint_result(results: Sequence[PolicyResult]) -> PolicyResult:
    """The record of several agents that each trade an equal share.

    Money, costs, bars held, MFE and MAE of a trade are means over the agents, attempts and blocks too; it is
    ambiguous where it is for one of them, and it ends when the last of them closes it. Fills and stops belong
    to a single position and are left out.

    Args:
        results: of the same trades in the same order.
    """
    tables = [result.table for result in results]
    first = tables[0]
    joint = first.drop(columns=[name for name in OF_ONE_POSITION if name in first])
    names = list(joint.columns)
    for name in names[names.index("entry_fill") :]:
        columns = [table[name] for table in tables]
        if name == "exit_time":
            joint[name] = np.max(np.stack([c.to_numpy("datetime64[ns]") for c in columns]), axis=0)
            joint[name] = joint[name].dt.tz_localize("UTC")
        elif name == "exit_reason":
            reasons = np.stack([column.to_numpy(str) for column in columns])
            alike = (reasons == reasons[0]).all(axis=0)
            joint[name] = np.where(alike, reasons[0], SEEDS_DIFFER)
        elif name == "ambiguous":
            joint[name] = np.any([column.to_numpy(bool) for column in columns], axis=0)
        else:
            joint[name] = np.mean([column.to_numpy(float) for column in columns], axis=0)
    marks = results[0].marks.copy()
    marks[:] = np.mean([result.marks.to_numpy(float) for result in results], axis=0)
    return results[0]._replace(table=joint, marks=marks, records=None)


def counted_together(each: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The counts of several agents' metrics as means over them.

    Args:
        each: metrics of each agent (`evaluate.metrics.summarise`).
    """
    reasons = sorted({reason for agent in each for reason in agent["exit_reasons"]})
    means: dict[str, Any] = {
        "exit_share_by_bar": np.mean(
            [agent["exit_share_by_bar"] for agent in each], axis=0
        ).tolist(),
        "exit_reasons": {
            reason: _mean([agent["exit_reasons"].get(reason, 0) for agent in each])
            for reason in reasons
        },
    }
    for name in ("actions", "blocked"):
        means[name] = {action: _mean([agent[name][action] for agent in each]) for action in ACTIONS}
    return means


def spread(each: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float] | None]:
    """How the agents' metrics are spread: by metric the mean, sample standard deviation, min, median, max.

    Args:
        each: metrics of each of at least two agents.

    Returns:
        None for a metric that an agent does not have (a Sharpe ratio without variation).
    """
    across: dict[str, dict[str, float] | None] = {}
    for name in (METRICS[metric].key(of(each[0])) for metric in SPREAD):
        values = [agent[name] for agent in each]
        if any(value is None for value in values):
            across[name] = None
            continue
        numbers = np.asarray(values, float)
        across[name] = {
            "mean": float(numbers.mean()),
            "standard_deviation": float(numbers.std(ddof=1)),
            "min": float(numbers.min()),
            "median": float(np.median(numbers)),
            "max": float(numbers.max()),
        }
    return across


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
