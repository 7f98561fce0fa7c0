"""The registry's file: one JSON object, locked while it is changed and replaced atomically."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from jaxexit.errors import RunError
from jaxexit.lab.files import write_json

SCHEMA_VERSION = 1
LOCK_SECONDS = 30


class RegistryFile:
    """A `registry.json`, which need not be there yet."""

    def __init__(self, path: Path) -> None:
        """Args: the file; its lock is beside it."""
        self.path = path

    def load(self) -> dict[str, Any]:
        """The registry as it stands; an empty one where there is no file.

        Raises:
            RunError: the file is not a registry of this schema.
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
        if not isinstance(content, dict) or content.get("schema_version") != SCHEMA_VERSION:
            raise RunError(
                f"{self.path}: is not a registry of schema {SCHEMA_VERSION}; restore it from git"
            )
        rows = content.get("versions")
        if not isinstance(rows, dict) or not all(
            isinstance(row, dict) and "status" in row for row in rows.values()
        ):
            raise RunError(f"{self.path}: a version has no status; restore it from git")
        return {"active_version": None, **content}

    def change(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Apply a change to the content and replace the file; nobody else can in between.

        Raises:
            RunError: it cannot be read or written, or another process holds it.
        """
        root = self.path.parent
        try:
            root.mkdir(parents=True, exist_ok=True)
            with FileLock(root / ".registry.lock", timeout=LOCK_SECONDS):
                content = self.load()
                change(content)
                write_json(self.path, content)
        except Timeout:
            raise RunError(
                f"{self.path}: is held by another process for {LOCK_SECONDS} s; try again"
            ) from None
        except OSError as error:
            raise RunError(
                f"{self.path}: cannot be written: {error.strerror}; choose another --root"
            ) from None
