"""Measuring in a separate process: what a start costs, and how much memory a piece of work needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxexit import machine
from jaxexit.errors import RunError


def with_cache(folder: Path | None) -> dict[str, str]:
    """The environment of a process with its compilation cache in a folder; None: the user's own."""
    return dict(os.environ) | ({} if folder is None else {machine.CACHE_VARIABLE: str(folder)})


def in_a_process(
    module: str,
    words: Sequence[str | Path],
    cache: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What a module of this package prints as its last line, one JSON object, in a fresh interpreter.

    Args:
        module: with a `main`.
        words: its arguments.
        cache: folder of its compilation cache; None: the user's own.
        environment: variables beside this process's own.

    Raises:
        RunError: the process has failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, words)],
        env=with_cache(cache) | dict(environment or {}),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise RunError(f"{module} failed in a separate process: {lines[-1]}")
    return json.loads(done.stdout.splitlines()[-1])
