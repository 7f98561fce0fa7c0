"""Results that are on record: the headline as it stands, and what an audit found of one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jaxexit.config import Experiment, experiment_sha256
from jaxexit.data import Dataset
from jaxexit.lab.results import OnPolicy, backtest_version, register_result, results_name
from jaxexit.lab.trained import TrainedVersion
from jaxexit.store.checkpoints import Which
from jaxexit.store.documents import Summary, read_document
from jaxexit.store.readme import write_readme
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder
from jaxexit.store.verification import record_audit, with_audit


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
    if "verified" in known and not folder.is_archived:
        parts = {name: known[name] for name in ("verified", "unverified")}
        registry.record_audit(folder.version, split, summary["checkpoint"]["sha256"], parts)
        write_readme(folder, version.experiment, registry)
    return known


def headline(
    experiment: Experiment,
    yaml: Path,
    dataset: Dataset,
    folder: RunFolder,
    registry: Registry,
    *,
    on_policy: OnPolicy = lambda name: None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The headline on the test split, as it stands; played only if the best checkpoint has none yet.

    Returns: as `backtest_version`.
    """
    stored = _stored_headline(experiment, folder)
    if stored is None:
        return backtest_version(experiment, yaml, dataset, folder, registry, on_policy=on_policy)
    summary = stored[0]
    registered = registry.version(experiment.version).get("results", {}).get("test", {})
    if registered.get("checkpoint_sha256") != summary["checkpoint"]["sha256"]:
        register_result(summary, registry)  # a kill came between the files and the registry
    if not (folder.path / "README.md").exists():
        write_readme(folder, experiment, registry)
    return stored


def result_of(
    version: TrainedVersion,
    dataset: Dataset,
    *,
    which: Which,
    split: str,
    sample: bool,
    catalogue: Sequence[str],
    again: bool,
    on_policy: OnPolicy,
) -> tuple[dict[str, Any], Path]:
    """A version's backtest; the headline as it stands, unless it is asked for `again`.

    Args: as of `backtest_version`.

    Returns:
        (summary, the folder that it is kept in)
    """
    folder = version.folder
    given = (version.experiment, version.yaml, dataset, folder, version.registry)
    if split == "test" and which == "best" and not (sample or again or catalogue):
        summary, _ = headline(*given, on_policy=on_policy)
    else:
        summary, _ = backtest_version(
            *given,
            which=which,
            split=split,
            sample=sample,
            catalogue=catalogue,
            on_policy=on_policy,
        )
    return summary, folder.results(results_name(split, which, sampled=sample))


def _stored_headline(
    experiment: Experiment, folder: RunFolder
) -> tuple[dict[str, Any], pd.DataFrame] | None:
    """Summary and trades of the best checkpoint on test, None where they are not there, or another's."""
    store, results = folder.checkpoints(experiment), folder.results("test")
    summary, step = read_document(results / "summary.json", Summary), store.pointed("best")
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
    learned = table["policy"].to_numpy(str) == next(iter(summary["policies"]))
    return summary, table.iloc[np.flatnonzero(learned)]
