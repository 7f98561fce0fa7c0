"""What a file says about itself, beside its table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import pandas as pd

from jaxexit.data.sources import InMemory
from jaxexit.data.zones import AUTO

Side = Literal["bid", "ask", "mid"]
Stamped = Literal["open", "close"]
LABELS = "the stamps carry their offset"
_SIDE = re.compile(r"(?:^|[^A-Za-z])(bid|ask|mid)(?:[^A-Za-z]|$)", re.IGNORECASE)


class Clock(NamedTuple):
    """The clock of stamps without an offset."""

    zone: str  # see `zones`; auto: UTC
    rule: str  # where that is known from


UNSTATED = Clock(AUTO, "UTC where a stamp has no offset")
LABELLED = Clock("UTC", LABELS)
EPOCHS = Clock("UTC", "epochs are UTC")
SERVER = Clock(
    AUTO, "the broker's server time, whose zone the file does not name: taken as UTC unless you say"
)


@dataclass(frozen=True)
class Source:
    """A file's rows as it has them, under names that `quotes` and `trades` know."""

    family: str  # what it is, for the summary
    table: pd.DataFrame
    clock: Clock = UNSTATED  # of stamps without an offset
    side: Side | None = None  # what the format's plain OHLC are, unless the user says otherwise
    remarks: tuple[str, ...] = ()  # what was done to the file's numbers
    server_time: bool = False  # its epoch numbers are of the broker's clock, not of UTC
    stamped: Stamped = "open"  # which end of a bar its stamps are
    last_stops: bool = False  # a list's stops are those of the trades' end, where they were moved


def named_side(path: Path | InMemory) -> Side | None:
    """The side that is a word of a file's name."""
    words = {match.lower() for match in _SIDE.findall(path.stem.replace("_", " "))}
    for side in get_args(Side):
        if words == {side}:
            return side
    return None
