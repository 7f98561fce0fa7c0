"""A person at a terminal is never left without a sign of life, and a pipe gets nothing of it."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import tiny

SLEEPS = """
import time
from jaxexit.commands import cli
from jaxexit import progress
def body(argv):
    time.sleep(2.6)
    progress.lines(progress.console(), ["the result"])
    return 0
raise SystemExit(cli.run(body, [], takes_long=True))
"""


def on_a_terminal(words: list[str], cwd: Path) -> tuple[str, float, int]:
    """What a command writes to a terminal, its longest silence in seconds, and its exit code."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(words, cwd=cwd, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        said, last, longest = b"", time.monotonic(), 0.0
        while True:
            select.select([ours], [], [], 1.0)
            try:
                piece = os.read(ours, 65536) if select.select([ours], [], [], 0)[0] else b""
            except OSError:  # the other end is closed
                break
            now = time.monotonic()
            longest = max(longest, now - last)
            if piece:
                said, last = said + piece, now
    os.close(ours)
    return said.decode(), longest, process.returncode


def test_seconds_are_counted_until_something_is_shown(repository: Path) -> None:
    said, _, code = on_a_terminal([sys.executable, "-c", SLEEPS], repository)
    assert code == 0
    assert "starting ... 1 s" in said
    assert "starting ... 2 s" in said
    assert said.endswith("\x1b[Kthe result\r\n")  # the line was taken away before


def test_where_nobody_looks_nothing_is_counted(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SLEEPS.replace("2.6", "1.3")],  # a terminal has seen "1 s" by then
        cwd=repository,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("the result\n", "")


@pytest.mark.slow
def test_a_training_on_a_terminal_shows_its_lines_and_no_library_ones(
    repository: Path, tmp_path: Path
) -> None:
    yaml = tiny.write_tiny(tmp_path, updates=2)
    words = [sys.executable, "-m", "jaxexit.train", str(yaml)]
    said, _, code = on_a_terminal(words, repository)
    assert code == 0
    assert "compiling the update" in said
    assert "learned: net" in said
    for word in ("WARNING", "E0000", "I0000", "jit_", "XLA"):
        assert word not in said
