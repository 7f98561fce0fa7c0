"""How the commands print: where to, lines, progress of training and of other long work."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from jaxexit import terminal, units
from jaxexit.metrics import METRICS


def console(*, quiet: bool = False, json: bool = False) -> Console:
    """Where people read: stdout, or stderr while stdout carries JSON; silent if quiet."""
    return Console(stderr=json, quiet=quiet, highlight=False, width=_width())


def _width() -> int | None:
    # A pipe or a log file has no width; the widest table should not be folded there.
    return None if sys.stdout.isatty() else 146


def lines(out: Console, texts: Sequence[str]) -> None:
    """Print lines as they are, without markup."""
    terminal.done()
    for text in texts:
        out.print(text, markup=False, soft_wrap=True)


SECONDS_BETWEEN_LINES = 30.0


class TrainingProgress:
    """A live bar on a terminal; on a pipe or in a log file a line now and then."""

    def __init__(self, out: Console, version: str, updates: int, steps_per_update: int) -> None:
        """Args: where to print; the version; updates of the run; environment steps of each."""
        self._out, self._total, self._steps = out, updates, steps_per_update
        self._live = out.is_terminal
        self._printed = -SECONDS_BETWEEN_LINES
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[numbers]}"),
            console=out,
            disable=not self._live,
        )
        self._bar = self._progress.add_task(
            f"train {version}", total=updates, numbers="compiling the update"
        )

    def __enter__(self) -> TrainingProgress:
        terminal.done()
        self._progress.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._progress.stop()

    def update(self, line: dict[str, Any]) -> None:
        """Show a line of metrics."""
        numbers = _progress_numbers(line, self._steps / line["seconds"])
        self._progress.update(self._bar, completed=line["update"], numbers=numbers)
        now = time.monotonic()
        last = line["update"] == self._total
        if not self._live and (last or now - self._printed >= SECONDS_BETWEEN_LINES):
            self._printed = now
            lines(self._out, [f"{line['update']}/{self._total} updates | {numbers}"])


@contextmanager
def working(out: Console, name: str) -> Iterator[Callable[[str], None]]:
    """Show what is being done: a spinner on a terminal; on a pipe or in a log file a line now and then.

    Args:
        out: where to print.
        name: of the work.

    Yields:
        What to call with each part of it.
    """
    terminal.done()
    if out.is_terminal:
        with out.status(name) as status:
            yield lambda part: status.update(f"{name}: {part}")
        return
    printed = time.monotonic()

    def say(part: str) -> None:
        nonlocal printed
        if time.monotonic() - printed >= SECONDS_BETWEEN_LINES:
            printed = time.monotonic()
            lines(out, [f"{name}: {part}"])

    yield say


def _progress_numbers(line: dict[str, Any], steps_per_second: float) -> str:
    """The few numbers of a metrics line that matter while training."""
    unit = units.unit_of_key(line, "net", "mean")
    net = METRICS["net_mean"]
    result = f"{line[net.key(unit)]:{net.form(unit)}} {units.words(unit)}/trade"
    return (
        f"{steps_per_second:,.0f} steps/s | net {result} | "
        f"held {line['bars_held_mean']:.1f} bars | blocked {line['blocked_share']:.0%} | "
        f"entropy {line['entropy']:.2f} | KL {line['kl']:.4f} | "
        f"{line['minibatches_applied']} minibatches"
    )
