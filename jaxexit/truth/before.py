"""The audit before a training: what the experiment brings is looked at before anything is learned from it."""

from __future__ import annotations

from typing import Any

from jaxexit import terminal
from jaxexit.config import Experiment
from jaxexit.data import Dataset
from jaxexit.errors import DataError
from jaxexit.truth.audit import audit_inputs

FLAG = "--allow-failed-audit"


def audited_before(
    experiment: Experiment, dataset: Dataset, *, allow_failed: bool
) -> dict[str, Any]:
    """Audit columns, entries and costs; what the run's provenance says of it.

    Args:
        experiment: what is to be trained.
        dataset: its data.
        allow_failed: train anyway. The run and all its results say so from then on.

    Returns:
        {"passed": bool, "failed": [words], "warnings": [words]}

    Raises:
        DataError: something failed, and that is not allowed.
    """
    findings = audit_inputs(experiment, dataset)
    by_severity = {
        severity: [finding for finding in findings if finding.severity == severity]
        for severity in ("fail", "warning")
    }
    if by_severity["fail"] and not allow_failed:
        first, more = by_severity["fail"][0], len(by_severity["fail"]) - 1
        others = f" (and {more} more)" if more else ""
        raise DataError(
            f"the audit before training failed: {first.what}: {first.size}{others}; {first.advice}, or train "
            f"anyway with {FLAG} (in Python: allow_failed_audit=True), which marks the run and its results "
            "for good"
        )
    words = {severity: [f.what for f in some] for severity, some in by_severity.items()}
    return {
        "passed": not by_severity["fail"],
        "failed": words["fail"],
        "warnings": words["warning"],
    }


def warn(audit: dict[str, Any]) -> None:
    """Say what the audit before a training saw, where it was overruled or only doubted."""
    for words in audit["failed"]:
        terminal.note(f"AUDIT FAILED AND IS OVERRULED: {words}; every result of this run says so")
    for words in audit["warnings"]:
        terminal.note(f"audit: {words}")
