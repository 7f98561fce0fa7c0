"""One line of the doctor's report."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

State = Literal["ok", "note", "absent", "check", "broken"]
"""In order; a fact; an extra that is not installed; to be looked at; the base package cannot work."""


class Finding(NamedTuple):
    """What was looked at, and what is wrong with it."""

    area: str
    name: str
    state: State
    words: str
    mend: str | None = None  # what to do about it

    def record(self) -> dict[str, Any]:
        """The same for `--json`."""
        return self._asdict()
