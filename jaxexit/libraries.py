"""What libraries say by themselves: Python's warnings, and log lines that nobody has asked for.

They are written for programmers, and would stand before the command's own line. They are kept until the
command has ended: after an error that line says what matters; after a success they follow as notes, since a
warning may be about a number.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jaxexit.names import one_line

DEBUG_VARIABLE = "JAXEXIT_DEBUG"
SHOWN, LONGEST = 3, 200  # notes; characters of each
FOR_PROGRAMMERS = (
    DeprecationWarning,
    PendingDeprecationWarning,
    FutureWarning,
    ImportWarning,
    ResourceWarning,
    SyntaxWarning,
)


class _Keep(logging.Handler):
    """Log lines of loggers that have no handler."""

    def __init__(self, keep: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._keep = keep

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self._keep(f"{record.name.split('.')[0]}: {record.getMessage()}")


@contextmanager
def hushed() -> Iterator[Callable[[], list[str]]]:
    """Keep warnings and log lines to the end; with JAXEXIT_DEBUG they are shown as they come.

    Yields:
        What was kept, a line each: the first few, and how many more.
    """
    said: dict[str, None] = {}

    def warn(message: Warning | str, category: type[Warning], filename: str, *_: Any) -> None:
        if not issubclass(category, FOR_PROGRAMMERS):
            folders = filename.replace(os.sep, "/").split("/")
            place = folders.index("site-packages") + 1 if "site-packages" in folders else -1
            said.setdefault(f"{folders[place].removesuffix('.py')}: {message}")

    def kept() -> list[str]:
        lines = [one_line(text)[:LONGEST] for text in said]
        more = len(lines) - SHOWN
        return lines[:SHOWN] + ([f"{more} more warnings of libraries"] if more > 0 else [])

    if os.environ.get(DEBUG_VARIABLE):
        yield kept
        return
    before = warnings.showwarning, logging.lastResort
    warnings.showwarning, logging.lastResort = warn, _Keep(said.setdefault)  # type: ignore[assignment]
    try:
        yield kept
    finally:
        warnings.showwarning, logging.lastResort = before
