"""A sweep: variants of traced numbers trained in one program, compared on validation, counted as trials.

<root>/sweeps/<name>.json   the table of all trials, best on validation first
<root>/sweeps/<name>/       the training (see `lab.side_run`)
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxexit import units
from jaxexit.config import resolved
from jaxexit.config.text import dump_value
from jaxexit.data import Dataset
from jaxexit.env import make_world
from jaxexit.evaluate import Backtest
from jaxexit.lab.agents import Agent, AgentBatch
from jaxexit.lab.lines import Line
from jaxexit.lab.side_run import SideRun
from jaxexit.lab.sweep_plan import SweepPlan
from jaxexit.lab.training import (
    TrainingResult,
    agent_seeds,
    learned_policy,
    state_template,
    train_agents,
)
from jaxexit.learners import hyper_of, learner_of
from jaxexit.learning import make_mesh
from jaxexit.learning.precision import decided
from jaxexit.store.documents import SweepTable, write_document
from jaxexit.store.provenance import market_facts, provenance
from jaxexit.store.registry import Registry
from jaxexit.store.run import Start
from jaxexit.store.tracking import MetricsWriter

PER_TRIAL = (
    "params",
    "hindsight",
)  # fields of the world that the guards' and reward's numbers are part of


def side_run(plan: SweepPlan, root: Path) -> SideRun:
    """Where a sweep is trained."""
    content = {
        "experiment": resolved(plan.base),
        "method": plan.method,
        "settings": list(plan.settings),
    }
    path = root / "sweeps" / plan.name
    return SideRun(path, f"sweep {plan.name}", content, path.with_name(f"{plan.name}.json"))


def run_sweep(
    plan: SweepPlan,
    dataset: Dataset,
    root: Path,
    start: Start,
    *,
    devices: int | None = None,
    on_update: Callable[[Line], None] = lambda line: None,
) -> tuple[TrainingResult, dict[str, Any] | None]:
    """Train every trial of a sweep and rank them by their best validation.

    Every trial starts from the same seeds and is, on a CPU, bit for bit what a version with its numbers would
    be; one that diverges is marked as failed, and the others continue. The test split is not used. All
    trials are counted in the registry before anything is trained.

    Args:
        plan: what is varied.
        dataset: the base experiment's data.
        root: of registry and sweeps.
        start: whether it is new, resumed, or replaces an earlier one.
        devices: see `learning.make_mesh`.
        on_update: called with each line of metrics.

    Returns:
        (how the training ended, the table as written; None if it was interrupted)

    Raises:
        RunError: see `SideRun.check_start`; or no trial is left that has not diverged.
    """
    run, registry = side_run(plan, root), Registry(root)
    with run.locked():
        run.check_start(start)
        base = decided(plan.base, run.provenance() if start == "resume" else None)
        plan = replace(plan, base=base)
        agents = _agents(plan, dataset, devices)
        resumed = None
        if start == "resume":
            resumed = run.store.restore("last", state_template(plan.base, dataset, len(agents)))
        else:
            registry.count_sweep(plan.name, plan.base.version, len(plan.settings), run.sha256)
        run.begin(
            start,
            provenance(plan.base, dataset.fingerprint, agents.mesh, market=market_facts(dataset)),
        )
        result = train_agents(
            agents,
            plan.base,
            run.store,
            lambda done: MetricsWriter(run.metrics, after_update=done),
            resumed=resumed,
            on_update=on_update,
        )
        if result.interrupted:
            return result, None
        table = _table(plan, agents, result, run.sha256, registry, root)
        write_document(root / "sweeps" / f"{plan.name}.json", table, SweepTable)
        return result, table


def _agents(plan: SweepPlan, dataset: Dataset, devices: int | None) -> AgentBatch:
    agents = []
    for number, experiment in enumerate(plan.experiments):
        _, world = make_world(experiment, dataset, "train")
        validation, hyper = Backtest(experiment, dataset, "validation"), hyper_of(experiment)
        agents += [
            Agent(f"trial {number}, seed {seed}", seed, hyper, world, validation)
            for seed in agent_seeds(plan.base)
        ]
    spec, _ = make_world(plan.base, dataset, "train")
    learner, policy = learner_of(plan.base), learned_policy(plan.base)
    mesh = make_mesh(learner, len(agents), devices)
    return AgentBatch(spec, learner, policy, agents, PER_TRIAL, independent=True, mesh=mesh)


def _table(
    plan: SweepPlan,
    agents: AgentBatch,
    result: TrainingResult,
    sha256: str,
    registry: Registry,
    root: Path,
) -> dict[str, Any]:
    """All trials, best on validation first, failed ones last.

    Of several seeds a trial is their mean, never the best one; it has failed if one of them has.
    """
    seeds = plan.base.seeds
    best = np.asarray(agents.best_scores, float).reshape(-1, seeds)
    failed = np.array([when is not None for when in agents.failed_after]).reshape(-1, seeds)
    means = np.where(failed.any(axis=1), np.nan, best.mean(axis=1))
    order = np.argsort(-means, kind="stable")  # not-a-number last
    return {
        "sweep": plan.name,
        "experiment": plan.base.version,
        "overrides": list(plan.base.overrides),
        "method": plan.method,
        "parameters": {k: _plain(v) for k, v in plan.parameters.items()},
        "trials": len(plan.settings),
        "registry_trials": registry.trials(),
        "seeds": list(agent_seeds(plan.base)),
        "judged_on": "validation",
        "judged_by": units.key(agents.unit, "net", "mean"),
        "unit": agents.unit,
        "sha256": sha256,
        "training": asdict(result),
        "results": [
            {
                "trial": int(i),
                "parameters": plan.settings[i],
                "status": "failed" if failed[i].any() else "completed",
                units.score_key(agents.unit): None if failed[i].any() else float(means[i]),
                "validation_of_each_seed": [
                    agents.best_scores[i * seeds + n] for n in range(seeds)
                ],
                "best_steps": [agents.best_steps[i * seeds + n] for n in range(seeds)],
                "failed_after": [agents.failed_after[i * seeds + n] for n in range(seeds)],
            }
            for i in order
        ],
        "failed": int(failed.any(axis=1).sum()),
        "note": note_of(len(plan.settings)),
        "next": next_command(plan, plan.settings[order[0]], root),
    }


def note_of(trials: int) -> str:
    """What to know about the first of so many trials."""
    return (
        f"the first of {trials} on validation is flattered by having been chosen; make it a version and look "
        "at its own test"
    )


def next_command(plan: SweepPlan, setting: dict[str, Any], root: Path) -> str:
    """The command that makes a trial a version."""
    changes = [word for k, v in setting.items() for word in ("--set", f"{k}={dump_value(v)}")]
    new = ["python", "-m", "jaxexit.registry", "new", "v<N>_<name>", "--parent"]
    return shlex.join([*new, plan.base.version, *changes, "--root", str(root)])


def _plain(values: Any) -> Any:
    return list(values) if isinstance(values, tuple) else dict(values)
