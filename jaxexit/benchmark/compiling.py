"""What compiling the update takes, cold and from the persistent cache, each in a process of its own."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxexit import machine
from jaxexit.benchmark.processes import in_a_process


def measure(yaml: Path, overrides: Sequence[str], device: str | None) -> dict[str, Any]:
    """Seconds of tracing, lowering and compiling the update, and the memory of a process that runs one.

    Returns: `cold`, with an empty cache folder, and `cached`, with the one that the first left behind.
    """
    words = [str(yaml), device or machine.DEFAULT_DEVICE, *overrides]
    with tempfile.TemporaryDirectory() as folder:
        return {name: in_a_process(__name__, words, Path(folder)) for name in ("cold", "cached")}


def main(words: Sequence[str]) -> None:
    """Compile, run one update, and print what it took as one JSON object."""
    yaml, device, *overrides = words
    machine.prepare_jax(None if device == machine.DEFAULT_DEVICE else device)

    from jaxexit.benchmark.job import open_job
    from jaxexit.benchmark.machine import device_peak_memory, peak_memory
    from jaxexit.benchmark.timing import timed
    from jaxexit.learning import make_mesh, update_agents

    job = open_job(Path(yaml), overrides)
    arguments = job.arguments(make_mesh(job.learner, 1))
    seconds, began = {}, time.perf_counter()
    stage: Any = update_agents.trace(*arguments)
    for name, onward in (("trace", "lower"), ("lower", "compile")):
        seconds[name] = time.perf_counter() - began
        began = time.perf_counter()
        stage = getattr(stage, onward)()
    seconds["compile"] = time.perf_counter() - began
    seconds["first_update"] = timed(lambda: stage(*arguments[4:7]))[0]  # those that are traced
    needed = stage.memory_analysis()
    program = None
    if needed is not None:
        program = sum(
            getattr(needed, f"{what}_size_in_bytes") for what in ("argument", "output", "temp")
        )
        program -= needed.alias_size_in_bytes
    measured = {
        "seconds": seconds,
        "program_bytes": program,
        "process_peak_bytes": peak_memory(),
        "device_peak_bytes": device_peak_memory(),
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main(sys.argv[1:])
