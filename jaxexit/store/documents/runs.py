"""What a run folder says of a training: provenance, plans, checkpoints."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from jaxexit.store.documents.parts import (
    Amount,
    Count,
    Document,
    Finite,
    Part,
    Positive,
    Sha256,
    UnitName,
    Version,
    Whole,
    fault,
)
from jaxexit.store.documents.results import Calendar


class Agent(Part):
    """How far one agent has come."""

    name: str | None = None
    seed: Whole | None = None
    best_step: Whole | None = None
    best_score: Finite | None = None


class Manifest(Document):
    """`models/step_<n>/manifest.json`."""

    VERSION_KEY: ClassVar[str] = "format"
    MEND: ClassVar[str] = "restore it"

    format: Literal[1]
    step: Whole
    sha256: Sha256
    experiment_sha256: Annotated[str, Field(min_length=1, max_length=100)]
    shapes: dict[str, str]
    written: str | None = None
    files: dict[str, Sha256] | None = None
    update: Whole | None = None
    best_step: Whole | None = None
    best_score: Finite | None = None
    agents: list[Agent] | None = None


class Pointer(Document):
    """`models/best.json`, `models/final.json`."""

    MEND: ClassVar[str] = "use --checkpoint STEP"

    schema_version: Literal[1] = 1
    step: Whole


class Git(Part):
    """Which code."""

    commit: str | None
    dirty: bool | None


class Charges(Part):
    """`data.charges.Charges` as JSON."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    commission: Finite = 0.0
    commission_maker: Finite = 0.0
    commission_fixed: Finite = 0.0
    commission_minimum: Finite = 0.0
    slippage: Finite = 0.0
    slippage_fraction: Finite = 0.0
    swap_long: Finite = 0.0
    swap_long_fraction: Finite = 0.0
    swap_short: Finite = 0.0
    swap_short_fraction: Finite = 0.0
    funding: Finite | str = 0.0
    borrow: Finite = 0.0
    money: Finite | None = None


class Market(Part):
    """What results are counted in."""

    unit: UnitName
    unit_size: Positive
    market: str
    calendar: Calendar
    charges: Charges


class AuditBefore(Part):
    """The audit before a training."""

    passed: bool | None = None
    failed: list[str] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)


class Session(Part):
    """Where and how a run was trained or resumed."""

    started: str | None = None
    command: str | None = None
    git: Git | None = None
    packages: dict[str, str | None] = Field(default_factory=dict)
    python: str | None = None
    platform: str | None = None
    device: str | None = None
    devices: Count | None = None
    processes: Count | None = None
    in_memory: list[str] = Field(default_factory=list)


class Provenance(Document, Session):
    """`provenance.json`."""

    MEND: ClassVar[str] = "restore it, or start over with --overwrite"

    schema_version: Literal[1] = 1
    version: Version | None = None
    overrides: list[str] = Field(default_factory=list)
    seed: Whole | None = None
    precision: dict[str, Any] | None = None
    data: dict[str, dict[str, Any]] | None = None
    market: Market | None = None
    recipe: dict[str, str] | None = None
    audit: AuditBefore | None = None
    resumed: list[Session] = Field(default_factory=list)
    simulated: str | None = None

    @model_validator(mode="after")
    def _precision_is_one(self) -> Provenance:
        if self.precision is not None and not isinstance(self.precision.get("used"), str):
            raise fault("precision.used: expected text")
        return self


class Plan(Document):
    """`plan.json` of a sweep's or a walk-forward's training."""

    MEND: ClassVar[str] = "start over with --overwrite"

    schema_version: Literal[1] = 1
    sha256: Sha256


class MetricsLine(Document):
    """A line of `metrics.jsonl`: an update."""

    schema_version: Literal[1] = 1
    update: Whole
    env_steps: Whole = 0
    seconds: Amount = 0.0


class WandbRun(Document):
    """`wandb_run.json`: which run of Weights & Biases goes on."""

    MEND: ClassVar[str] = "remove it: another run begins there"

    schema_version: Literal[1] = 1
    id: Annotated[str, Field(min_length=1, max_length=128)]
    project: str | None = None
    url: str | None = None
