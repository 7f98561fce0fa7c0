"""A training so small that it takes seconds: 1,500 made bars, 64 steps of 4 environments an update."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from jaxexit.__main__ import main
from tests.data.made import write_bars

REPOSITORY = Path(__file__).resolve().parent.parent.parent
STEPS_PER_UPDATE = 4 * 64
PATIENCE = 1800.0  # seconds: only what never ends takes so long, on the slowest machine
UPDATES = 20  # of the run that the session shares
TINY = """\
description: A training of seconds.
data: {{bars: '{bars}', price_side: mid, warmup: 100, every: 3}}
env: {{max_bars: 20}}
ppo: {{num_envs: 4, num_steps: 64, minibatch_size: 64, num_epochs: 2, total_timesteps: {steps}}}
network: {{hidden_sizes: [16]}}
evaluation: {{validate_every: 3, checkpoint_every: 2}}
"""


class Trained(NamedTuple):
    """A version that was trained, and what the command said."""

    yaml: Path
    code: int
    out: str
    err: str

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.yaml.with_suffix("")

    def copied_to(self, root: Path) -> Path:
        """A copy of run folder, registry and YAML file, to be changed; the copy's YAML file."""
        shutil.copytree(self.yaml.parent, root, dirs_exist_ok=True)
        return root / self.yaml.name


def write_tiny(folder: Path, name: str = "v1_tiny", *, updates: int = 10, more: str = "") -> Path:
    """A tiny experiment's YAML file beside its bars; `more` is YAML to append."""
    folder.mkdir(parents=True, exist_ok=True)
    bars = folder / "eurusd.csv"
    if not bars.exists():
        write_bars(folder)
    path = folder / f"{name}.yaml"
    path.write_text(TINY.format(bars=bars, steps=updates * STEPS_PER_UPDATE) + more)
    return path


@contextmanager
def running(command: str, *words: str | Path) -> Iterator[subprocess.Popen[str]]:
    """`python -m jaxexit.<command> ...` as a process of its own, gone at the end whatever happens."""
    with subprocess.Popen(
        [sys.executable, "-m", f"jaxexit.{command}", *map(str, words)],
        cwd=REPOSITORY,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(command: str, *words: str | Path) -> tuple[int, str, str]:
    """`jaxexit <command> ...` in this process, which has its programs already: exit code, stdout, stderr."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        contextlib.chdir(REPOSITORY),
        warnings.catch_warnings(),
        patch.object(
            sys, "argv", [str(REPOSITORY / "jaxexit" / f"{command}.py"), *map(str, words)]
        ),  # for the provenance
    ):
        warnings.simplefilter("default")  # as in a process of its own: told, not raised
        code = main([command, *map(str, words)])
    return code, out.getvalue(), err.getvalue()


def run_process(command: str, *words: str | Path) -> tuple[int, str, str]:
    """The same in a process of its own."""
    with running(command, *words) as process:
        out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def wait_until(true: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Look again and again, for a bounded time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"nothing happened in {seconds} s"
        time.sleep(0.002)


def lines_of(metrics: Path) -> list[dict[str, Any]]:
    """The complete lines of a metrics.jsonl; none while there is no file."""
    text = metrics.read_text(encoding="utf-8") if metrics.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def checkpoints_of(folder: Path) -> list[dict[str, Any]]:
    """The manifests of a run's checkpoints, the oldest first."""
    found = [json.loads(p.read_text()) for p in folder.glob("models/step_*/manifest.json")]
    return sorted(found, key=lambda manifest: manifest["step"])


def contents(root: Path) -> dict[str, tuple[int, str]]:
    """Every file below a folder: when it was written, and its SHA-256; empty where there is no folder."""
    return {
        str(path.relative_to(root)): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in sorted(root.rglob("*"))
    }
