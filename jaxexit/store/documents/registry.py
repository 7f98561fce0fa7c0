"""The registry: versions and their rows, sweeps, looks, and where its journal stood."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from jaxexit.store.documents.figures import Figures
from jaxexit.store.documents.parts import (
    ABSENT,
    Amount,
    Change,
    Count,
    Document,
    FilePath,
    Instant,
    Interval,
    Numbers,
    Part,
    Sha256,
    Version,
    Whole,
)

REGISTRY_SCHEMA = 2


class Look(Part):
    """An evaluation on a test split."""

    snapshot_sha256: Sha256 | None = None
    checkpoint_sha256: Sha256 | None = None
    step: Whole | None = None
    checkpoint: str | None = None
    sampled: bool = False
    evaluated: Instant | None = None
    seeds: Count = 1
    split: str = "test"
    folds: Count | None = None
    baselines: list[str] = Field(default_factory=list)
    distilled: Sha256 | None = None
    rules: Count | None = None
    looked_at: LookedAt | None = None


class LookedAt(Part):
    """Which data a look was at, by hashes: two looks whose bars are the same and whose times meet overlap."""

    bars: str
    file: str | None
    first: Instant
    last: Instant
    split: Sha256
    costs: Sha256
    entries: Sha256


class UnregisteredLook(Look):
    """The same of a run that is kept in no registry."""

    version: Version


class Result(Figures):
    """What a checkpoint earned on a split, with its proof."""

    snapshot_sha256: Sha256
    checkpoint_sha256: Sha256
    step: Whole
    evaluated: Instant | None = None
    intervals: dict[str, Interval | None] = Field(default_factory=dict)
    seeds: Count = ABSENT
    across_seeds: dict[str, Numbers | None] = ABSENT
    folds: Count = ABSENT
    layout: Literal["rolling", "anchored"] = ABSENT


class Process(Part):
    """Which process trains."""

    pid: Whole
    host: str


class Replaced(Part):
    """What older registries say of a run that was overwritten."""

    began: Instant | None = None


class Row(Part):
    """A version."""

    status: Literal["pending", "running", "completed", "failed"]
    created: Instant | None = None
    path: FilePath | None = None
    parent: Version | None = None
    description: str | None = None
    changes: dict[str, Change] = Field(default_factory=dict)
    process: Process = ABSENT
    git_commit: str | None = None
    snapshot_sha256: Sha256 | None = None
    trained_steps: Whole | None = None
    wall_seconds: Amount = 0.0
    wall_seconds_before: Amount = 0.0
    results: dict[str, Result] = Field(default_factory=dict)
    test_evaluations: list[Look] = Field(default_factory=list)
    deployed: dict[str, Any] | None = None
    replaced: Replaced | None = None

    @model_validator(mode="after")
    def _steps_take_time(self) -> Row:
        """`trained_steps` and `wall_seconds` are shown together."""
        if self.trained_steps and "wall_seconds" not in self.model_fields_set:
            raise ValueError("wall_seconds: missing, expected: the seconds that trained_steps took")
        return self


class Sweep(Part):
    """A sweep, counted as the trials that it is."""

    name: str
    version: Version
    trials: Count
    plan_sha256: Sha256
    started: Instant | None = None


class Standing(Part):
    """How far the journal had come when the registry was written."""

    entries: Count
    bytes: Count
    head: Sha256
    content: Sha256


class RegistryDocument(Document):
    """`registry.json`."""

    NEWEST: ClassVar[int] = REGISTRY_SCHEMA
    KEEPS_VERSION: ClassVar[bool] = True
    MEND: ClassVar[str] = "restore it from git"

    schema_version: int = Field(ge=1)
    active_version: Version | None = None
    versions: dict[Version, Row]
    sweeps: list[Sweep] = Field(default_factory=list)
    unregistered_looks: list[UnregisteredLook] = Field(default_factory=list)
    journal: Standing | None = None
