"""`benchmark start`: from the start of a process to help, to the imports done, and to the first update."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxexit.benchmark.processes import with_cache
from jaxexit.benchmark.timing import Timing
from jaxexit.errors import RunError

RUNS = 5
TRAININGS = 3
PATIENCE = 600.0  # seconds: on a busy machine compiling takes long
LOOK = 0.002  # seconds between two reads of the metrics file
Say = Callable[[str], None]


def measure(
    yaml: Path, overrides: Sequence[str], *, device: str | None, say: Say
) -> dict[str, Any]:
    """The record of `benchmark start`; the training is the real command, stopped after one update.

    Args:
        yaml: the version's file; it is trained as it is configured.
        overrides: changes of it.
        device: platform, None for the best there is.
        say: called with what is being measured.
    """
    python = sys.executable
    commands = {
        "help": [python, "-m", "jaxexit", "--help"],
        "import": [python, "-c", "import jaxexit"],
        "import_to_train": [python, "-c", "import jaxexit.lab.training, jaxexit.lab.results"],
    }
    record: dict[str, Any] = {}
    for name, command in commands.items():
        say(name)
        record[f"{name}_seconds"] = Timing(tuple(_seconds(command) for _ in range(RUNS))).as_json()
    platform = [] if device is None else ["--device", device]
    settings = [word for override in overrides for word in ("--set", override)]
    cold, warm = [], []
    for number in range(TRAININGS):
        with tempfile.TemporaryDirectory() as folder:
            cache = Path(folder) / "cache"
            for kind, seconds in (("cold", cold), ("warm", warm)):
                say(f"first update, {kind}, {number + 1} of {TRAININGS}")
                root = _own_root(yaml, Path(folder) / kind)
                seconds.append(_first_update(root / yaml.name, [*settings, *platform], cache))
    return record | {
        "first_update_cold_seconds": Timing(tuple(cold)).as_json(),
        "first_update_warm_seconds": Timing(tuple(warm)).as_json(),
    }


def _seconds(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _own_root(yaml: Path, folder: Path) -> Path:
    """A folder with the experiments' files alone: neither runs nor registry of the user are touched."""
    folder.mkdir(parents=True)
    for file in yaml.parent.glob("*.yaml"):
        shutil.copy(file, folder)
    return folder


def _first_update(yaml: Path, words: Sequence[str], cache: Path) -> float:
    """Seconds from the start of `train` to its first line of metrics; then it is ended."""
    metrics = yaml.with_suffix("") / "metrics.jsonl"
    command = [sys.executable, "-m", "jaxexit.train", str(yaml), "--quiet", *words]
    began = time.perf_counter()
    with subprocess.Popen(
        command, env=with_cache(cache), stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            while not (metrics.exists() and b"\n" in metrics.read_bytes()):
                if process.poll() is not None:
                    _, message = process.communicate()
                    last = (message.strip().splitlines() or ["no message"])[-1]
                    raise RunError(f"the training ended before its first update: {last}")
                if time.perf_counter() - began > PATIENCE:
                    raise RunError(f"no update after {PATIENCE:.0f} s; the machine is too busy")
                time.sleep(LOOK)
            return time.perf_counter() - began
        finally:
            process.kill()
