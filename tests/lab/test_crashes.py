"""The crash harness: a training killed with SIGKILL at 50 random moments ends as if nothing had happened.

Every update is saved, so that about half of the moments lie inside the writing of a checkpoint. After each
kill the registry is whole, and what the program says to do next is done.
"""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from jaxexit.store.registry import Registry
from tests.support import tiny

KILLS = 50
UPDATES = 40
EVERY_UPDATE = ("--set", "evaluation.checkpoint_every=1")
START_SECONDS = 8.0  # about as long as a process takes to its first update
ODD_ONES_OUT = 0.25  # share of the kills that come anywhere from the start of the process on


class Left(NamedTuple):
    """What a session left behind."""

    code: int
    err: str
    where: str  # the kill came


def session(yaml: Path, root: Path, how: tuple[str, ...], random: np.random.Generator) -> Left:
    """Train, and be killed at a random moment, if it is not over before."""
    folder = root / "v1_tiny"
    before = len(tiny.lines_of(folder / "metrics.jsonl"))
    with tiny.running("train", yaml, "--root", root, "--quiet", *EVERY_UPDATE, *how) as process:

        def moved() -> bool:
            lines = len(tiny.lines_of(folder / "metrics.jsonl"))
            return lines not in (0, before) or process.poll() is not None

        if random.uniform() < ODD_ONES_OUT:
            time.sleep(random.uniform(0.0, START_SECONDS))
        else:
            tiny.wait_until(moved)
            time.sleep(random.uniform(0.0, 0.8))
        process.send_signal(signal.SIGKILL)
        _, err = process.communicate(timeout=tiny.PATIENCE)
    return Left(process.returncode, err, where(folder, before, process.pid))


def where(folder: Path, before: int, process: int) -> str:
    """Where a kill came, as far as the files tell: what earlier processes left may still be there."""
    lines = len(tiny.lines_of(folder / "metrics.jsonl"))
    if (folder / "models" / f".writing_{process}").exists():
        return "while a checkpoint was written"
    if (folder / "models" / "final.json").exists():
        return "after the last update"
    return "between updates" if lines not in (0, before) else "before the first update"


def next_step(left: Left) -> tuple[str, ...]:
    """What to do after a session: go on, unless the program said otherwise."""
    if "start over with --overwrite" in left.err:
        return ("--overwrite",)
    return () if "train without --resume first" in left.err else ("--resume",)


def ending(root: Path) -> dict[str, Any]:
    """All that a run has learned and earned, without what a clock or a second look changes."""
    folder = root / "v1_tiny"
    lines = tiny.lines_of(folder / "metrics.jsonl")
    summary = json.loads((folder / "results" / "test" / "summary.json").read_text())
    for policy in summary["policies"].values():
        policy.pop("deflated_sharpe", None)  # a kill after the look makes the next one the second
    row = Registry(root).version("v1_tiny")
    return {
        "checkpoints": {one["step"]: one["sha256"] for one in tiny.checkpoints_of(folder)},
        "pointers": [
            (folder / "models" / f"{name}.json").read_text() for name in ("best", "final")
        ],
        "metrics": [{k: v for k, v in line.items() if k != "seconds"} for line in lines],
        "trades": (folder / "results" / "test" / "trades.parquet").read_bytes(),
        "summary": summary,
        "row": (row["status"], row["trained_steps"], row["snapshot_sha256"]),
    }


def finished(yaml: Path, root: Path, *how: str) -> dict[str, Any]:
    code, _, err = tiny.run_process("train", yaml, "--root", root, "--quiet", *EVERY_UPDATE, *how)
    assert code == 0, err
    return ending(root)


@pytest.mark.slow
def test_a_training_killed_at_fifty_random_moments_ends_bit_for_bit(tmp_path: Path):
    random = np.random.default_rng(17)
    yaml = tiny.write_tiny(tmp_path, updates=UPDATES)
    straight = finished(yaml, tmp_path / "straight")
    kills: Counter[str] = Counter()
    stories, how = 1, ()
    while kills.total() < KILLS:
        root = tmp_path / f"story_{stories}"
        left = session(yaml, root, how, random)
        rows = Registry(root).versions()  # never half a registry
        if left.code == 0:
            assert ending(root) == straight
            stories, how = stories + 1, ()
            continue
        assert left.code in (-signal.SIGKILL, 2), left.err
        how = next_step(left)
        if left.code == 2:  # the program has said how to go on, and changed nothing
            notes = [line for line in left.err.splitlines() if line.startswith("note: v1_tiny: ")]
            assert left.err.count("\n") == 1 + len(notes), left.err  # a run may have come back
            assert how != ("--resume",), left.err
            continue
        # A run that --overwrite was to replace may have come back; nothing else is told.
        told = [line for line in left.err.splitlines() if not line.startswith("note: v1_tiny: ")]
        if told:  # killed after it had said how to go on, before it could end
            assert len(told) == 1, left.err
            assert told[0].startswith("error: "), left.err
        assert {row["status"] for row in rows.values()} <= {"pending", "interrupted", "completed"}
        kills[left.where] += 1
    root = tmp_path / f"story_{stories}"
    while (left := tiny.run_process("train", yaml, "--root", root, "--quiet", *EVERY_UPDATE, *how))[
        0
    ] == 2:
        how = next_step(Left(left[0], left[2], ""))
    assert left[0] == 0, left[2]
    assert ending(root) == straight
    print(f"{kills.total()} kills in {stories} trainings: {dict(kills)}")
    assert kills["while a checkpoint was written"] >= 5
    assert kills["between updates"] + kills["before the first update"] >= 5
