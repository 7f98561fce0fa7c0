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
        allow_failed: go on all the same. The run, and every result of it, says so for ever.

    Returns:
        {"passed": bool, "failed": [words], "warnings": [words]}

    Raises:
        DataError: something failed, and that is not allowed.
    """
    findings = audit_inputs(experiment, dataset)
    found = {
        severity: [finding for finding in findings if finding.severity == severity]
        for severity in ("fail", "warning")
    }
    if found["fail"] and not allow_failed:
        first, more = found["fail"][0], len(found["fail"]) - 1
        others = f" (and {more} more)" if more else ""
        raise DataError(
            f"the audit before training failed: {first.what}: {first.size}{others}; {first.advice}, or go on "
            f"with {FLAG}, which marks the run and its results for ever"
        )
    words = {severity: [f.what for f in some] for severity, some in found.items()}
    return {"passed": not found["fail"], "failed": words["fail"], "warnings": words["warning"]}


def warn(audit: dict[str, Any]) -> None:
    """Say what the audit before a training saw, where it was overruled or only doubted."""
    for words in audit["failed"]:
        terminal.note(f"AUDIT FAILED AND IS OVERRULED: {words}; every result of this run says so")
    for words in audit["warnings"]:
        terminal.note(f"audit: {words}")
