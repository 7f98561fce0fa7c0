"""Schemas of every line in and out of `advise`; docs/reference/advise_lines.json is made of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Name = Annotated[str | int, Field(description="of a trade, up to 200 characters")]
Price = Annotated[float, Field(gt=0, lt=1e12)]
Number = Annotated[int, Field(ge=1, le=2**53)]
Cell = int | float | str | None


class Line(BaseModel):
    """Any line: strict JSON values, no unknown keys."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class TradeToOpen(Line):
    """A new trade. The stop is on the losing side, within half and twice the entry price."""

    trade: Name
    entry_time: str
    direction: Literal["long", "short"]
    entry_price: Price | None = None
    stop: Price | None = None
    target: Price | None = None
    exit_price: Price | None = None


class OpenLine(Line):
    """Follow one trade, or many."""

    open: TradeToOpen | list[TradeToOpen]
    line: Number | None = None


class CloseLine(Line):
    """A trade that was closed otherwise than advised."""

    close: Name
    line: Number | None = None


class BarLine(Line):
    """A closed bar: `time`, prices of both sides or of one, and the experiment's own columns."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)
    __pydantic_extra__: dict[str, Cell] = Field(init=False)  # type: ignore[misc]

    time: Cell = None
    line: Number | None = None
    accept_jump: bool = False


class Ready(Line):
    """The first line."""

    type: Literal["ready"]
    version: str
    checkpoint_sha256: str
    trained_steps: int
    bars: int
    last_bar: str | None
    pip: float | None
    unit: str | None
    warm_up_bars: int
    most_open: int
    most_waiting: int
    open: int
    waiting: int
    lines: int | None = None


class _OfTrade(Line):
    time: str
    trade: str
    replayed: Literal[True] = True


class Advice(_OfTrade):
    """What to do with a trade. A fifth key of money, `profit_pips`, names its unit."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)
    __pydantic_extra__: dict[str, float] = Field(init=False)  # type: ignore[misc]

    type: Literal["advice"]
    k: Annotated[int, Field(ge=0)]
    direction: Literal["long", "short"]
    action: str
    chosen: str
    blocked: bool
    why: list[str]
    probabilities: dict[str, Annotated[float, Field(ge=0, le=1)]]
    value: float
    stop: float
    remaining: Annotated[float, Field(gt=0, le=1)]


class Fill(_OfTrade):
    """A piece that the environment has closed."""

    type: Literal["fill"]
    reason: str
    price: float
    size: Annotated[float, Field(gt=0, le=1)]


class Closed(_OfTrade):
    """The trade is over. `net_pips` names its unit."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)
    __pydantic_extra__: dict[str, float] = Field(init=False)  # type: ignore[misc]

    type: Literal["closed"]
    reason: str
    bars_held: Annotated[int, Field(ge=0)]


class Said(Line):
    """A warning, an error or a note, in words and by its code."""

    type: Literal["warning", "error", "note"]
    code: str
    time: str | None
    message: str
    trade: str | None = None
    missing: int | None = None
    seconds: float | None = None
    atr: float | None = None


class Answered(Line):
    """With --state: the answer to a line is complete, and will not be lost."""

    type: Literal["answered"]
    line: int


LineIn = OpenLine | CloseLine | BarLine
LineOut = Annotated[
    Ready | Advice | Fill | Closed | Said | Answered, Field(union_mode="left_to_right")
]


def schema() -> dict[str, Any]:
    """The JSON Schema of both directions."""
    lines = TypeAdapter(dict[Literal["in", "out"], LineIn | LineOut]).json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Lines of python -m jaxexit.advise",
        "description": "One JSON object a line, UTF-8. `in`: on stdin. `out`: on stdout.",
        "in": TypeAdapter(LineIn).json_schema(ref_template="#/$defs/{model}")["anyOf"],
        "out": TypeAdapter(LineOut).json_schema(ref_template="#/$defs/{model}")["anyOf"],
        "$defs": lines["$defs"],
    }
