"""What a report is made of: a version's run folder, read, checked, and its decisions replayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxexit.config import Experiment, experiment_sha256
from jaxexit.data import Dataset
from jaxexit.errors import RunError
from jaxexit.evaluate import Backtest
from jaxexit.lab.trained import TrainedVersion
from jaxexit.lab.training import agent_params, learned_policy, seed_folder, state_template
from jaxexit.learners import learner_of
from jaxexit.report.replay import Decisions, replay
from jaxexit.store.documents import Summary, read_document
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder
from jaxexit.store.tracking import read_metrics
from jaxexit.store.verification import audited as audit_of
from jaxexit.store.verification import with_audit
from jaxexit.truth.audit import Finding, audit_version
from jaxexit.units import Unit

TOLERANCE = 0.01  # grains of the unit: between machines; on one machine a replay is exact


@dataclass(frozen=True)
class ReportedRun:
    """One version on one split.

    Attributes:
        experiment: the frozen experiment.
        backtest: its data and rules on the split.
        folder: the run folder.
        summary: summary.json.
        tables: trade table of each policy, the learned one first; the same trades in the same order.
        daily: net results by day, a column a policy, and `date`.
        guards: guard_stats.parquet.
        metrics: lines of metrics.jsonl.
        provenance: provenance.json.
        decisions: every decision of the learned policy.
        findings: of the audit; None where it was not asked for.
        together: of a version with several agents the summary of all; the rest is the first agent's.
    """

    experiment: Experiment
    backtest: Backtest
    folder: Path
    summary: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    daily: pd.DataFrame
    guards: pd.DataFrame
    metrics: list[dict[str, Any]]
    provenance: dict[str, Any]
    decisions: Decisions
    findings: tuple[Finding, ...] | None = None
    together: dict[str, Any] | None = None

    @property
    def dataset(self) -> Dataset:
        """Its data."""
        return self.backtest.dataset

    @property
    def split(self) -> str:
        """Which trades."""
        return self.backtest.split

    @property
    def version(self) -> str:
        """The version's name."""
        return self.experiment.version

    @property
    def learned(self) -> str:
        """The learned policy's name in summary and tables."""
        return next(iter(self.summary["policies"]))

    @property
    def table(self) -> pd.DataFrame:
        """The learned policy's trades."""
        return self.tables[self.learned]


def numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    """A column as float64."""
    return table[name].to_numpy(float)


def read_run(version: TrainedVersion, split: str) -> ReportedRun:
    """Read a version's results and replay them; of several agents those of the first.

    Args:
        version: a trained one.
        split: "train", "validation" or "test".

    Raises:
        RunError: there are no results on the split, or they are not what this code and these data give.
    """
    folder, experiment = version.folder, version.experiment
    results = folder.results(split)
    again = f"run: python -m jaxexit.backtest {version.yaml} --split {split}"
    together = None
    if experiment.seeds > 1:
        together = read_document(results / "summary.json", Summary)
        results = results / seed_folder(experiment.seed)
    summary = read_document(results / "summary.json", Summary)
    if summary is None:
        raise RunError(f"{results}: no results of {experiment.version} on {split}; {again}")
    if summary["snapshot_sha256"] != experiment_sha256(experiment):
        raise RunError(f"{results}: the results are of another snapshot of the experiment; {again}")
    everything, daily, guards = (
        _read_table(results / f"{table}.parquet", again)
        for table in ("trades", "daily", "guard_stats")
    )
    of_policy = everything["policy"].to_numpy(str)
    tables = {
        policy: everything.iloc[np.flatnonzero(of_policy == policy)].reset_index(drop=True)
        for policy in summary["policies"]
    }
    summary = with_audit(folder, split, summary)
    backtest = Backtest(experiment, version.dataset(), split)
    return ReportedRun(
        experiment=experiment,
        backtest=backtest,
        folder=folder.path,
        summary=summary,
        tables=tables,
        daily=daily,
        guards=guards,
        metrics=read_metrics(folder.metrics),
        provenance=folder.provenance(),
        decisions=_replayed(experiment, backtest, folder, summary, tables, again),
        together=together,
    )


def audited(run: ReportedRun, on_check: Callable[[str], None] = lambda name: None) -> ReportedRun:
    """The run with what the audit finds."""
    root = run.folder.parent
    _, findings = audit_version(
        run.experiment,
        run.dataset,
        RunFolder(root, run.version),
        Registry(root),
        split=run.split,
        on_check=on_check,
    )
    summary = run.summary
    if "verified" in summary:
        summary = {**summary, **audit_of(summary, [asdict(finding) for finding in findings])}
    return replace(run, findings=tuple(findings), summary=summary)


def _replayed(
    experiment: Experiment,
    backtest: Backtest,
    folder: RunFolder,
    summary: dict[str, Any],
    tables: dict[str, pd.DataFrame],
    again: str,
) -> Decisions:
    """The decisions behind a result, after checking that they lead to that result."""
    name, stored = next(iter(tables.items()))
    checkpoint = folder.checkpoints(experiment).restore(
        summary["checkpoint"]["step"], state_template(experiment, backtest.dataset)
    )
    if checkpoint.sha256 != summary["checkpoint"]["sha256"]:
        raise RunError(f"{folder.path}: the results are of another checkpoint; {again}")
    policy = next(
        (
            policy
            for policy in (learned_policy(experiment, sample=sample) for sample in (False, True))
            if policy.name == name
        ),
        None,
    )
    if policy is None:
        raise RunError(f"{folder.path}: the results are of an unknown policy '{name}'; {again}")
    params = agent_params(experiment, checkpoint, summary["which"])[0]
    played = backtest.play(policy, params, seed=experiment.seed, record=True)
    assert played.records is not None
    _check_same(stored, played.table, backtest.dataset.unit, f"{folder.path}: {again}")
    return replay(
        backtest.spec,
        backtest.world,
        learner_of(experiment),
        params,
        np.asarray(played.records.taken),
        np.asarray(played.records.chosen),
    )


def _check_same(stored: pd.DataFrame, played: pd.DataFrame, unit: Unit, where: str) -> None:
    """Refuse to explain results that a replay does not lead to."""
    net = unit.key("net")
    if net not in stored:
        raise RunError(f"{where} (the stored results are not in {unit.words})")
    if not np.array_equal(stored["trade_id"], played["trade_id"]):
        raise RunError(f"{where} (the stored results are of other trades)")
    odd = (stored["exit_reason"].to_numpy(str) != played["exit_reason"].to_numpy(str)) | (
        np.abs(stored[net] - played[net]) > TOLERANCE * unit.grain
    )
    if odd.any():
        raise RunError(
            f"{where} (the code has changed since: {odd.sum():,} of {len(odd):,} trades end differently)"
        )


def _read_table(path: Path, again: str) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError):
        raise RunError(f"{path}: cannot be read; {again}") from None


def check_comparable(runs: Sequence[ReportedRun]) -> None:
    """Refuse to compare runs of different trades.

    Raises:
        RunError: other bars, other trades, or the same version twice.
    """
    first = runs[0]
    for number, run in enumerate(runs[1:], 1):
        if any(run.version == other.version for other in runs[:number]):
            raise RunError(f"{run.version}: is given twice; give another version to compare with")
        same = run.dataset.fingerprint["bars"] == first.dataset.fingerprint["bars"] and all(
            np.array_equal(run.table[name], first.table[name])
            for name in ("trade_id", "entry_time", "direction")
        )
        if not same:
            raise RunError(
                f"{run.version} and {first.version} were not backtested on the same trades; compare versions "
                "of the same data and split"
            )
