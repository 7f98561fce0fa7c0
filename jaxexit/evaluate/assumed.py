"""The same trades without finer bars: how many results `data.detail` changed, and by how much."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxexit.arrays import on_device
from jaxexit.data.detail import unresolved
from jaxexit.evaluate.backtest import Backtest
from jaxexit.evaluate.joint import joint_result
from jaxexit.evaluate.metrics import PolicyResult
from jaxexit.metrics import METRICS
from jaxexit.policies import CLASSICAL, Policy
from jaxexit.units import key, of, words


def without_detail(backtest: Backtest) -> Backtest:
    """A backtest of the same trades whose bars are not looked into: stop and target in one bar is the stop.

    Every bar stands in the place of its own finer bars, so that the program that plays is there already.

    Args:
        backtest: of an experiment with `data.detail`.
    """
    world = backtest.world
    assert world.market.detail is not None
    bid, ask = np.asarray(world.market.bid), np.asarray(world.market.ask)
    whole = on_device(unresolved(bid, ask, world.market.detail.shape[-1]))
    other = copy.copy(backtest)
    other.world = world._replace(market=world.market._replace(detail=whole))
    return other


def assumed_of(
    backtest: Backtest, policy: Policy, agents: Mapping[int, Any]
) -> dict[str, PolicyResult]:
    """A policy and the classical exit on the same trades without finer bars, by name.

    Args:
        backtest: of an experiment with `data.detail`.
        policy: the learned one.
        agents: by seed, the numbers of each agent.
    """
    other = without_detail(backtest)
    results = [other.play(policy, params, seed=seed) for seed, params in agents.items()]
    joint = results[0] if len(results) == 1 else joint_result(results)
    return {policy.name: joint, CLASSICAL.name: other.play(CLASSICAL, ())}


def decided(
    detail: Mapping[str, int | str],
    results: Mapping[str, PolicyResult],
    assumed: Mapping[str, PolicyResult],
) -> dict[str, Any]:
    """What finer bars changed, for the summary of a backtest.

    Args:
        detail: fingerprint of the finer bars.
        results: by policy, with them.
        assumed: by policy, the same trades without them (`without_detail`).
    """
    policies = {}
    for name, result in results.items():
        pair = {"": result.table, "_assumed": assumed[name].table}
        net = {
            which: table[key(result.unit, "net")].to_numpy(float) for which, table in pair.items()
        }
        changed, mean = net[""] != net["_assumed"], key(result.unit, "net", "mean")
        policies[name] = {
            "changed_trades": int(changed.sum()),
            "changed_share": float(changed.mean()),
            **{f"{mean}{which}": float(values.mean()) for which, values in net.items()},
            **{
                f"ambiguous_share{which}": float(table["ambiguous"].to_numpy(float).mean())
                for which, table in pair.items()
            },
        }
    known = {name: detail[name] for name in ("rows", "sha256", "bars_without")}
    return {**known, "policies": policies}


def detail_line(summary: Mapping[str, Any]) -> str | None:
    """What a summary says of finer bars, in words; None: there were none."""
    found = summary.get("detail")
    if found is None:
        return None
    unit, metric = of(summary), METRICS["net_mean"]
    form, name = metric.form(unit), metric.key(unit)
    parts = [
        f"{one['changed_share']:.1%} of the trades under {policy} (net {words(unit)} a trade "
        f"{one[name]:{form}}, with the stop assumed {one[f'{name}_assumed']:{form}})"
        for policy, one in found["policies"].items()
    ]
    return f"Finer bars changed the result of {' and of '.join(parts)}."
