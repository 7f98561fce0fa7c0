"""What the demo shows while it learns: steps, seconds, the share of the optimum so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
from rich.text import Text

from jaxexit import progress, terminal
from jaxexit.progress import Reporter

if TYPE_CHECKING:
    from jaxexit.evaluate import TradeResults
    from jaxexit.truth.demo_scores import Judge

SECONDS_BETWEEN_LINES = 2.5  # on a pipe or in a log file
RISE = 0.1  # of the share, that is worth a line of its own there
BLOCKS = "▁▂▃▄▅▆▇█"
DRAWN = 12  # blocks at most


class Moment(NamedTuple):
    """How far it had come."""

    steps: int
    seconds: float  # since the demo began
    share: float  # of the optimum, on validation trades
    standard_error: float


class _Clock(ProgressColumn):
    """Seconds since the demo began."""

    max_refresh = 0.5

    def __init__(self, seconds: Callable[[], float]) -> None:
        super().__init__()
        self._seconds = seconds

    def render(self, task: Any) -> Text:
        """The seconds."""
        return Text(f"{self._seconds():.0f} s")


class Watched(Reporter):
    """A session's reporter that shows the learning, and little of the rest.

    Attributes:
        moments: one for each validation.
    """

    def __init__(self, out: Console, judge: Judge, began: float | None = None) -> None:
        """Watch a session.

        Args:
            out: the console.
            judge: of the validation trades.
            began: when the demo began, of `time.perf_counter`; None: now.
        """
        super().__init__(out)
        self._judge, self._last = judge, None
        self._began = time.perf_counter() if began is None else began
        self.moments: list[Moment] = []

    @property
    def seconds(self) -> float:
        """Since the demo began."""
        return time.perf_counter() - self._began

    def lines(self, *texts: str) -> None:
        """Nothing: the demo says in its own words what a session says of data and training."""

    def say(self, *texts: str) -> None:
        """Print lines of the demo's own."""
        progress.lines(self.out, texts)

    def training(self, name: str, updates: int, batch_size: int, agents: int) -> Any:
        """The live line; a context manager."""
        del name, agents
        return self._live(updates * batch_size)

    @contextmanager
    def _live(self, total: int) -> Iterator[_Line]:
        terminal.done()
        with _Line(self.out, total, self) as line:
            yield line

    def working(self, name: str) -> Any:
        """Say what is being done, at once also where there is no terminal."""
        if not self.out.is_terminal:
            self.say(f"{name} ({self.seconds:.0f} s)")
        return super().working(name)

    def validated(self, split: str, results: TradeResults) -> None:
        """What a validation has played (see `evaluate.watching`); its line of metrics follows."""
        if split == "validation":
            self._last = self._judge.of_played(results)

    def came(self, steps: int) -> Moment | None:
        """After an update: the moment to be shown, if it was validated."""
        if self._last is None:
            return None
        self.moments.append(Moment(steps, round(self.seconds, 1), *self._last))
        self._last = None
        return self.moments[-1]


class _Line:
    """One line that is written over and over; without a terminal a line now and then."""

    def __init__(self, out: Console, total: int, watched: Watched) -> None:
        self._out, self._watched, self._total = out, watched, total
        self._printed, self._share = watched.seconds, float("-inf")
        self._drawn = "utf" in (out.encoding or "").lower()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            _Clock(lambda: watched.seconds),
            TextColumn("{task.fields[words]}"),
            console=out,
            disable=not out.is_terminal,
        )
        self._bar = self._progress.add_task("learning", total=total, words="compiling the update")

    def __enter__(self) -> _Line:
        if not self._out.is_terminal:
            self._watched.say(f"compiling the update ({self._watched.seconds:.0f} s)")
        self._progress.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._progress.stop()

    def update(self, line: dict[str, Any]) -> None:
        """Show a line of metrics."""
        steps, moments = line["env_steps"], self._watched.moments
        moment = self._watched.came(steps)
        if not moments:
            self._progress.update(
                self._bar, completed=steps, words=f"{steps:,} steps, compiling the validation"
            )
            return
        share = f"{moments[-1].share:.1%} of the optimum"
        drawn = f"  {sparkline([m.share for m in moments])}" if self._drawn else ""
        self._progress.update(
            self._bar, completed=steps, words=f"{steps:,} steps  [bold]{share}[/bold]{drawn}"
        )
        if self._out.is_terminal or moment is None:
            return
        now, rose = self._watched.seconds, moment.share - self._share >= RISE
        if rose or steps >= self._total or now - self._printed >= SECONDS_BETWEEN_LINES:
            self._printed, self._share = now, moment.share
            self._watched.say(f"{steps:>9,} steps  {now:5.1f} s  {share}")


def sparkline(shares: list[float]) -> str:
    """How the share of the optimum went, from 0 or less to 1: at most `DRAWN` blocks, the last one last."""
    count = min(DRAWN, len(shares))
    shown = [shares[(len(shares) - 1) * i // max(1, count - 1)] for i in range(count)]
    top = len(BLOCKS) - 1
    return "".join(BLOCKS[round(top * min(1.0, max(0.0, share)))] for share in shown)
