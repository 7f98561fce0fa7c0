"""The registry's file: one JSON object, locked while it is changed and replaced atomically."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from jaxexit.config.load import check_name
from jaxexit.errors import RunError
from jaxexit.store.files import explain_write_errors, write_json

SCHEMA_VERSION = 2
LOCK_SECONDS = 30
SHA256 = re.compile(r"[0-9a-f]{64}")


class RegistryFile:
    """A `registry.json`, which need not be there yet."""

    def __init__(self, path: Path) -> None:
        """Args: the file; its lock is beside it."""
        self.path = path
        self._held = False

    def load(self) -> dict[str, Any]:
        """The registry as it stands, in the current schema; an empty one where there is no file.

        Raises:
            RunError: the file is no registry, one of a newer schema, or has a result without its proof.
        """
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {"schema_version": SCHEMA_VERSION, "active_version": None, "versions": {}}
        except NotADirectoryError:
            raise RunError(f"{self.path.parent}: is not a folder; choose another --root") from None
        except (OSError, ValueError) as error:
            words = " ".join(str(error).split())
            raise RunError(f"{self.path}: cannot be read ({words}); restore it from git") from None
        schema = content.get("schema_version") if isinstance(content, dict) else None
        if type(schema) is int and schema > SCHEMA_VERSION:
            raise RunError(
                f"{self.path}: has schema {schema}, and this jaxexit reads none above {SCHEMA_VERSION}; "
                "install the newer one that wrote it"
            )
        if type(schema) is not int or schema < 1:
            raise RunError(
                f"{self.path}: is not a registry of schema {SCHEMA_VERSION}; restore it from git"
            )
        self._check(content)
        for step in range(schema, SCHEMA_VERSION):
            MIGRATIONS[step](content, self.path.parent)
        return {"active_version": None, **content, "schema_version": SCHEMA_VERSION}

    def _check(self, content: dict[str, Any]) -> None:
        """What holds in every schema: versions with a name and a status, results with their proof."""
        sweeps = content.get("sweeps", [])
        if not isinstance(sweeps, list) or not all(
            isinstance(sweep, dict) and type(sweep.get("trials")) is int for sweep in sweeps
        ):
            raise RunError(f"{self.path}: a sweep has no number of trials; restore it from git")
        rows = content.get("versions")
        if not isinstance(rows, dict) or not all(
            isinstance(row, dict) and "status" in row for row in rows.values()
        ):
            raise RunError(f"{self.path}: a version has no status; restore it from git")
        for name, row in rows.items():
            check_name(name, str(self.path))  # it becomes the name of a folder
            results = row.get("results", {})
            if not isinstance(results, dict) or not all(map(has_proof, results.values())):
                raise RunError(
                    f"{self.path}: a result of {name} has no hash of its snapshot or its checkpoint; "
                    "restore it from git"
                )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the registry: nobody else changes it in between. May be nested.

        Raises:
            RunError: its folder cannot be written, or another process holds it.
        """
        if self._held:
            yield
            return
        root = self.path.parent
        with explain_write_errors(self.path):
            root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(root / ".registry.lock")
            try:
                lock.acquire(timeout=LOCK_SECONDS)
            except Timeout:
                raise RunError(
                    f"{self.path}: is held by another process for {LOCK_SECONDS} s; try again"
                ) from None
        self._held = True
        try:
            yield
        finally:
            self._held = False
            lock.release()

    def change(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Apply a change to the content and replace the file; nobody else can in between.

        Raises:
            RunError: it cannot be read or written, or another process holds it.
        """
        with self.locked():
            content = self.load()
            change(content)
            write_json(self.path, content)

    def change_row(self, version: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Apply a change to a version's row, as `change`.

        Raises:
            RunError: the same, or the version is not registered.
        """
        self.change(lambda content: change(find_row(content, version, self.path)))


def find_row(content: dict[str, Any], version: str, path: Path) -> dict[str, Any]:
    """A version's row in the content of the registry at `path`.

    Raises:
        RunError: it is not registered; the line names the nearest that is.
    """
    rows = content["versions"]
    if version not in rows:
        known = ", ".join(rows) or "none"
        near = difflib.get_close_matches(version, rows, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise RunError(f"{path}: no version '{version}'; registered are: {known}{hint}")
    return rows[version]


def has_proof(result: Any) -> bool:
    """Whether a result carries the hashes of the snapshot and the checkpoint that earned it."""
    return isinstance(result, dict) and all(
        SHA256.fullmatch(str(result.get(name))) for name in ("snapshot_sha256", "checkpoint_sha256")
    )


def path_from(root: Path, file: Path) -> str:
    """Where a file is, from the registry's folder: still true when both are moved or cloned."""
    try:
        return Path(os.path.relpath(file.resolve(), root.resolve())).as_posix()
    except ValueError:  # another drive
        return file.resolve().as_posix()


def _relative_paths(content: dict[str, Any], root: Path) -> None:
    """Schema 1 kept the path of a file outside the registry's folder as this machine had it."""
    for row in content["versions"].values():
        if Path(row.get("path", "")).is_absolute():
            row["path"] = path_from(root, Path(row["path"]))


MIGRATIONS: dict[int, Callable[[dict[str, Any], Path], None]] = {1: _relative_paths}
"""By schema: makes its content, in the registry's folder, that of the next one."""
