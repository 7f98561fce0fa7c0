"""Signals that end a command: Ctrl-C (INT), TERM, and HUP, the hang-up of a terminal or a connection.

The first ends it in order: files are whole, locks are released; a training saves before. A second Ctrl-C ends
it at once, also while the compiler is busy and Python hears nothing. A second TERM or HUP changes nothing (a
closed shell sends more than one) unless the first was lost: then it counts `ENDING` seconds later.
What `nohup` has set to ignore HUP goes on ignoring it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jaxexit import terminal

STOPPING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
GRACE = 1.0  # seconds that a command has to end after a second Ctrl-C, before it is ended
IMPORTING = (
    120.0  # seconds that an import is waited for: stopped inside it, JAX's own crashes or goes on
)
ENDING = 10.0  # seconds that a command has to end before TERM and HUP count again
_END = b"\0"


class Stopped(KeyboardInterrupt):
    """A command was asked to end by a signal."""

    def __init__(self, number: int) -> None:
        """Args: the signal's number."""
        super().__init__(signal.Signals(number).name)
        self.number = number


def exit_code(stop: KeyboardInterrupt) -> int:
    """128 and the signal's number, as a shell has it: 130 after Ctrl-C, 143 after TERM, 129 after HUP."""
    return 128 + (stop.number if isinstance(stop, Stopped) else signal.SIGINT)


@contextmanager
def orderly() -> Iterator[None]:
    """Around a command: the first signal raises `Stopped`, a second Ctrl-C ends the process at once."""
    asked: float | None = None  # when
    raised: float | None = None

    def stop(number: int, frame: Any) -> None:
        nonlocal asked, raised
        now = time.monotonic()
        asked = now if asked is None else asked
        if raised is not None:
            if number == signal.SIGINT:
                os._exit(128 + number)
            if now < raised + ENDING:
                return
        elif _imports(frame) and now < asked + IMPORTING:
            _again_soon(number)
            return
        raised = now
        raise Stopped(number)

    with _handled(stop):
        yield


def _imports(frame: Any) -> bool:
    """Whether a module is being imported."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _again_soon(number: int) -> None:
    """Let the signal come once more, a moment later."""

    def come() -> None:
        _repeated.append(number)
        if hasattr(signal, "pthread_kill"):  # it may be waiting in a system call by now
            signal.pthread_kill(threading.main_thread().ident or 0, number)
        else:
            signal.raise_signal(number)

    timer = threading.Timer(0.05, come)
    timer.daemon = True
    timer.start()


@contextmanager
def saving_first() -> Iterator[Callable[[], bool]]:
    """Around a loop that saves what it has: a signal only asks it to; a second Ctrl-C raises `Stopped`.

    Yields:
        Whether it was asked to stop.
    """
    asked = False

    def ask(number: int, frame: Any) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            raise Stopped(number)
        asked = True

    with _handled(ask, "saving, then stopping; Ctrl-C again stops at once"):
        yield lambda: asked


@contextmanager
def _handled(handler: Callable[[int, Any], None], words: str | None = None) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread alone
        return
    # What a parent has set to be ignored stays so; of Ctrl-C a shell does that to everything with an `&`.
    numbers = [n for n in STOPPING if n == signal.SIGINT or signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        with _watched(words):
            yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)


@contextmanager
def _watched(words: str | None) -> Iterator[None]:
    """A thread that hears signals while the main one computes.

    It says that the first was heard, and ends a process that goes on after a second Ctrl-C.
    """
    hears, tells = os.pipe()
    os.set_blocking(tells, False)
    outer = signal.set_wakeup_fd(tells, warn_on_full_buffer=False)
    if outer != -1 and not _ours:  # an event loop's, as in a notebook
        signal.set_wakeup_fd(outer, warn_on_full_buffer=False)
        os.close(hears)
        os.close(tells)
        yield
        return
    over = threading.Event()
    thread = threading.Thread(
        target=_listen, args=(hears, over, words), name="signals", daemon=True
    )
    _ours.append(tells)
    thread.start()
    try:
        yield
    finally:
        over.set()
        _ours.pop()
        signal.set_wakeup_fd(outer, warn_on_full_buffer=False)
        with contextlib.suppress(OSError):
            os.write(tells, _END)
        thread.join(GRACE)
        os.close(tells)
        os.close(hears)


_ours: list[int] = []  # descriptors of the watches that are on
_repeated: list[int] = []  # signals that come once more


def _listen(hears: int, over: threading.Event, words: str | None) -> None:
    heard = 0
    while (byte := os.read(hears, 1)) not in (_END, b""):
        if byte[0] not in STOPPING:
            continue
        if byte[0] in _repeated:
            _repeated.remove(byte[0])
            continue
        heard += 1
        if heard == 1 and byte[0] == signal.SIGINT and terminal.is_terminal(sys.stderr):
            terminal.note(words)
        elif heard > 1 and byte[0] == signal.SIGINT:
            until = time.monotonic() + GRACE
            while not over.is_set() and time.monotonic() < until:
                over.wait(0.05)
            if not over.is_set():
                os._exit(128 + signal.SIGINT)
