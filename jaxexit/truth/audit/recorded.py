"""The audit of a trained version's result, kept beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from jaxexit import terminal
from jaxexit.data import Dataset
from jaxexit.errors import RunError
from jaxexit.lab.recorded import recorded_audit
from jaxexit.lab.trained import TrainedVersion
from jaxexit.truth.audit.run import audit_version


def audit_and_record(
    version: TrainedVersion,
    dataset: Dataset,
    split: str,
    *,
    seed: int = 0,
    on_check: Callable[[str], None] = lambda name: None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Audit a version's result; keep the findings beside it, in the registry and in the README.

    Where the run folder cannot be written, as in an archive, that is a note.

    Args:
        version: whose result.
        dataset: its data.
        split: on which trades.
        seed: of cuts, histories and null markets.
        on_check: called with each check's name before it begins.

    Returns:
        (record of the audit, the result's summary as it reads after it).

    Raises:
        RunError: there is no recorded result, or its checkpoint is gone.
    """
    experiment = version.experiment
    summary, findings = audit_version(
        experiment,
        dataset,
        version.folder,
        version.registry,
        split=split,
        seed=seed,
        on_check=on_check,
    )
    record = {
        "version": experiment.version,
        "split": split,
        "seed": seed,
        "checkpoint": summary["checkpoint"],
        "passed": all(finding.severity != "fail" for finding in findings),
        "findings": [asdict(finding) for finding in findings],
    }
    try:
        summary = recorded_audit(version, summary, split, record)
    except RunError as error:
        terminal.note(f"the findings are not recorded: {error}")
    return record, summary
