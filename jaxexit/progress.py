"""Progress of long work on a terminal, in a notebook or in a log file: tables' console, lines, bars."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
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
    stream = sys.stderr if json else sys.stdout
    return Console(
        stderr=json,
        quiet=quiet,
        highlight=False,
        width=_width(),
        # A notebook's kernel asks for colours, but cannot move a cursor.
        force_terminal=stream.isatty(),
        force_jupyter=False,
    )


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
    """Say what is being done: a spinner on a terminal; on a pipe or in a log file a line now and then.

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
    said = time.monotonic()

    def say(part: str) -> None:
        nonlocal said
        if time.monotonic() - said >= SECONDS_BETWEEN_LINES:
            said = time.monotonic()
            lines(out, [f"{name}: {part}"])

    yield say


OF_LEARNERS = {
    "entropy": "entropy {:.2f}",
    "kl": "KL {:.4f}",
    "minibatches_applied": "{} minibatches",
}
"""Metrics of a learner that are shown while training, where it has them."""


def _progress_numbers(line: dict[str, Any], steps_per_second: float) -> str:
    """The few numbers of a metrics line that matter while training."""
    unit = units.unit_of_key(line, "net", "mean")
    net = METRICS["net_mean"]
    result = f"{line[net.key(unit)]:{net.form(unit)}} {units.words(unit)}/trade"
    parts = [
        f"{steps_per_second:,.0f} steps/s",
        f"net {result}",
        f"held {line['bars_held_mean']:.1f} bars",
        f"blocked {line['blocked_share']:.0%}",
    ]
    parts += [form.format(line[name]) for name, form in OF_LEARNERS.items() if name in line]
    return " | ".join(parts)


class Reporter:
    """Where a long piece of work says what it is doing; silent on a quiet console."""

    def __init__(self, out: Console) -> None:
        """Args: the console, from `console`."""
        self.out = out

    def lines(self, *texts: str) -> None:
        """Print lines."""
        lines(self.out, texts)

    def busy(self, text: str) -> None:
        """Count the seconds on a terminal until something else is shown."""
        if not self.out.quiet:
            terminal.busy(text)

    def training(self, name: str, updates: int, batch_size: int, agents: int) -> TrainingProgress:
        """A bar of a training's updates, of so many environment steps of each agent; a context manager."""
        several = f" ({agents} seeds)" if agents > 1 else ""
        return TrainingProgress(self.out, f"{name}{several}", updates, batch_size * agents)

    def working(self, name: str) -> AbstractContextManager[Callable[[str], None]]:
        """Say what is being done; gives what to call with each part of it."""
        return working(self.out, name)


def reporter_of(progress: bool | Reporter) -> Reporter:
    """A reporter as it is, or one for Python: on standard output if progress is wanted, else silent."""
    return progress if isinstance(progress, Reporter) else Reporter(console(quiet=not progress))
