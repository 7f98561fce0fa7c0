"""What is written beside results: audits, settings of baselines, tables of sweeps."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from jaxexit import units
from jaxexit.store.documents.parts import (
    Count,
    Document,
    Part,
    Run,
    Sha256,
    UnitName,
    Version,
    Whole,
    fault,
)
from jaxexit.store.documents.results import Settings


class Finding(Part):
    """A finding of an audit."""

    check: str
    severity: Literal["pass", "note", "warning", "fail"]
    what: str
    size: str = ""
    where: str = ""
    advice: str = ""


class Audit(Document):
    """`audit.json` beside a result."""

    MEND: ClassVar[str] = "run the audit again"

    schema_version: Literal[1] = 1
    version: Run | None = None
    split: str | None = None
    seed: Whole | None = None
    passed: bool | None = None
    snapshot_sha256: Sha256
    checkpoint_sha256: Sha256
    findings: list[Finding]


class Baselines(Document):
    """`results/baselines.json`: settings tuned on train."""

    MEND: ClassVar[str] = "remove it: the settings are tuned again"

    schema_version: Literal[1] = 1
    snapshot_sha256: Sha256
    evaluations_each: Count | dict[str, Any] | None = None
    settings: dict[str, Settings]


class Trial(Part):
    """A trial of a sweep."""

    trial: Whole
    parameters: dict[str, Any]
    status: Literal["completed", "failed"]


class SweepTable(Document):
    """`sweeps/<name>.json`."""

    MEND: ClassVar[str] = "move it away and run the sweep again"

    schema_version: Literal[1] = 1
    sweep: str
    experiment: Version
    trials: Count
    sha256: Sha256 | None = None
    unit: UnitName = units.PIPS.name
    training: dict[str, Any] | None = None
    results: Annotated[list[Trial], Field(min_length=1)]

    @model_validator(mode="after")
    def _scores(self) -> SweepTable:
        if len(self.results) != self.trials:
            raise fault("trials: expected as many as there are results")
        if len({row.trial for row in self.results}) != self.trials:
            raise fault("results: expected each trial once")
        key = units.score_key(self.unit)
        for number, row in enumerate(self.results):
            score = (row.model_extra or {}).get(key, "missing")
            if score is not None and (
                isinstance(score, bool) or not isinstance(score, int | float)
            ):
                raise fault(f"results.{number}.{key}: expected a number or null")
        if self.sha256 is not None:
            steps = (self.training or {}).get("trained_steps")
            if type(steps) is not int or steps < 0:
                raise fault("training.trained_steps: expected a whole number from 0 up")
        return self
