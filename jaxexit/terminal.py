"""Standard input, output and error, whatever they are: a terminal, a pipe without a reader, nothing at all.

`streams` stands around every command. Within it

- a closed stream is the null device, so that no file is opened in its place and written over by a library;
- output whose reader goes away (`train | head`), or whose terminal hangs up, is dropped from there on, and
  the command goes on: its results are in files. A disk that is full is an error, when the command has ended;
- what steers a terminal is written out (`names.visible`); only `progress.console` draws there.

Here too: notes, and a line that counts seconds while nothing else is shown (imports, compilation); that one
is written on a terminal only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from jaxexit import names
from jaxexit.errors import UserError
from jaxexit.resources import bounded_lines

SECONDS = 1.0  # between two looks; a pause shorter than that is not worth a line
CLEAR = "\r\x1b[K"
NAMES = ("stdin", "stdout", "stderr")
# The reader of a pipe has gone, the terminal has hung up, the stream was closed: nobody is there to be told.
NOBODY = (errno.EPIPE, errno.EIO, errno.EBADF, errno.ECONNRESET, errno.ENXIO)

_closed: set[str] = set()  # which were closed when the command began


class Stream:
    """An output that does not fail while a command runs, and writes out what steers a terminal."""

    def __init__(
        self, stream: TextIO, *, steers: bool = False, problems: list[OSError] | None = None
    ):
        """Args: what it stands for; whether what is written may steer a terminal; what has failed."""
        self._stream, self._steers = stream, steers
        self.problems: list[OSError] = [] if problems is None else problems
        self.steering = self if steers else Stream(stream, steers=True, problems=self.problems)

    def write(self, text: str) -> int:
        """Write what can be written."""
        shown = text if self._steers else names.visible(text)
        self._try(lambda: self._stream.write(shown))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand on what was written."""
        self._try(self._stream.flush)

    def isatty(self) -> bool:
        """Whether somebody sits there."""
        return not self.problems and is_terminal(self._stream)

    def _try(self, act: Callable[[], Any]) -> None:
        try:
            act()
        except OSError as error:
            self._lose(error)
        except ValueError as error:
            if not getattr(self._stream, "closed", False):
                raise
            self.problems.append(OSError(errno.EBADF, str(error)))

    def _lose(self, error: OSError) -> None:
        """Nothing can be written any more: what is left goes nowhere."""
        self.problems.append(error)
        null = os.open(os.devnull, os.O_WRONLY)
        with contextlib.suppress(OSError, ValueError):  # where it is no file
            os.dup2(null, self._stream.fileno())
            self._stream.flush()
        os.close(null)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def streams() -> Iterator[None]:
    """Around a command: standard streams that are there, and do not fail it. Nested, the outer one counts."""
    if isinstance(sys.stdout, Stream):
        yield
        return
    _open_closed()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, Stream(stream)) for stream in before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before


def _open_closed() -> None:
    """Put the null device where a stream is closed; let there be no character that cannot be written."""
    _closed.clear()
    for number, name in enumerate(NAMES):
        mode = "w" if number else "r"
        if not _is_open(number):
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)  # a program that we start has it, too
        if (stream := getattr(sys, name)) is None or getattr(stream, "closed", False):
            _closed.add(name)
            stream = open(number, mode, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
        elif hasattr(stream, "reconfigure"):
            with contextlib.suppress(OSError):  # input of which something was read stays as it is
                stream.reconfigure(errors="backslashreplace" if number else "replace")


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def move_output() -> None:
    """Keep standard output for Python: what libraries write to its descriptor goes to standard error."""
    sys.stdout.flush()
    stream = os.fdopen(os.dup(1), "w", encoding=sys.stdout.encoding, errors="backslashreplace")
    sys.stdout = cast(TextIO, Stream(stream)) if isinstance(sys.stdout, Stream) else stream
    os.dup2(2, 1)


def is_terminal(stream: Any) -> bool:
    """Whether a stream is a terminal; one that is not there, or closed, is none."""
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False


def steering(stream: Any) -> Any:
    """The stream on which colours and the cursor may be steered, of what `sys.stdout` is."""
    return stream.steering if isinstance(stream, Stream) else stream


def check_output(what: str) -> None:
    """Stop where standard output is closed and nothing else would have the result.

    Raises:
        UserError: it is.
    """
    if "stdout" in _closed:
        raise UserError(f"{what}: standard output is closed; leave >&- out")


def nobody_reads() -> bool:
    """Whether standard output was lost: its reader has gone, or its terminal has hung up."""
    return isinstance(sys.stdout, Stream) and bool(sys.stdout.problems)


def unwritten() -> str | None:
    """Why standard output is not complete where somebody wants it: a full disk; None: it is."""
    if isinstance(sys.stdout, Stream):
        sys.stdout.flush()
        for error in sys.stdout.problems:
            if error.errno not in NOBODY:
                return f"standard output cannot be written: {error.strerror}; its end is missing"
    return None


def input_lines(what: str) -> Iterator[str]:
    """The lines of standard input, as they come.

    Raises:
        UserError: it is closed (at once), or cannot be read (at the line).
    """
    if sys.stdin is None or "stdin" in _closed:
        raise UserError(f"{what}: standard input is closed; pipe lines into it, or name a file")
    return _lines_of_input(what)


def _lines_of_input(what: str) -> Iterator[str]:
    try:
        yield from bounded_lines(sys.stdin)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{what}: standard input cannot be read: {reason}") from None


class _Line:
    """The line, and the thread that counts."""

    def __init__(self, words: str) -> None:
        self._words, self._since, self._over = words, time.monotonic(), threading.Event()
        self._thread = threading.Thread(target=self._count, name="busy", daemon=True)
        self._thread.start()

    def _count(self) -> None:
        shown = False
        while not self._over.wait(SECONDS):
            text = f"{self._words} ... {time.monotonic() - self._since:.0f} s"
            _draw(f"{CLEAR}{text[-_columns() + 1 :]}")
            shown = True
        if shown:
            _draw(CLEAR)

    def end(self) -> None:
        self._over.set()
        self._thread.join()


def _draw(text: str) -> None:
    print(text, end="", file=steering(sys.stderr), flush=True)


def _columns() -> int:
    """Of the terminal; a longer line would be left behind on it."""
    with contextlib.suppress(OSError, ValueError):
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    return 80


_line: _Line | None = None


def busy(words: str) -> None:
    """From now on, until `done`, say that something is being done, and for how long."""
    global _line
    done()
    if is_terminal(sys.stderr):
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
