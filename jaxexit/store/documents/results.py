"""What is written of results: summaries, audits, settings of baselines, tables of sweeps."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from jaxexit import units
from jaxexit.config.actions import ACTION_NAMES
from jaxexit.metrics import METRICS, SPREAD
from jaxexit.store.documents.distilled import Agreement, Candidates, Kept, Parity, Rule
from jaxexit.store.documents.figures import Figures
from jaxexit.store.documents.parts import (
    ABSENT,
    Amount,
    Checkpoint,
    Count,
    Difference,
    Document,
    Finite,
    Interval,
    Numbers,
    Part,
    Positive,
    Sha256,
    Share,
    UnitName,
    Version,
    Whole,
    fault,
)
from jaxexit.store.documents.reading import part

STATISTICS = ("mean", "standard_deviation", "min", "median", "max")
OF_A_RULE = (
    *("rule", "rules", "candidates", "agreement", "kept", "parity"),
    "network_validation_net_mean",
)
Settings = dict[str, Finite | bool | str | list[Finite | None] | None]


def check_interval(intervals: dict[str, Interval | None], net: str) -> None:
    """A net result has an interval around a number."""
    if (interval := intervals.get(net)) is None or interval.value is None:
        raise fault(f"intervals.{net}: missing, expected it with its value")


class Policy(Figures):
    """What one policy did and earned."""

    trades: Count  # type: ignore[assignment]
    exit_share_by_bar: list[Share]
    exit_reasons: dict[str, Amount]
    actions: dict[str, Amount]
    blocked: dict[str, Amount]
    intervals: dict[str, Interval | None]  # null: of a Sharpe ratio without variation
    learned_minus: Difference = ABSENT
    tuned: dict[str, Finite | bool | list[Finite | None]] = ABSENT  # shown as numbers

    @model_validator(mode="after")
    def _whole(self) -> Policy:
        if self.learned_minus is not None:
            interval = (self.learned_minus.model_extra or {}).get(self.unit)
            where = f"learned_minus.{self.unit}"
            if part(interval, Interval, where).value is None:
                raise fault(f"{where}.value: missing, expected a number")
        for name in ("actions", "blocked"):
            if set(getattr(self, name)) != set(ACTION_NAMES):
                raise fault(f"{name}: expected a number for each of {', '.join(ACTION_NAMES)}")
        if (self.model_extra or {}).get(net := units.key(self.unit, "net", "mean")) is None:
            raise fault(f"{net}: missing, expected a number")
        check_interval(self.intervals, net)
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
    intervals: dict[str, Interval | None]

    @model_validator(mode="after")
    def _net(self) -> Agent:
        if (self.model_extra or {}).get(net := units.key(self.unit, "net", "mean")) is None:
            raise fault(f"{net}: missing, expected a number")
        check_interval(self.intervals, net)
        return self


class Piece(Part):
    """A part of a fold."""

    trades: Whole
    first_entry: str
    last_entry: str


class FoldAgent(Part):
    """An agent of a fold."""

    best_score: Finite | None  # null: it failed before it was validated


class Fold(Part):
    """A fold of a walk-forward."""

    fold: Whole
    train: Piece
    validation: Piece
    test: Piece
    interval: Interval
    agents: Annotated[list[FoldAgent], Field(min_length=1)]
    tuned: dict[str, Settings] = Field(default_factory=dict)
    unit: UnitName = units.PIPS.name

    @model_validator(mode="after")
    def _net(self) -> Fold:
        net = (self.model_extra or {}).get(key := units.key(self.unit, "net", "mean"))
        if isinstance(net, bool) or not isinstance(net, int | float):
            raise fault(f"{key}: missing or no number, expected a number")
        return self


class Decided(Part):
    """What finer bars changed under a policy."""

    changed_share: Share


class Detail(Part):
    """What finer bars changed."""

    policies: dict[str, Decided]


class Summary(Document):
    """`summary.json` of a backtest, a walk-forward, an agent or a rule."""

    MEND: ClassVar[str] = "run the backtest again"

    schema_version: Literal[1] = 1
    version: Version
    split: str
    checkpoint: Checkpoint
    which: str
    sampled: bool
    unit: UnitName = units.PIPS.name
    unit_size: Positive = ABSENT
    market: str = ABSENT
    calendar: Calendar = ABSENT
    snapshot_sha256: Sha256
    verified: dict[str, bool] = ABSENT
    unverified: list[str] = ABSENT
    verdict: str
    policies: Annotated[dict[str, Policy], Field(min_length=1)]
    power: Power = ABSENT
    detail: Detail = ABSENT
    seed: Whole = ABSENT
    seeds: Annotated[list[Agent], Field(min_length=1)] = ABSENT
    across_seeds: dict[str, Numbers | None] = ABSENT
    layout: Literal["rolling", "anchored"] = ABSENT
    embargo_bars: Whole = ABSENT
    folds: Annotated[list[Fold], Field(min_length=1)] = ABSENT
    rule: Rule = ABSENT
    rules: Count = ABSENT
    candidates: Candidates = ABSENT
    agreement: Agreement = ABSENT
    kept: Kept = ABSENT
    parity: Parity = ABSENT
    network_validation_net_mean: Finite = ABSENT

    @model_validator(mode="after")
    def _whole(self) -> Summary:
        if (self.verified is None) != (self.unverified is None):
            missing = "verified" if self.verified is None else "unverified"
            raise fault(f"{missing}: missing, expected it beside the other")
        self._first()
        if any(policy.unit != self.unit for policy in self.policies.values()):
            raise fault("unit: expected the same in every policy")
        if self.folds and (self.layout is None or self.embargo_bars is None):
            raise fault("layout, embargo_bars: expected both beside folds")
        missing = [name for name in OF_A_RULE if getattr(self, name) is None]
        if 0 < len(missing) < len(OF_A_RULE):
            raise fault(f"{missing[0]}: missing, expected it beside what else is of a rule")
        if self.seeds:
            self._spread()
        if self.power is not None:
            self._power(self.power)
        if self.detail is not None:
            self._detail(self.detail)
        return self

    def _first(self) -> None:
        """The policy in question stands first; the others have their difference to it."""
        kind = "rule" if self.rule is not None else "learned"
        asked = f"{kind}_sampled" if self.sampled else kind
        first, *others = self.policies
        if first != asked:
            raise fault(f"policies.{asked}: missing as the first, expected it there")
        if self.policies[first].learned_minus is not None:
            raise fault(f"policies.{first}.learned_minus: expected none of the first policy")
        for name in others:
            if self.policies[name].learned_minus is None:
                raise fault(f"policies.{name}.learned_minus: missing, expected a difference")

    def _spread(self) -> None:
        """How the agents are spread, as the table of seeds reads it."""
        across = self.across_seeds or {}
        for key in (METRICS[name].key(self.unit) for name in SPREAD):
            of = across.get(key, {})
            if of is not None and any(of.get(name) is None for name in STATISTICS):
                raise fault(f"across_seeds.{key}: expected {', '.join(STATISTICS)}, or null")

    def _power(self, power: Power) -> None:
        """The test of this split, as `evaluate.power_line` reads it."""
        test = (power.model_extra or {}).get(self.split)
        where = f"power.{self.split}"
        if not isinstance(test, dict):
            raise fault(f"{where}: missing, expected what it could see")
        part(test, Tested, where)
        for unit in (power.unit, "r"):
            key = units.key(unit, "detectable", "mean")
            value = test.get(key, "nothing")
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, int | float)
            ):
                raise fault(f"{where}.{key}: expected a number or null")
        if type(power.validation.get("trades")) is not int:
            raise fault("power.validation.trades: expected a whole number")

    def _detail(self, detail: Detail) -> None:
        net = units.key(self.unit, "net", "mean")
        for name, policy in detail.policies.items():
            for key in (net, f"{net}_assumed"):
                value = (policy.model_extra or {}).get(key)
                if isinstance(value, bool) or not isinstance(value, int | float):
                    raise fault(f"detail.policies.{name}.{key}: expected a number")
