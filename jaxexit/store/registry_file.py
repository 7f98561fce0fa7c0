"""The registry's file: one JSON object, locked while it is changed and replaced atomically.

Every change is first a line of the journal beside it (`store.journal`), so a kill in between loses nothing:
whoever reads the registry next takes what the journal has and the registry has not.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from jaxexit.errors import RunError
from jaxexit.store.documents import RegistryDocument, checked, read_document
from jaxexit.store.documents.parts import SHA256
from jaxexit.store.documents.registry import REGISTRY_SCHEMA
from jaxexit.store.files import explain_write_errors, write_json
from jaxexit.store.journal import (
    Content,
    Happened,
    Journal,
    Line,
    changes_between,
    content_sha256,
    entry_for,
    replayed,
)

SCHEMA_VERSION = REGISTRY_SCHEMA
LOCK_SECONDS = 30


class RegistryFile:
    """A `registry.json`, which need not be there yet."""

    def __init__(self, path: Path) -> None:
        """Args: the file; its lock and its journal are beside it."""
        self.path = path
        self.journal = Journal(path)
        self._held = False

    def load(self) -> Content:
        """The registry as it stands, in the current schema; an empty one where there is no file.

        What its journal has and the file has not (after a kill, or where an older file was put back) is in.

        Raises:
            RunError: the file is no registry, one of a newer schema, or has a result without its proof.
        """
        content = self.written()
        return _empty() if content is None else self._brought_up(content)

    def written(self) -> Content | None:
        """The file alone, in the current schema; None where there is neither it nor a journal.

        Raises: as `load`.
        """
        if self.path.parent.exists() and not self.path.parent.is_dir():
            raise RunError(f"{self.path.parent}: is not a folder; choose another --root")
        content = read_document(self.path, RegistryDocument)
        if content is None:
            return _empty() if self.journal.size() else None
        for step in range(content["schema_version"], SCHEMA_VERSION):
            MIGRATIONS[step](content, self.path.parent)
        return {"active_version": None, **content, "schema_version": SCHEMA_VERSION}

    def _brought_up(self, content: Content) -> Content:
        """The registry with what stands in its journal behind the place that it knows."""
        tail = self.behind(content)
        if not tail:
            return content
        whole = {**_empty(), **replayed([line.entry for line in tail], content)}
        return checked(whole, RegistryDocument, str(self.journal.path))

    def behind(self, content: Content) -> list[Line]:
        """Lines of the journal that are not in this content yet; none where they do not follow from it."""
        known, size = content.get("journal"), self.journal.size()
        if known is None:
            return self.journal.lines() if size and not self.path.exists() else []
        if size <= known["bytes"]:
            return []
        try:
            tail = self.journal.lines(known["bytes"])
        except RunError:  # another journal, or a damaged one: `verify` says which
            return []
        before = known["head"]
        for line in tail:
            if line.entry["before"] != before:
                return []
            before = line.sha256
        return tail

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

    def change(
        self,
        change: Callable[[Content], None],
        happened: Happened,
        unknown: Callable[[Content], list[str]] = lambda content: [],
    ) -> None:
        """Apply a change to the content and replace the file; nobody else can in between.

        Args:
            change: of the content, in place.
            happened: what it is, for the journal; what changes nothing and speaks of no file is not told.
            unknown: runs with results that a content has not counted; asked when the journal is opened.

        Raises:
            RunError: it cannot be read or written, or another process holds it.
        """
        with self.locked():
            written = self.written()
            before = _empty() if written is None else self._brought_up(written)
            content = json.loads(json.dumps(before))
            change(content)
            entries, number, head = self._prelude(written, before, unknown)
            changes = changes_between(_plain(before), _plain(content))
            if changes or happened.files or happened.facts:
                entries.append(entry_for(happened, changes))
            if not entries:
                return
            checked(content, RegistryDocument, str(self.path))
            size = self.journal.size()
            last = self.journal.append(entries, number, head)
            standing = {"entries": last.entry["number"], "bytes": last.end, "head": last.sha256}
            content["journal"] = {**standing, "content": content_sha256(content)}
            try:
                write_json(self.path, content)
            except BaseException:
                self.journal.cut(size)
                raise

    def _prelude(
        self,
        written: Content | None,
        content: Content,
        unknown: Callable[[Content], list[str]],
    ) -> tuple[list[Content], int, str | None]:
        """What the journal must say before a change can be told; number and hash of its last entry.

        Nothing that was done outside of the program is taken over in silence: it is told, for good.
        """
        plain = _plain(content)
        whole = changes_between({}, plain)
        known = (written or {}).get("journal")
        if not self.journal.size():
            facts: Content = {"base": True, "unknown": unknown(content)}
            if known is not None:
                facts["lost"] = {"entries": known["entries"], "head": known["head"]}
            return [entry_for(Happened("opened"), whole, **facts)], 0, None
        lines = self.journal.lines()
        number, head = (lines[-1].entry["number"], lines[-1].sha256) if lines else (0, None)
        tail, found = self.behind(written or _empty()), []
        if known is not None and known["content"] != content_sha256(written or {}):
            told = replayed(line.entry for line in lines)
            found.append(entry_for(Happened("edited"), changes_between(told, plain)))
        if len(tail) > 1 or (tail and known is None):
            found.append(entry_for(Happened("restored"), {}, unentered=len(tail)))
        if not tail and (known is None or (known["head"], known["bytes"]) != (head, lines[-1].end)):
            return [entry_for(Happened("broken"), whole, base=True)], number, head
        return found, number, head

    def change_row(
        self,
        version: str,
        change: Callable[[Content], None],
        happened: Happened,
        unknown: Callable[[Content], list[str]] = lambda content: [],
    ) -> None:
        """Apply a change to a version's row, as `change`.

        Raises:
            RunError: the same, or the version is not registered.
        """
        self.change(
            lambda content: change(find_row(content, version, self.path)), happened, unknown
        )


def _empty() -> Content:
    return {"schema_version": SCHEMA_VERSION, "active_version": None, "versions": {}}


def _plain(content: Content) -> Content:
    """A content without what it says of its journal."""
    return {key: value for key, value in content.items() if key != "journal"}


def find_row(content: Content, version: str, path: Path) -> Content:
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


def _relative_paths(content: Content, root: Path) -> None:
    """Schema 1 kept the path of a file outside the registry's folder as this machine had it."""
    for row in content["versions"].values():
        path = row.get("path")
        if path and Path(path).is_absolute():
            row["path"] = path_from(root, Path(path))


MIGRATIONS: dict[int, Callable[[Content, Path], None]] = {1: _relative_paths}
"""By schema: makes its content, in the registry's folder, that of the next one."""
