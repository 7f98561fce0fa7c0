"""What an advisor needs to go on after it was killed: a snapshot, and the lines taken since.

FILE holds a snapshot (one JSON line) and, appended and synced one by one, the lines taken after it. Every
COMPACTED lines it is replaced by a new snapshot. FILE.bars holds the bars fed since the history, as numbers;
bars beyond those that the snapshot counts are of lines that FILE has. So a line is in FILE, and
was taken, or it is not, and was not.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from jaxexit.errors import RunError, UserError
from jaxexit.live.messages import Message
from jaxexit.store.files import explain_write_errors, replacing

FORMAT = 1
COMPACTED = 500  # lines


class Journal:
    """The state of one advisor on disk.

    Attributes:
        lines: how many lines were taken.
        snapshot: what was read from the file; None: it is new.
        since: the lines taken after it.
        answer: what was said to the last line.
        kept_bars: how many bars since the history FILE.bars holds.
    """

    def __init__(self, path: Path) -> None:
        """Open a state, or begin one.

        Raises:
            UserError: another advisor uses it, or it is none of this program.
            RunError: it cannot be written.
        """
        self.path, self._bars_path = path, path.with_name(path.name + ".bars")
        with explain_write_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(path.with_name(path.name + ".lock"))
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise UserError(
                    f"--state: {path} is used by another advisor that runs: give each a state of its own"
                ) from None
        self.lines, self.answer = 0, []
        self._last = ""
        self._restored = False
        self._file: Any = None
        self.kept_bars = self._appended = 0
        try:
            self.snapshot, self.since = self._read()
        except BaseException:
            self.close()
            raise
        if self.snapshot is not None:
            self.lines, self.answer = self.snapshot["lines"], self.snapshot["answer"]
            self._last, self._restored = self.snapshot["last"], True

    def known(self, entry: Any, line: int | None) -> list[Message] | None:
        """The answer that a line had already, None for a new one.

        Args:
            entry: what it says.
            line: its number, where the caller counts.

        Raises:
            UserError: by its number it is neither the last line nor the one after it.
        """
        resent, self._restored = self._restored and line is None, False
        same = self._last == _digest(entry)
        if line is None:
            return self.answer if resent and same and self.lines else None
        if line == self.lines and line and same:
            return self.answer
        if line != self.lines + 1:
            other = " with other words" if line == self.lines else ""
            raise UserError(
                f"line {line:,}{other} does not follow: {self.lines:,} were taken, send number "
                f"{self.lines + 1:,}"
            )
        return None

    def replayed(self, entry: Any, answer: list[Message]) -> None:
        """Note a line of the file, taken once more while it was opened."""
        self.lines, self.answer, self._last, self._restored = (
            self.lines + 1,
            answer,
            _digest(entry),
            True,
        )

    def take(self, entry: Any, more: dict[str, Any], answer: list[Message]) -> bool:
        """Note a line and what was said to it, before it is said; whether a snapshot is due.

        Args:
            entry: what the line says.
            more: what taking it again needs besides: the clock.
            answer: what will be said.
        """
        self.lines, self.answer, self._last = self.lines + 1, answer, _digest(entry)
        if self._file is None or self._appended >= COMPACTED:
            return True
        text = json.dumps([entry, more], allow_nan=False)
        with explain_write_errors(self.path):
            self._file.write(f"{zlib.crc32(text.encode()):08x} {text}\n".encode())
            self._file.flush()
            os.fdatasync(self._file.fileno())
        self._appended += 1
        return False

    def compact(self, snapshot: dict[str, Any], bars: np.ndarray) -> None:
        """Replace the file by a snapshot.

        Args:
            snapshot: of the advisor.
            bars: those fed since the first `kept_bars`, [n, numbers] float64.
        """
        with explain_write_errors(self._bars_path), self._bars_path.open("ab") as file:
            file.truncate(self.kept_bars * bars.shape[1] * 8)
            file.write(np.ascontiguousarray(bars, np.float64).tobytes())
            file.flush()
            os.fsync(file.fileno())
        self.kept_bars += len(bars)
        whole = {
            "format": FORMAT,
            "lines": self.lines,
            "last": self._last,
            "answer": self.answer,
            "bars": [self.kept_bars, bars.shape[1]],
            **snapshot,
        }
        with replacing(self.path) as temporary:
            text = json.dumps(whole, allow_nan=False)
            temporary.write_text(f"{zlib.crc32(text.encode()):08x} {text}\n", encoding="utf-8")
        if self._file is not None:
            self._file.close()
        self._file, self._appended = self.path.open("ab"), 0

    def bars(self) -> np.ndarray:
        """The bars of the snapshot, [n, numbers] float64."""
        assert self.snapshot is not None
        rows, columns = self.snapshot["bars"]
        content = self._bars_path.read_bytes() if rows else b""
        if len(content) < rows * columns * 8:
            raise self._damaged(f"{self._bars_path.name} lacks bars")
        self.kept_bars = rows
        return np.frombuffer(content[: rows * columns * 8], np.float64).reshape(rows, columns)

    def close(self) -> None:
        """Let others use the state."""
        if self._file is not None:
            self._file.close()
        self._lock.release()

    def _read(self) -> tuple[dict[str, Any] | None, list[Any]]:
        if not self.path.exists():
            self._bars_path.unlink(missing_ok=True)
            return None, []
        try:
            first, *rest = self._sound(self.path.read_bytes().split(b"\n"))
            if first["format"] != FORMAT:
                raise UserError(
                    f"--state: {self.path} has format {first['format']}, this program reads {FORMAT}"
                )
            return first, rest
        except (OSError, ValueError, KeyError, TypeError):
            raise self._damaged("it is no state of an advisor") from None

    def _sound(self, lines: list[bytes]) -> Iterator[Any]:
        """What the lines say, but for a last one that a kill cut short: it was not answered."""
        for number, line in enumerate(lines, 1):
            check, _, text = line.partition(b" ")
            if check != f"{zlib.crc32(text):08x}".encode():
                if number < len(lines):
                    raise ValueError(f"line {number}")
                return
            yield json.loads(text)

    def _damaged(self, why: str) -> UserError:
        return RunError(
            f"--state: {self.path}: {why}; move it away to begin anew, or bring back a copy"
        )


def _digest(entry: Any) -> str:
    return hashlib.sha256(json.dumps(entry, allow_nan=False).encode()).hexdigest()
