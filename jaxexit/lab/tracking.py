"""Metrics of a run: metrics.jsonl is the record, Weights & Biases a view of it."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any, Protocol

from jaxexit.config import Experiment, resolved
from jaxexit.lab.files import write_text, writing

INIT_SECONDS = 15  # W&B itself would wait 90 for a network that is not there


class Record(Protocol):
    """Where the lines of metrics go."""

    def write(self, line: dict[str, Any]) -> None:
        """Record one update."""
        ...

    def close(self) -> None:
        """End the record."""
        ...


class NoRecord:
    """Of a process whose metrics another one records."""

    def write(self, line: dict[str, Any]) -> None:
        """Leave it to the other process."""

    def close(self) -> None:
        """Nothing is open."""


class MetricsWriter:
    """Appends a line an update; mirrors the scalars to W&B if asked.

    W&B may fail in any way (no network, no login, a crash of its service): that is said once, and
    training goes on with the record alone.
    """

    def __init__(self, path: Path, *, after_update: int = 0) -> None:
        """Open the record.

        Args:
            path: metrics.jsonl.
            after_update: updates that are in the checkpoint being resumed; later lines, which a killed
                run wrote past its last checkpoint, are dropped.
        """
        self._run: Any = None
        self._path = path
        kept = [line for line in read_metrics(path) if line["update"] <= after_update]
        if path.exists() and kept:
            write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not kept:
                path.unlink(missing_ok=True)
            self._file = path.open("a", encoding="utf-8")

    def mirror_to_wandb(self, experiment: Experiment, mode: str, folder: Path) -> None:
        """Also send scalars to W&B, by environment steps."""
        tracking = experiment.tracking
        try:
            import wandb

            self._run = wandb.init(
                mode=mode,  # type: ignore[arg-type]
                project=tracking.project,
                entity=tracking.entity,
                group=tracking.group,
                tags=list(tracking.tags),
                name=experiment.version,
                config=resolved(experiment),
                dir=str(folder),
                # Silent, since stdout may carry our JSON; and it must not hold up a training for long.
                settings=wandb.Settings(
                    silent=True,
                    console="off",
                    init_timeout=INIT_SECONDS,
                    login_timeout=INIT_SECONDS,
                ),
            )
        except Exception as error:
            self._give_up(error)

    def write(self, line: dict[str, Any]) -> None:
        """Record one update; `line` must have `update` and `env_steps`.

        Raises:
            RunError: the disk is full, or gone.
        """
        text = json.dumps(line, allow_nan=False) + "\n"
        with writing(self._path):
            try:
                self._file.write(text)
                self._file.flush()
            except OSError:
                with contextlib.suppress(OSError):  # it would try again to write the rest
                    self._file.close()
                raise
        if self._run is not None:
            scalars = {k: v for k, v in line.items() if isinstance(v, int | float)}
            try:
                self._run.log(scalars, step=line["env_steps"])
            except Exception as error:
                self._give_up(error)

    def close(self) -> None:
        """End the record and the W&B run."""
        self._file.close()
        if self._run is not None:
            try:
                self._run.finish()
            except Exception as error:
                self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._run = None
        try:
            import wandb

            wandb.teardown(exit_code=0)  # else it would print a traceback when the program ends
        except Exception:  # it is broken: that is why we are here
            pass
        words = " ".join(str(error).split())[:200]
        print(f"note: W&B is off from here on ({words}); metrics.jsonl goes on", file=sys.stderr)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl; a last line that was cut short by a kill is left out."""
    if not path.exists():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines
