"""Messages of an advisor: dicts of JSON values, listed in docs/live.md."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

Message = dict[str, Any]


class RefusedError(Exception):
    """A bar that is not used."""

    def __init__(
        self, code: str, words: str, time: np.datetime64 | None = None, level: str = "error"
    ) -> None:
        super().__init__(words)
        self.code, self.time, self.level = code, time, level


def message(level: str, code: str, time: np.datetime64 | None, words: str, **facts: Any) -> Message:
    """A warning or an error about a bar or a trade."""
    at = None if time is None else stamp(time)
    return {"type": level, "code": code, "time": at, **facts, "message": words}


def stamp(time: np.datetime64) -> str:
    """A time in UTC: 2017-01-31T22:00:00Z."""
    return f"{pd.Timestamp(time):%Y-%m-%dT%H:%M:%SZ}"
