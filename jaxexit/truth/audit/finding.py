"""A finding: what an audit saw, where, how bad it is, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# In order of gravity. A note is worth reading; a warning means that the result may not be what it seems;
# after a failure no number of the result may be believed.
Severity = Literal["pass", "note", "warning", "fail"]


@dataclass(frozen=True)
class Finding:
    """One line of an audit."""

    check: str  # which check saw it
    severity: Severity
    what: str
    where: str
    size: str  # how bad, in numbers
    advice: str = ""  # what to do, or what it usually means; empty where nothing is to be done
