"""Run folders as a whole: locked by one process at a time, moved aside rather than overwritten.

<root>/.v2_exit_guards.lock   the lock; beside the folder, so that the folder can be moved while it is held
<root>/v2_exit_guards         the run
<root>/v2_exit_guards.1       an earlier run, moved aside by --overwrite; `.2`, ... are others
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from jaxexit.errors import RunError
from jaxexit.store.files import explain_write_errors

LOCK_SECONDS = 0.5  # longer than a check whether the lock is held takes
VERSION = re.compile(r"v[0-9]+_[a-z0-9_]+")
ARCHIVED = re.compile(r"(v[0-9]+_[a-z0-9_]+)\.([1-9][0-9]*)")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder, which need not exist yet, for this process.

    Raises:
        RunError: another process holds it, or its parent cannot be written.
    """
    lock = FileLock(_lock_of(folder))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        raise RunError(
            f"{folder.name} is being trained by another process; wait for it, or stop it"
        ) from None
    except OSError as error:
        raise RunError(
            f"{folder}: cannot be written: {error.strerror}; choose another --root"
        ) from None
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Whether a living process of this machine holds the folder; a lock ends with its process."""
    if not _lock_of(folder).exists():
        return False
    try:
        with FileLock(_lock_of(folder), timeout=0):
            return False
    except (Timeout, OSError):  # held; or not ours to try, so it cannot be ruled out
        return True


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


def set_aside(folder: Path) -> Path | None:
    """Move a folder to the first free of `<folder>.1`, `<folder>.2`, ... by one rename.

    Only for the process that holds its lock.

    Returns:
        Where it is now; None where there was nothing to move.

    Raises:
        RunError: it cannot be moved.
    """
    with explain_write_errors(folder):
        if not folder.is_dir() or not any(folder.iterdir()):
            return None
        names = (folder.with_name(f"{folder.name}.{number}") for number in count(1))
        aside = next(name for name in names if not os.path.lexists(name))
        folder.rename(aside)
    return aside


def archived_version(name: str) -> str | None:
    """The version of a name such as `v2_exit_guards.1`; None where the name is no archived run's."""
    match = ARCHIVED.fullmatch(name)
    return None if match is None else match[1]


def archived_folders(folder: Path) -> list[Path]:
    """The runs moved aside from `folder`, by number."""
    found = [
        (int(path.suffix[1:]), path)
        for path in folder.parent.glob(f"{folder.name}.*")
        if path.suffix[1:].isdecimal() and path.stem == folder.name and path.is_dir()
    ]
    return [path for _, path in sorted(found)]
