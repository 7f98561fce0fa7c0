"""What a summary has besides where its first policy is a distilled rule."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from jaxexit.config.actions import ACTION_NAMES
from jaxexit.store.documents.parts import (
    Difference,
    Finite,
    Interval,
    Part,
    Sha256,
    Share,
    Whole,
    fault,
    one_of,
)


class Condition(Part):
    """A number above a threshold, or not."""

    number: str
    sign: Literal[">", "<="] = Field(alias="is")
    than: Finite


class Line(Part):
    """What is done where all conditions hold."""

    conditions: list[Condition] = Field(alias="if")
    do: Annotated[str, one_of(ACTION_NAMES)]


class Rule(Part):
    """The rule itself."""

    words: str
    lines: list[Line]
    sha256: Sha256


class Chosen(Part):
    """The rule among those that were tried."""

    validation_net_mean: Finite


class Candidates(Part):
    """What was tried."""

    tried: Whole
    chosen: Chosen


class Decisions(Part):
    """How often an action was chosen."""

    network: Whole
    both: Whole


class Agreement(Part):
    """How often the rule does what the network does."""

    decisions: Whole
    share: Share
    always_hold: Share
    by_action: dict[str, Decisions]


class Kept(Part):
    """What the rule earns of what the network earns."""

    difference: Difference
    share: Interval | None

    @model_validator(mode="after")
    def _share(self) -> Kept:
        if self.share is not None and self.share.value is None:
            raise fault("share.value: missing, expected a number")
        return self


class Parity(Part):
    """How often its code decides otherwise, by language."""

    decisions: Whole
    different: dict[str, Whole]
