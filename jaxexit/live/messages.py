"""Messages of an advisor: dicts of JSON values, listed in docs/live.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Message = dict[str, Any]


class RefusedError(Exception):
    """A bar that is not used."""

    def __init__(
        self,
        code: str,
        words: str,
        time: np.datetime64 | None = None,
        level: str = "error",
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(words)
        self.code, self.time, self.level, self.facts = code, time, level, dict(facts or {})

    @property
    def message(self) -> Message:
        """It, as it is said."""
        return message(self.level, self.code, self.time, str(self), **self.facts)


def message(level: str, code: str, time: np.datetime64 | None, words: str, **facts: Any) -> Message:
    """A warning or an error about a bar or a trade."""
    at = None if time is None else stamp(time)
    return {"type": level, "code": code, "time": at, **facts, "message": words}


def stamp(time: np.datetime64) -> str:
    """A time in UTC: 2017-01-31T22:00:00Z."""
    return f"{np.datetime_as_string(time, 's')}Z"


def lateness(
    time: np.datetime64, closed: np.datetime64, now: np.datetime64, most: float
) -> list[Message]:
    """A warning about a bar that came more than `most` seconds after its close, or before it."""
    delay = float((now - closed) / np.timedelta64(1, "s"))
    if delay > most:
        words = (
            f"came {delay:,.0f} s after its close: what is advised now should have been done then"
        )
        return [message("warning", "late", time, words, seconds=round(delay, 1))]
    if delay < 0:
        words = f"came {-delay:,.0f} s before its close: it is used as if it had closed"
        return [message("warning", "not_closed", time, words, seconds=round(delay, 1))]
    return []
