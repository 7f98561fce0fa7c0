"""What the fields of documents are made of: strict, finite, bounded; keys that are not named are kept.

A document is checked, not converted: what is read stays the plain JSON that it was.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from jaxexit.config.load import VERSION_NAME
from jaxexit.store.folders import ARCHIVED
from jaxexit.units import NAMES

MOST = 2**53  # a whole number that every reader of JSON holds exactly
STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
SHA256 = re.compile(r"[0-9a-f]{64}")


def fault(words: str, kind: Any = "figure") -> PydanticCustomError:
    """What a validator raises.

    Args:
        words: of a figure the field, and what was expected; of another kind what was expected.
        kind: as `reading` tells them apart.
    """
    template: Any = words
    return PydanticCustomError(kind, template)


class Part(BaseModel):
    """A mapping in a document."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)


class Document(Part):
    """A whole document. Without `schema_version` it is from before there was one, which is the first.

    Attributes:
        NEWEST: the newest schema that this program reads.
        VERSION_KEY: the key that holds the schema.
        KEEPS_VERSION: whether what is read has the schema too.
        MEND: what to do about a document that is not valid; ends the line.
    """

    NEWEST: ClassVar[int] = 1
    VERSION_KEY: ClassVar[str] = "schema_version"
    KEEPS_VERSION: ClassVar[bool] = False
    MEND: ClassVar[str] = "restore it"


def _text_like(pattern: re.Pattern[str], expected: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise fault(expected, "pattern")
        return text

    return AfterValidator(check)


def one_of(names: tuple[str, ...]) -> AfterValidator:
    """Text that is one of some names."""
    return _text_like(re.compile("|".join(map(re.escape, names))), f"one of {', '.join(names)}")


def _no_control_characters(text: str) -> str:
    if not text.strip() or not all(map(str.isprintable, text)):
        raise fault("a path without control characters", "path")
    return text


Finite = Annotated[float, Field(allow_inf_nan=False)]
Amount = Annotated[Finite, Field(ge=0)]
Share = Annotated[Finite, Field(ge=0, le=1)]
Positive = Annotated[Finite, Field(gt=0)]
Count = Annotated[int, Field(ge=1, le=MOST)]
Whole = Annotated[int, Field(ge=0, le=MOST)]
Sha256 = Annotated[str, _text_like(SHA256, "a SHA-256: 64 digits, 0 to 9 and a to f")]
Instant = Annotated[str, _text_like(STAMP, "a moment like 2026-01-02T03:04:05Z")]
Version = Annotated[str, _text_like(VERSION_NAME, "v<N>_<what_changed>")]
Run = Annotated[
    str,
    _text_like(
        re.compile(f"{VERSION_NAME.pattern}|{ARCHIVED.pattern}"),
        "v<N>_<what_changed>, or an archived run's name",
    ),
]
FilePath = Annotated[str, AfterValidator(_no_control_characters)]
UnitName = Annotated[str, one_of(NAMES)]
Numbers = dict[str, Finite | None]
Change = Annotated[list[Any], Field(min_length=2, max_length=2)]  # before, now
ABSENT: Any = None  # default of a key that may be missing, and is never null


class Interval(Part):
    """`evaluate.Estimate` as JSON; null is what is not finite."""

    value: Finite | None
    low: Finite | None
    high: Finite | None
    standard_error: Finite | None = None
    blocks: Finite | None = None
    block_days: Finite | None = None

    @model_validator(mode="after")
    def _both_ends(self) -> Interval:
        if (self.low is None) != (self.high is None):
            raise fault("low, high: expected both, or null for both")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise fault("low: expected a number up to that of high")
        if self.low is not None and self.value is None:
            raise fault("value: missing, expected a number in the interval")
        return self


class Difference(Part):
    """One policy minus another, on the same trades."""

    verdict: str
    trades: Whole = ABSENT


class Deflated(Part):
    """`evaluate.DeflatedSharpe` as JSON."""

    sharpe: Finite
    skewness: Finite
    kurtosis: Finite
    observations: Finite
    trials: Count
    threshold: Finite
    probabilistic: Share
    deflated: Share


class Checkpoint(Part):
    """Which checkpoint."""

    step: Whole
    sha256: Sha256
