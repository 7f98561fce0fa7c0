"""Starting over without losing the last good run: the old one is kept aside until the new one is safe.

    <run>/.replacing/   the old run on its way aside, or back: whatever is in it belongs back
    <run>/.replaced/    the old run, whole; the files beside it are those of the new one

Both names appear by one rename, so a kill at any moment leaves one of three states, and each says what to do.
"""

from __future__ import annotations

import os
from pathlib import Path

from jaxexit.lab.files import remove_folder, writing

OWN = (
    "experiment.yaml",
    "provenance.json",
    "metrics.jsonl",
    "models",
    "results",
    "export",
    "README.md",
)
"""What a run writes. Other files in its folder are the user's, and stay."""


def is_unsettled(run: Path) -> bool:
    """Whether there is an old run to put back, or to forget."""
    return any((run / name).is_dir() for name in (".replaced", ".replacing"))


def set_aside(run: Path) -> None:
    """Move what a run wrote out of the way of a new one. Finish, or undo, what a kill left first.

    Raises:
        RunError: something cannot be moved.
    """
    put_back(run)
    if not any((run / name).exists() for name in OWN):
        return
    moving = run / ".replacing"
    with writing(moving):
        moving.mkdir()
        for name in OWN:
            if (run / name).exists():
                (run / name).replace(moving / name)
        moving.replace(run / ".replaced")


def discard(run: Path) -> None:
    """The new run is safe: forget the old one.

    Raises:
        RunError: it cannot be removed.
    """
    aside = run / ".replaced"
    if aside.is_dir():
        if hasattr(os, "sync"):
            os.sync()  # or a power failure could still take the new run's first checkpoint
        remove_folder(aside)


def put_back(run: Path) -> bool:
    """Undo a starting over that never came to a checkpoint; forget an old run whose successor did.

    Only for whoever holds the run: a training in its first updates looks the same.

    Returns:
        Whether an old run was put back.

    Raises:
        RunError: something cannot be moved.
    """
    aside, moving = run / ".replaced", run / ".replacing"
    if aside.is_dir():
        if any((run / "models").glob("step_*/manifest.json")):
            discard(run)
            return False
        with writing(aside):
            for name in OWN:
                if (run / name).is_dir():
                    remove_folder(run / name)
                else:
                    (run / name).unlink(missing_ok=True)
            aside.replace(moving)
    if not moving.is_dir():
        return False
    with writing(moving):
        for name in OWN:
            if (moving / name).exists():
                (moving / name).replace(run / name)
        moving.rmdir()
    return True
