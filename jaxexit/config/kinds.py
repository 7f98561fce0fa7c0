"""What a value of an experiment may be: numbers that the device can hold, counts that are sane, paths.

The device computes in float32 and int32. A number that only Python can hold would silently become
infinite, 0 or another number there.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from jaxexit.config.clocks import CLOCKS, TIMEFRAMES, is_clock
from jaxexit.limits import HELD, as_float32, is_held
from jaxexit.units import amount

MOST = 2**31 - 1  # int32
MOST_BARS = 1_000_000  # nearly three years of minutes
MOST_SEEDS = 1024


class Section(BaseModel):
    """A section of an experiment file: no unknown keys, no change after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _held(value: float) -> float:
    if not is_held(value):
        raise PydanticCustomError("float32", f"a number that float32 can hold: {HELD}")  # type: ignore[arg-type]
    return value


def _held_below_one(value: float) -> float:
    if as_float32(value) >= 1:
        raise PydanticCustomError(
            "float32", "at most 0.99999994 (closer to 1 it rounds to 1 in float32)"
        )
    return _held(value)


def _a_path(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("path", "the path of a file")
    if any(ord(character) < 32 for character in text):
        raise PydanticCustomError(
            "path",
            "a path without control characters (in double quotes a backslash starts an escape: use "
            "single quotes, or /)",
        )
    return text


def _a_recipe(text: str) -> str:
    if "/" in text or "\\" in text or not text.endswith(".py") or text == ".py":
        raise PydanticCustomError(
            "recipe",
            "the name of a Python file beside the experiment's, like my_columns.py",
        )
    return _a_path(text)


def _a_clock(text: str) -> str:
    if not is_clock(text):
        raise PydanticCustomError("clock", CLOCKS)
    return text


def _a_timeframe(name: str) -> str:
    if name.upper() not in TIMEFRAMES:
        raise PydanticCustomError("timeframe", f"one of {', '.join(TIMEFRAMES)}")  # type: ignore[arg-type]
    return name


def _an_amount(given: float | str) -> float | str:
    try:
        _held(amount(given).value)
    except ValueError as error:
        raise PydanticCustomError("amount", str(error)) from None  # type: ignore[arg-type]
    return given


def _no_credit(given: float | str) -> float | str:
    if amount(given).value < 0:
        raise PydanticCustomError("amount", "an amount from 0 up")
    return given


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), AfterValidator(_held)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(_held)]
Real = Annotated[float, Field(allow_inf_nan=False), AfterValidator(_held)]
Share = Annotated[float, Field(gt=0, lt=1), AfterValidator(_held_below_one)]
Fraction = Annotated[float, Field(ge=0, lt=1), AfterValidator(_held_below_one)]
UnitInterval = Annotated[float, Field(ge=0, le=1), AfterValidator(_held)]
Count = Annotated[int, Field(ge=1, le=MOST)]
Bars = Annotated[int, Field(ge=1, le=MOST_BARS)]
NonNegativeBars = Annotated[int, Field(ge=0, le=MOST_BARS)]
# JAX takes 32 bits of a seed: a larger one would silently be the same as a smaller one.
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Amount = Annotated[Annotated[float, Field(allow_inf_nan=False)] | str, AfterValidator(_an_amount)]
Expense = Annotated[Amount, AfterValidator(_no_credit)]
FilePath = Annotated[str, AfterValidator(_a_path)]
RecipeName = Annotated[str, AfterValidator(_a_recipe)]
Clock = Annotated[str, AfterValidator(_a_clock)]
Timeframe = Annotated[str, AfterValidator(_a_timeframe)]
