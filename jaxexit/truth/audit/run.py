"""The audit of a policy, and of the recorded result of a trained version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jaxexit.config import Experiment
from jaxexit.data import Dataset
from jaxexit.errors import RunError
from jaxexit.lab.training import agent_params, learned_policy, seed_folder, state_template
from jaxexit.store.documents import Summary, read_document
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder
from jaxexit.truth.audit import (
    brought,
    degeneracy,
    fills,
    foresight,
    look_ahead,
    null,
    recomputed,
    replay,
    warm_up,
)
from jaxexit.truth.audit.finding import Finding
from jaxexit.truth.audit.subject import Subject, make_inputs, make_subject

# What can be asked of any policy on any data, in the order in which it is asked.
CHECKS: dict[str, Callable[[Subject], list[Finding]]] = {
    look_ahead.CHECK: look_ahead.check,
    recomputed.CHECK: recomputed.check,
    foresight.CHECK: foresight.check,
    brought.CHECK: brought.check,
    f"{foresight.CHECK} of exits": foresight.exits,
    warm_up.CHECK: warm_up.check,
    fills.CHECK: fills.check,
    degeneracy.CHECK: degeneracy.check,
    null.CHECK: null.check,
}


def audit_inputs(
    experiment: Experiment,
    dataset: Dataset,
    *,
    seed: int = 0,
    on_check: Callable[[str], None] = lambda name: None,
) -> list[Finding]:
    """The half of an audit that needs no policy, in a few seconds: what comes before every training."""
    inputs = make_inputs(experiment, dataset=dataset, seed=seed)
    on_check(recomputed.CHECK)
    findings = recomputed.check(inputs, recomputed.FEW_MOMENTS)
    on_check(foresight.CHECK)
    return [*findings, *foresight.check_brought(inputs), *brought.check(inputs)]


def audit_version(
    experiment: Experiment,
    dataset: Dataset,
    folder: RunFolder,
    registry: Registry,
    *,
    split: str = "test",
    seed: int = 0,
    on_check: Callable[[str], None] = lambda name: None,
) -> tuple[dict[str, Any], list[Finding]]:
    """Audit the recorded result of a trained version. Writes nothing.

    Of a version with several agents the first one's: the registry keeps the result of all, so there only the
    hashes are compared.

    Args:
        experiment: the frozen experiment of the run.
        dataset: its data.
        folder: its run folder.
        registry: where the result was entered.
        split: whose result.
        seed: of cuts, histories and null markets.
        on_check: called with each check's name before it begins.

    Returns:
        (summary as recorded, all findings).

    Raises:
        RunError: there is no recorded result, or its checkpoint is gone.
    """
    where = folder.results(split) / "summary.json"
    if experiment.seeds > 1:
        where = where.parent / seed_folder(experiment.seed) / where.name
    summary = read_document(where, Summary)
    if summary is None:
        raise RunError(
            f"{where}: no result to audit; run python -m jaxexit.backtest with --split {split} first"
        )
    policy = learned_policy(experiment)
    try:
        step, _ = int(summary["checkpoint"]["step"]), summary["policies"][policy.name]
    except (KeyError, TypeError, ValueError):
        raise RunError(f"{where}: is not a backtest's summary; run the backtest again") from None
    checkpoint = folder.checkpoints(experiment).restore(step, state_template(experiment, dataset))
    row = registry.load()["versions"].get(experiment.version, {}).get("results", {}).get(split, {})
    if experiment.seeds > 1:
        row = {name: row[name] for name in row if name.endswith("_sha256")}
    on_check(replay.CHECK)
    params = agent_params(experiment, checkpoint, summary["which"])[0]
    subject = make_subject(experiment, split, policy, params, dataset=dataset, seed=seed)
    findings = replay.check(subject, summary, row, checkpoint.sha256)
    for check, look in CHECKS.items():
        on_check(check)
        findings += look(subject)
    return summary, findings
