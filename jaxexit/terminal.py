"""Standard error: notes, and a line that counts seconds while nothing else is shown (imports, compilation).

The line is written on a terminal only.
"""

from __future__ import annotations

import sys
import threading
import time

SECONDS = 1.0  # between two looks; a pause shorter than that is not worth a line
CLEAR = "\r\x1b[K"


class _Line:
    """The line, and the thread that counts."""

    def __init__(self, words: str) -> None:
        self._words, self._since, self._over = words, time.monotonic(), threading.Event()
        self._thread = threading.Thread(target=self._count, name="busy", daemon=True)
        self._thread.start()

    def _count(self) -> None:
        shown = False
        while not self._over.wait(SECONDS):
            print(
                f"{CLEAR}{self._words} ... {time.monotonic() - self._since:.0f} s",
                end="",
                file=sys.stderr,
                flush=True,
            )
            shown = True
        if shown:
            print(CLEAR, end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        self._over.set()
        self._thread.join()


_line: _Line | None = None


def busy(words: str) -> None:
    """From now on, until `done`, say that something is being done, and for how long."""
    global _line
    done()
    if sys.stderr is not None and sys.stderr.isatty():
        _line = _Line(words)


def done() -> None:
    """Take the line away: something else is about to be shown."""
    global _line
    if _line is not None:
        _line.end()
        _line = None


def note(words: str | None) -> None:
    """Tell on stderr what the user should know, if there is anything."""
    if words:
        done()
        print(f"note: {words}", file=sys.stderr)
