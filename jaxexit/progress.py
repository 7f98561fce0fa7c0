"""Progress of long work on a terminal, in a notebook or in a log file: tables' console, lines, bars."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from dataclasses import replace
from typing import Any, cast

from rich.console import Console
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment
from rich.table import Column, Table
from rich.text import Text

from jaxexit import names, terminal, units
from jaxexit.metrics import METRICS


def console(*, quiet: bool = False, json: bool = False) -> Console:
    """Where people read: stdout, or stderr while stdout carries JSON; silent if quiet."""
    seen = terminal.is_terminal(sys.stderr if json else sys.stdout)
    return _Console(
        stderr=json,
        quiet=quiet,
        highlight=False,
        markup=False,
        emoji=False,
        # A pipe or a log file has no width; the widest table should not be folded there.
        width=None if seen else 146,
        # A notebook's kernel asks for colours, but cannot move a cursor.
        force_terminal=seen,
        force_jupyter=False,
    )


class _Console(Console):
    """A console on which no text is markup and none steers; tables too wide for it are split, not cut."""

    file: Any = property(
        lambda self: terminal.steering(cast(Any, Console.file).fget(self)),
        cast(Any, Console.file).fset,
    )

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; a table in as many pieces as it takes to show every figure whole."""
        if len(objects) != 1 or not isinstance(objects[0], Table):
            super().print(*objects, **options)
            return
        for piece in _fitted(objects[0], self):
            super().print(piece, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Text as it is laid out: what steers is written out before it is measured."""
        return super().render_str(names.visible(text), **options)

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        return super()._render_buffer(
            segment if segment.control else segment._replace(text=names.visible(segment.text))
            for segment in buffer
        )


def _fitted(table: Table, out: Console) -> list[Table]:
    """A table as it is where every word fits; else pieces below each other, each with its first column."""
    unbounded = out.options.update(max_width=UNBOUNDED)

    def fits(piece: Table) -> bool:
        return Measurement.get(out, unbounded, piece).minimum <= out.width

    if fits(table) or len(table.columns) < 3:
        return [table if fits(table) else _piece(table, table.columns)]
    first, *others = table.columns
    pieces: list[Table] = []
    columns = [first]
    for column in others:
        if len(columns) > 1 and not fits(_piece(table, [*columns, column])):
            pieces.append(_piece(table, columns, continued=bool(pieces)))
            columns = [first]
        columns.append(column)
    return [*pieces, _piece(table, columns, continued=bool(pieces))]


UNBOUNDED = 100_000  # characters


def _piece(table: Table, columns: Sequence[Column], *, continued: bool = False) -> Table:
    """A table of some columns of another; a word that does not fit is folded, not cut."""
    piece = copy(table)
    piece.columns = [replace(c, _index=i, overflow="fold") for i, c in enumerate(columns)]
    if continued:
        piece.title = None
    return piece


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
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[numbers]}", markup=False),
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
        with out.status(Text(name)) as status:  # a spinner takes what is no Text for markup
            yield lambda part: status.update(Text(f"{name}: {part}"))
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
