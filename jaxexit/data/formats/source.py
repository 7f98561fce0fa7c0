"""What a family of files says about itself, beside its table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import pandas as pd

from jaxexit.data.sources import InMemory
from jaxexit.data.zones import AUTO

Side = Literal["bid", "ask", "mid"]
Stamped = Literal["open", "close"]
LABELS = "the stamps carry their offset"
EPOCHS = "epochs are UTC"
_SIDE = re.compile(r"(?:^|[^A-Za-z])(bid|ask|mid)(?:[^A-Za-z]|$)", re.IGNORECASE)
SERVER = "the broker's server time, whose zone the file does not name: taken as UTC unless you say"


@dataclass(frozen=True)
class Source:
    """A file's rows as it has them, under names that `quotes` and `trades` know."""

    family: str  # the format's name, for the summary
    table: pd.DataFrame
    clock: str = AUTO  # of stamps without an offset, see `zones`; auto: UTC
    rule: str = "UTC where a stamp has no offset"  # where that is known from
    side: Side | None = None  # what the format's plain OHLC are, unless the user says otherwise
    remarks: tuple[str, ...] = ()  # what was done to the file's numbers
    server_time: bool = False  # its epoch numbers are of the broker's clock, not of UTC
    stamped: Stamped = "open"  # which end of a bar its stamps are
    last_stops: bool = False  # a list's stops are those of the trades' end, where they were moved


def named_side(path: Path | InMemory) -> Side | None:
    """The side that stands in a file's name as a word of its own."""
    found = {match.lower() for match in _SIDE.findall(path.stem.replace("_", " "))}
    for side in get_args(Side):
        if found == {side}:
            return side
    return None
