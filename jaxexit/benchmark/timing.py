"""Wall time of something done again and again."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple


class Timing(NamedTuple):
    """Seconds of each run."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)

    def merged(self, other: Timing) -> Timing:
        """The runs of both."""
        return Timing(self.seconds + other.seconds)

    def rate(self, amount: float) -> dict[str, float | int]:
        """So much a second: median, and the slowest and fastest run."""
        return {
            "median": amount / self.median,
            "min": amount / max(self.seconds),
            "max": amount / min(self.seconds),
            "runs": len(self.seconds),
        }

    def as_json(self) -> dict[str, float | int]:
        """Seconds: median, shortest and longest."""
        return {
            "median": self.median,
            "min": min(self.seconds),
            "max": max(self.seconds),
            "runs": len(self.seconds),
        }


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds until everything that `run` computes is there, and what it returned."""
    import jax

    began = time.perf_counter()
    result = jax.block_until_ready(run())
    return time.perf_counter() - began, result


class Stopwatch:
    """Several things timed in turn, so that what disturbs the machine disturbs them alike."""

    def __init__(self, runs: dict[str, Callable[[], Any]]) -> None:
        """`runs`: by name; each was run before, so that nothing compiles now."""
        self._runs = runs
        self._seconds: dict[str, list[float]] = {name: [] for name in runs}

    def round(self, on_run: Callable[[str], None] = lambda name: None) -> None:
        """Everything once."""
        for name, run in self._runs.items():
            on_run(name)
            self._seconds[name].append(timed(run)[0])

    def __getitem__(self, name: str) -> Timing:
        return Timing(tuple(self._seconds[name]))
