"""`benchmark scale`: throughput and memory as one size grows, the others as they are; where it breaks.

Each cell is a process of its own, so that its peak of memory, compiling included, is its own. An update has
two epochs, so that a cell takes seconds: compare the cells with each other, not with `benchmark train`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jaxexit import machine
from jaxexit.benchmark.processes import in_a_process
from jaxexit.errors import RunError
from jaxexit.resources import memory_available

Cell = dict[str, int]
Say = Callable[[str], None]

BASE: Cell = {"envs": 64, "seeds": 1, "width": 256, "bars": 100_000, "trades": 1_000}
SIZES: dict[str, tuple[int, ...]] = {
    "envs": (64, 512, 4_096, 8_192),
    "seeds": (1, 4, 16, 64),
    "width": (64, 256, 1_024),
    "bars": (10_000, 100_000, 1_000_000, 10_000_000),
    "trades": (1_000, 10_000, 100_000, 1_000_000),
}
SAMPLES = 65_536  # of an update, of all environments and seeds together
MINIBATCH, EPOCHS, HORIZON, UPDATES = 1_024, 2, 200, 3
MINUTES = 1  # of a bar: ten million quarters of an hour would reach beyond what a timestamp holds
BYTES_A_BAR = 1_000  # at most, while a market is made and its indicators are computed: in float64


def cells(sizes: dict[str, tuple[int, ...]] = SIZES) -> list[tuple[str, Cell]]:
    """Which size is varied, and the cell."""
    return [(name, BASE | {name: value}) for name, values in sizes.items() for value in values]


def too_large(cell: Cell) -> str | None:
    """Why a cell is left out, None where it is not: what this machine has no memory for."""
    available = memory_available()
    needed = bars_of(cell) * BYTES_A_BAR
    if available is not None and needed > available:
        return f"making the market needs about {needed / 1e9:.0f} GB, {available / 1e9:.0f} GB are free"
    return None


def bars_of(cell: Cell) -> int:
    """Bars of a cell's market: those asked for, or as many as its trades need, one a bar at most."""
    return max(cell["bars"], cell["trades"] + 2 * HORIZON + 500)


def measure(
    yaml: Path,
    *,
    device: str | None,
    say: Say,
    sizes: dict[str, tuple[int, ...]] = SIZES,
) -> dict[str, Any]:
    """The record of `benchmark scale`.

    Args:
        yaml: the version's file.
        device: platform, None for the best there is.
        say: called with what is being measured.
        sizes: what is varied, and over which values.
    """
    rows = []
    measured: dict[str, dict[str, Any]] = {}  # most sizes have the base among their cells
    for name, cell in cells(sizes):
        say(f"{name} {cell[name]:,}")
        words = json.dumps(cell)
        if words not in measured:
            measured[words] = _measured(cell, [yaml, device or machine.DEFAULT_DEVICE, words])
        rows.append({"varied": name, **cell, **measured[words]})
    return {"base": BASE, "samples": SAMPLES, "epochs": EPOCHS, "cells": rows}


def _measured(cell: Cell, words: Sequence[str | Path]) -> dict[str, Any]:
    """What a cell's process found, with an empty compilation cache; `left_out` says why there is nothing."""
    if (why := too_large(cell)) is not None:
        return {"left_out": why}
    with tempfile.TemporaryDirectory() as cache:
        try:
            return {"left_out": None, **in_a_process(__name__, words, Path(cache))}
        except RunError as error:
            return {"left_out": f"broke: {error}"}


def main(words: Sequence[str]) -> None:
    """One cell: make the market, compile, run; print what it took as one JSON object."""
    yaml, device, text = words
    cell: Cell = json.loads(text)
    machine.prepare_jax(None if device == machine.DEFAULT_DEVICE else device)

    import jax
    import numpy as np

    from jaxexit.benchmark.job import make_job
    from jaxexit.benchmark.machine import device_peak_memory, peak_memory
    from jaxexit.benchmark.timing import Timing, timed
    from jaxexit.config import load_experiment
    from jaxexit.data.features import resolve_features
    from jaxexit.data.simulated import realistic, to_dataset
    from jaxexit.learning import make_mesh, update_agents

    width, envs, seeds = cell["width"], cell["envs"], cell["seeds"]
    experiment = load_experiment(
        Path(yaml),
        [
            f"ppo.num_envs={envs}",
            f"ppo.num_steps={max(1, SAMPLES // envs // seeds)}",
            f"ppo.num_epochs={EPOCHS}",
            f"ppo.minibatch_size={MINIBATCH}",
            "ppo.target_kl=null",
            f"network.hidden_sizes=[{width}, {width}]",
            f"env.max_bars={HORIZON}",
        ],
    )
    bars = bars_of(cell)
    began = time.perf_counter()
    made = realistic(
        np.random.default_rng(0),
        bars,
        minutes=MINUTES,
        every=(bars - 2 * HORIZON - 400) // cell["trades"],
        horizon=HORIZON,
    )
    dataset = to_dataset(made, resolve_features(experiment.env.features), train=1.0, validation=0.0)
    making = time.perf_counter() - began
    job = make_job(experiment, dataset)
    mesh = make_mesh(job.learner, seeds)
    *arguments, states, _ = job.arguments(mesh, seeds=seeds)

    def advance() -> Any:
        nonlocal states
        states, metrics = update_agents(*arguments, states, mesh)
        return metrics

    first, _ = timed(advance)
    again = Timing(tuple(timed(advance)[0] for _ in range(UPDATES)))
    measured = {
        "devices": 1 if mesh is None else mesh.size,
        "market_seconds": making,
        "first_update_seconds": first,
        "update_seconds": again.as_json(),
        "steps_per_second": again.rate(job.learner.batch_size * seeds),
        "data_bytes": sum(
            leaf.nbytes for leaf in jax.tree.leaves((job.world.market, job.world.trades))
        ),
        "process_peak_bytes": peak_memory(),
        "device_peak_bytes": device_peak_memory(),
    }
    print(json.dumps(measured))


def draw(record: dict[str, Any], path: Path) -> None:
    """Throughput and memory against each size, as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from jaxexit.store.files import replacing

    names = list(dict.fromkeys(row["varied"] for row in record["cells"]))
    figure, axes = plt.subplots(
        2, len(names), figsize=(3 * len(names), 7), layout="constrained", squeeze=False
    )
    for column, name in enumerate(names):
        rows = [row for row in record["cells"] if row["varied"] == name and row["left_out"] is None]
        sizes = [row[name] for row in rows]
        speed = [row["steps_per_second"]["median"] / 1e3 for row in rows]
        memory = [(row["process_peak_bytes"] or 0) / 1e9 for row in rows]
        for row, (values, label) in enumerate(
            ((speed, "thousand steps a second"), (memory, "peak memory of the process, GB"))
        ):
            where = axes[row, column]
            where.plot(sizes, values, "o-", color="#0072b2")
            where.set(xscale="log", ylim=(0, 1.1 * max(values, default=1)), xlabel=name)
            where.spines[["top", "right"]].set_visible(False)
            if column == 0:
                where.set_ylabel(label)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main(sys.argv[1:])
