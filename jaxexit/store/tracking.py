"""Metrics of a run: metrics.jsonl is the record; what `metric_loggers` write are views of it."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, Protocol

from jaxexit.errors import RunError, one_line
from jaxexit.store.documents import MetricsLine, checked, parsed
from jaxexit.store.files import explain_write_errors, write_text
from jaxexit.store.metric_loggers import MetricLoggers

MEND = "restore it, or start over with --overwrite"


class Record(Protocol):
    """Where the lines of metrics go."""

    def write(self, line: dict[str, Any]) -> None:
        """Record one update."""
        ...

    def close(self) -> None:
        """End the record."""
        ...


class NullRecord:
    """That of a process whose metrics another process records."""

    def write(self, line: dict[str, Any]) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class MetricsWriter:
    """Appends one line per update, and passes it to the run's loggers."""

    def __init__(
        self, path: Path, *, after_update: int = 0, loggers: MetricLoggers | None = None
    ) -> None:
        """Open the record.

        Args:
            path: metrics.jsonl.
            after_update: updates that are in the checkpoint being resumed; later lines, which a killed
                run wrote past its last checkpoint, are dropped.
            loggers: begun already; None: there are none.
        """
        self._loggers = loggers or MetricLoggers()
        self._path = path
        kept = [line for line in read_metrics(path) if line["update"] <= after_update]
        if path.exists() and kept:
            write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
        with explain_write_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not kept:
                path.unlink(missing_ok=True)
            self._file = path.open("a", encoding="utf-8")

    def write(self, line: dict[str, Any]) -> None:
        """Record one update; `line` must have `update` and `env_steps`.

        Raises:
            RunError: the disk is full, or gone.
        """
        text = json.dumps(line, allow_nan=False) + "\n"
        with explain_write_errors(self._path):
            try:
                self._file.write(text)
                self._file.flush()
            except OSError:
                with contextlib.suppress(OSError):  # it would try again to write the rest
                    self._file.close()
                raise
        self._loggers.log(line)

    def close(self) -> None:
        """End the record; its loggers are finished by whoever began them."""
        self._file.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl; a last line that was cut short by a kill is left out.

    Raises:
        RunError: another line is none of a training.
    """
    if not path.exists():
        return []
    lines: list[dict[str, Any]] = []
    try:
        *texts, rest = path.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({one_line(str(error))}); {MEND}") from None
    for number, text in enumerate(texts, 1):
        where = f"{path}, line {number}"
        lines.append(checked(parsed(text, where, MEND), MetricsLine, where))
    if rest:
        with contextlib.suppress(RunError):  # cut short
            lines.append(checked(parsed(rest, "", MEND), MetricsLine, ""))
    return lines


def recorded_seconds(path: Path) -> float:
    """Seconds of all updates in a metrics.jsonl: what sessions that were killed took at least."""
    return sum(line.get("seconds", 0.0) for line in read_metrics(path))
