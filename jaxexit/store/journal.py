"""The journal of a registry: what happened, a line each, each with the hash of the line before it.

<root>/registry.journal.jsonl   appended to, never rewritten

A line says what happened to which version, the hashes of the files it speaks of, and what it changed in the
registry. So the registry follows from its journal, and the registry in turn says how far its journal had
come (`journal`: entries, bytes, hash of the last line, hash of its own content). An edit of either is seen by
the other; both can be removed together, and then the run folders tell of looks that nobody has counted.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxexit.errors import RunError
from jaxexit.store.documents.journal import MEND, Entry
from jaxexit.store.documents.reading import checked, parsed
from jaxexit.store.files import explain_write_errors

NAME = "registry.journal.jsonl"
DEEP = 4  # levels of a registry at which changes are told: versions, v1_base, results, test

Content = dict[str, Any]


class Happened(NamedTuple):
    """What a change of the registry was."""

    what: str
    version: str | None = None
    files: Mapping[str, str] = {}  # SHA-256 by path, from the registry's folder
    facts: Mapping[str, Any] = {}


class Line(NamedTuple):
    """An entry as it stands in the file."""

    entry: dict[str, Any]
    sha256: str
    end: int  # bytes of the file up to its end


class Journal:
    """The journal beside a registry."""

    def __init__(self, registry: Path) -> None:
        """Args: the registry's file."""
        self.path = registry.with_name(NAME)

    def size(self) -> int:
        """Bytes; 0 where there is none."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def lines(self, start: int = 0) -> list[Line]:
        """The whole lines from a byte on; one that a kill cut short at the end is left out.

        Raises:
            RunError: a line is no entry.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                content = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RunError(f"{self.path}: cannot be read ({error.strerror}); {MEND}") from None
        found, end = [], start
        for number, text in enumerate(content.split(b"\n")[:-1], 1):
            end += len(text) + 1
            where = f"{self.path}, line {number}" + (f" from byte {start}" if start else "")
            found.append(Line(entry_of(text, where), sha256_of(text), end))
        return found

    def append(self, entries: Sequence[Mapping[str, Any]], number: int, before: str | None) -> Line:
        """Write entries after the last whole line, and sync them to disk.

        Args:
            entries: without their numbers, moments and hashes.
            number: of the last one there.
            before: its hash.

        Returns:
            The last one written.

        Raises:
            RunError: it cannot be written; then nothing was.
        """
        texts = []
        for entry in entries:
            number += 1
            whole = {
                "schema_version": 1,
                "number": number,
                "when": now(),
                "before": before,
                **entry,
            }
            text = json.dumps(whole, allow_nan=False, separators=(",", ":")).encode()
            texts.append(text)
            before = sha256_of(text)
        with explain_write_errors(self.path):
            end = self._whole()
            try:
                with self.path.open("ab") as file:
                    file.truncate(end)
                    file.write(b"".join(text + b"\n" for text in texts))
                    file.flush()
                    os.fsync(file.fileno())
            except OSError:
                self.cut(end)
                raise
        last = texts[-1]
        return Line(json.loads(last), sha256_of(last), end + sum(len(text) + 1 for text in texts))

    def cut(self, end: int) -> None:
        """Take back what was appended after a byte: what it speaks of was not written."""
        if end:
            os.truncate(self.path, end)
        else:
            self.path.unlink(missing_ok=True)

    def _whole(self) -> int:
        """Bytes up to the end of the last whole line."""
        size = self.size()
        if not size:
            return 0
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) == b"\n":
                return size
            file.seek(0)
            return file.read().rfind(b"\n") + 1


def entry_of(text: bytes, where: str) -> dict[str, Any]:
    """An entry from its line.

    Raises:
        RunError: it is none.
    """
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        raise RunError(f"{where}: is not UTF-8 text; {MEND}") from None
    return checked(parsed(decoded, where, MEND), Entry, where)


def entry_for(happened: Happened, changes: Content, **facts: Any) -> Content:
    """What is written of something that happened."""
    known = {"what": happened.what, "version": happened.version, **happened.facts, **facts}
    if happened.files:
        known["files"] = dict(happened.files)
    return {**known, "changes": changes}


def replayed(entries: Iterable[Mapping[str, Any]], content: Content | None = None) -> Content:
    """What a registry is after some entries; `content` before them, which is not changed."""
    state = json.loads(json.dumps(content or {}))
    for entry in entries:
        if entry.get("base"):
            state = {}
        changes = entry.get("changes", {})
        for path, value in changes.get("set", ()):
            _place(state, path)[path[-1]] = json.loads(json.dumps(value))
        for path, items in changes.get("appended", ()):
            known = _place(state, path).setdefault(path[-1], [])
            if isinstance(known, list):
                known.extend(items)
        for path in changes.get("removed", ()):
            _place(state, path).pop(path[-1], None)
    return state


def _place(state: Content, path: Sequence[str]) -> Content:
    place = state
    for key in path[:-1]:
        below = place.get(key)
        place[key] = place = below if isinstance(below, dict) else {}
    return place


def changes_between(before: Content, after: Content) -> Content:
    """What an entry says of a change; empty where there is none."""
    found: dict[str, list[Any]] = {"set": [], "appended": [], "removed": []}
    _differ(before, after, [], found)
    return {name: paths for name, paths in found.items() if paths}


def _differ(before: Content, after: Content, path: list[str], found: dict[str, list[Any]]) -> None:
    for key in {**before, **after}:
        here, old, new = [*path, key], before.get(key), after.get(key)
        if key not in after:
            found["removed"].append(here)
        elif key not in before:
            found["set"].append([here, new])
        elif isinstance(old, dict) and isinstance(new, dict) and len(here) < DEEP:
            _differ(old, new, here, found)
        elif old != new or type(old) is not type(new):
            if isinstance(old, list) and isinstance(new, list) and new[: len(old)] == old:
                found["appended"].append([here, new[len(old) :]])
            else:
                found["set"].append([here, new])


def content_sha256(content: Mapping[str, Any]) -> str:
    """SHA-256 of a registry's canonical JSON, without what it says of its journal."""
    plain = {key: value for key, value in content.items() if key != "journal"}
    return sha256_of(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode())


def sha256_of(text: bytes) -> str:
    """SHA-256 of bytes."""
    return hashlib.sha256(text).hexdigest()


def now() -> str:
    """The moment, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
