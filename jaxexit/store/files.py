"""Files replaced atomically: a reader sees the old one or the new one, never half of either."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxexit.errors import RunError

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def explain_write_errors(path: Path) -> Iterator[None]:
    """Say in one line why a file cannot be written: disk full, folder read-only, and so on.

    Raises:
        RunError: in place of the OSError of the body.
    """
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written: {error.strerror or error}; make room there, or choose another "
            "--root"
        ) from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place, synced to disk, if the body succeeds.

    Raises:
        RunError: it cannot be written; what was there before still is.
    """
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder so that a kill in the middle leaves no half of it under its name.

    Raises:
        RunError: it cannot be removed, or is a link to somewhere else.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    doomed = folder.with_name(f".removing_{folder.name}")
    with explain_write_errors(folder):
        if folder.is_symlink():
            raise OSError(f"it is a link to {folder.readlink()}")
        shutil.rmtree(doomed, ignore_errors=True)
        folder.replace(doomed)
        shutil.rmtree(doomed)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder beside `folder` that takes its place, synced to disk, if the body succeeds.

    Raises:
        RunError: it cannot be written; what was there before still is.
    """
    with explain_write_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = folder.with_name(f".writing_{folder.name}_{os.getpid()}")
        try:
            temporary.mkdir()
            yield temporary
            for path in temporary.rglob("*"):
                if path.is_file():
                    with path.open("rb") as written:
                        os.fsync(written.fileno())
            remove_folder(folder)
            temporary.replace(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Replace a text file."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Replace a JSON file; not-a-number is refused, since JSON has none."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Replace a Parquet file."""
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False)
