"""What is written of results: summaries, audits, settings of baselines, tables of sweeps."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from jaxexit import units
from jaxexit.store.documents.figures import Figures
from jaxexit.store.documents.parts import (
    Amount,
    Checkpoint,
    Count,
    Document,
    Finite,
    Interval,
    Numbers,
    Part,
    Positive,
    Run,
    Sha256,
    Share,
    UnitName,
    Version,
    Whole,
)

Settings = dict[str, Finite | bool | str | list[Finite | None] | None]


class Difference(Part):
    """The first policy minus this one, on the same trades."""

    verdict: str
    trades: Whole | None = None


class Policy(Figures):
    """What one policy did and earned."""

    trades: Whole
    exit_share_by_bar: list[Share]
    exit_reasons: dict[str, Amount]
    actions: dict[str, Amount]
    blocked: dict[str, Amount]
    intervals: dict[str, Interval] = Field(default_factory=dict)
    learned_minus: Difference | None = None
    tuned: Settings | None = None

    @model_validator(mode="after")
    def _difference_in_its_unit(self) -> Policy:
        if self.learned_minus is not None:
            interval = (self.learned_minus.model_extra or {}).get(self.unit)
            if interval is not None:
                Interval.model_validate(interval)
        if (self.model_extra or {}).get(net := units.key(self.unit, "net", "mean")) is None:
            raise PydanticCustomError("figure", f"{net}: missing, expected a number")
        return self


class Calendar(Part):
    """The days of a year."""

    name: str
    days_a_year: Positive


class Tested(Part):
    """What a test could see."""

    trades: Whole
    periods: Finite | None


class Power(Part):
    """What all tests of a result could see."""

    unit: UnitName
    validation: dict[str, Any]


class Agent(Figures):
    """One of several agents in a summary of all."""

    seed: Whole
    verdict: str
    intervals: dict[str, Interval]


class Piece(Part):
    """A part of a fold."""

    trades: Whole
    first_entry: str
    last_entry: str


class Fold(Part):
    """A fold of a walk-forward."""

    fold: Whole
    train: Piece
    test: Piece
    interval: Interval
    agents: list[dict[str, Any]] = Field(default_factory=list)
    tuned: dict[str, Settings] = Field(default_factory=dict)
    unit: UnitName = units.PIPS.name

    @model_validator(mode="after")
    def _net(self) -> Fold:
        net = (self.model_extra or {}).get(key := units.key(self.unit, "net", "mean"))
        if isinstance(net, bool) or not isinstance(net, int | float):
            raise PydanticCustomError("figure", f"{key}: missing or no number, expected a number")
        return self


class Decided(Part):
    """What finer bars changed under a policy."""

    changed_share: Share


class Detail(Part):
    """What finer bars changed."""

    policies: dict[str, Decided]


class Rule(Part):
    """A distilled rule."""

    words: str
    lines: list[dict[str, Any]]
    sha256: Sha256


class Summary(Document):
    """`summary.json` of a backtest, a walk-forward, an agent or a rule."""

    MEND: ClassVar[str] = "run the backtest again"

    schema_version: Literal[1] = 1
    version: Version
    split: str
    checkpoint: Checkpoint
    which: str = "best"
    sampled: bool = False
    unit: UnitName = units.PIPS.name
    unit_size: Positive | None = None
    market: str | None = None
    calendar: Calendar | None = None
    snapshot_sha256: Sha256
    verified: dict[str, bool] | None = None
    unverified: list[str] | None = None
    verdict: str
    policies: Annotated[dict[str, Policy], Field(min_length=1)]
    power: Power | None = None
    detail: Detail | None = None
    seed: Whole | None = None
    seeds: list[Agent] = Field(default_factory=list)
    across_seeds: dict[str, Numbers | None] | None = None
    layout: Literal["rolling", "anchored"] | None = None
    embargo_bars: Whole | None = None
    folds: list[Fold] = Field(default_factory=list)
    rule: Rule | None = None
    rules: Count | None = None

    @model_validator(mode="after")
    def _whole(self) -> Summary:
        if (self.verified is None) != (self.unverified is None):
            missing = "verified" if self.verified is None else "unverified"
            raise PydanticCustomError("figure", f"{missing}: missing, expected it beside the other")
        others = list(self.policies.items())[1:]
        for name, policy in others:
            if policy.learned_minus is None:
                raise PydanticCustomError(
                    "figure", f"policies.{name}.learned_minus: missing, expected a difference"
                )
        if any(policy.unit != self.unit for policy in self.policies.values()):
            raise PydanticCustomError("figure", "unit: expected the same in every policy")
        if self.folds and (self.layout is None or self.embargo_bars is None):
            raise PydanticCustomError("figure", "layout, embargo_bars: expected both beside folds")
        if self.power is not None:
            self._power(self.power)
        if self.detail is not None:
            self._detail(self.detail)
        return self

    def _power(self, power: Power) -> None:
        """The test of this split, as `evaluate.power_line` reads it."""
        test = (power.model_extra or {}).get(self.split)
        where = f"power.{self.split}"
        if not isinstance(test, dict):
            raise PydanticCustomError("figure", f"{where}: missing, expected what it could see")
        Tested.model_validate(test)
        for unit in (power.unit, "r"):
            key = units.key(unit, "detectable", "mean")
            value = test.get(key, "nothing")
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, int | float)
            ):
                raise PydanticCustomError("figure", f"{where}.{key}: expected a number or null")
        if type(power.validation.get("trades")) is not int:
            raise PydanticCustomError("figure", "power.validation.trades: expected a whole number")

    def _detail(self, detail: Detail) -> None:
        net = units.key(self.unit, "net", "mean")
        for name, policy in detail.policies.items():
            for key in (net, f"{net}_assumed"):
                value = (policy.model_extra or {}).get(key)
                if isinstance(value, bool) or not isinstance(value, int | float):
                    raise PydanticCustomError(
                        "figure", f"detail.policies.{name}.{key}: expected a number"
                    )


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
            raise PydanticCustomError("figure", "trials: expected as many as there are results")
        if len({row.trial for row in self.results}) != self.trials:
            raise PydanticCustomError("figure", "results: expected each trial once")
        key = units.score_key(self.unit)
        for number, row in enumerate(self.results):
            score = (row.model_extra or {}).get(key, "missing")
            if score is not None and (
                isinstance(score, bool) or not isinstance(score, int | float)
            ):
                raise PydanticCustomError(
                    "figure", f"results.{number}.{key}: expected a number or null"
                )
        if self.sha256 is not None:
            steps = (self.training or {}).get("trained_steps")
            if type(steps) is not int or steps < 0:
                raise PydanticCustomError(
                    "figure", "training.trained_steps: expected a whole number from 0 up"
                )
        return self
