"""Whether the record of a root is whole: its journal's chain, and the registry against it.

Nothing here reads more than the registry, its journal and the summaries; `store.recomputed` goes through the
files of the runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jaxexit.config.text import shown
from jaxexit.errors import RunError
from jaxexit.store.journal import Journal, Line, content_sha256, entry_of, replayed, sha256_of
from jaxexit.store.record_files import uncounted

if TYPE_CHECKING:
    from jaxexit.store.registry_file import RegistryFile

VERIFY = "python -m jaxexit.registry verify"
MOST_NAMED = 20  # fields of one edit


class Finding(NamedTuple):
    """Something that is not as the program left it.

    Attributes:
        kind: `edited`, `removed`, `added`, `reset`, `moved`, `unknown`.
        where: the file, and the place in it.
        said: what, in words.
    """

    kind: str
    where: str
    said: str


class Telling(NamedTuple):
    """A journal as it can be read: whole entries in order, and what is wrong with them."""

    lines: list[Line]
    findings: list[Finding]
    sound: bool  # the chain holds, so a registry can be compared with it


# --- the journal itself -------------------------------------------------------------------


def read_journal(journal: Journal) -> Telling:
    """Entries that can be read, and where the chain does not hold."""
    try:
        content = journal.path.read_bytes()
    except OSError:
        return Telling([], [], sound=False)
    lines: list[Line] = []
    findings: list[Finding] = []
    *texts, rest = content.split(b"\n")
    end, hashed, last = 0, None, 0
    for place, text in enumerate(texts, 1):
        end += len(text) + 1
        where = f"{journal.path.name}, line {place}"
        try:
            entry = entry_of(text, where)
        except RunError as error:
            said = str(error).removeprefix(f"{where}: ").partition("; python -m")[0]
            findings.append(Finding("edited", where, f"is no entry: {said}"))
            hashed, last = sha256_of(text), last + 1
            continue
        number = entry["number"]
        if number > last + 1:
            findings.append(Finding("removed", where, f"{_span(last + 1, number - 1)} removed"))
        elif number <= last:
            findings.append(
                Finding(
                    "moved", where, f"entry {number} stands after entry {last}: put in or moved"
                )
            )
        elif entry["before"] != hashed:
            findings.append(
                Finding("edited", where, f"entry {number - 1} before it is not as it was written")
            )
        hashed, last = sha256_of(text), number
        lines.append(Line(entry, hashed, end))
    if rest:
        findings.append(Finding("edited", journal.path.name, "its last line was cut short"))
    return Telling(lines, findings, sound=not findings)


def _span(first: int, last: int) -> str:
    return f"entry {first} was" if first == last else f"entries {first} to {last} were"


def told(lines: list[Line], path: Path) -> list[Finding]:
    """What entries themselves say of edits and losses, for good."""
    found: list[Finding] = []
    for line in lines:
        entry, where = line.entry, f"{path.name}, entry {line.entry['number']}"
        if lost := entry.get("lost"):
            said = f"an earlier journal of {lost['entries']} entries was removed before it"
            found.append(Finding("removed", where, said))
        if unknown := entry.get("unknown"):
            said = (
                f"the registry was begun over runs with results on test that it had not counted "
                f"({', '.join(unknown)}): how often test was looked at is unknown"
            )
            found.append(Finding("reset", where, said))
        if entry["what"] == "edited":
            said = (
                f"the registry had been edited before {entry['when']}: {_changed(entry['changes'])}"
            )
            found.append(Finding("edited", where, said))
        if entry["what"] == "restored":
            said = f"an older registry or none was there before {entry['when']}; its journal made it whole"
            found.append(Finding("reset", where, said))
        if entry["what"] == "broken":
            said = f"before {entry['when']} registry and journal did not belong together"
            found.append(Finding("reset", where, said))
    return found


def _changed(changes: Mapping[str, Any]) -> str:
    paths = [*(pair[0] for pair in changes.get("set", ())), *changes.get("removed", ())]
    paths += [pair[0] for pair in changes.get("appended", ())]
    names = [".".join(path) for path in paths[:MOST_NAMED]]
    return ", ".join(names) or "keys"


def against_journal(file: RegistryFile, telling: Telling) -> Iterator[Finding]:
    """Where the registry is not what its journal says."""
    name = file.path.name
    written = file.written() if file.path.exists() else None
    if written is None:
        if telling.lines:
            yield Finding(
                "removed", name, "is gone; its journal has all of it, the next change restores it"
            )
        return
    known = written.get("journal")
    if known is None:
        if telling.lines:
            yield Finding(
                "edited", name, "does not say how far its journal had come: edited, or older"
            )
            yield from differences(telling, written, name)
        return
    if not file.journal.size():
        said = f"is gone; the registry knows of {known['entries']} entries"
        yield Finding("removed", file.journal.path.name, said)
    elif file.journal.size() < known["bytes"]:
        there = telling.lines[-1].entry["number"] if telling.lines else 0
        said = (
            f"ends at entry {there}; the registry knows of {known['entries']}: the end was removed"
        )
        yield Finding("removed", file.journal.path.name, said)
    elif telling.sound:
        at = next((line for line in telling.lines if line.end == known["bytes"]), None)
        if at is None or at.sha256 != known["head"]:
            said = "is not the one that the registry was written with: made anew, or its end was edited"
            yield Finding("reset", file.journal.path.name, said)
        elif at is not telling.lines[-1]:
            behind = telling.lines[-1].entry["number"] - at.entry["number"]
            yield Finding(
                "reset",
                name,
                f"is older than its journal by {_entries(behind)}: an older file was put back, or a kill "
                "came while it was written; the journal's are counted",
            )
    if content_sha256(written) != known["content"]:
        yield Finding("edited", name, "is not as the program wrote it")
        behind = {id(line) for line in file.behind(written)} if telling.sound else set()
        upto = [
            line for line in telling.lines if line.end <= known["bytes"] and id(line) not in behind
        ]
        yield from differences(telling._replace(lines=upto), written, name)


def _entries(count: int) -> str:
    return "one entry" if count == 1 else f"{count} entries"


def differences(telling: Telling, written: Mapping[str, Any], name: str) -> Iterator[Finding]:
    """Field by field where a registry is not what its journal says."""
    if not telling.lines or not telling.sound:
        return
    was = replayed(line.entry for line in telling.lines)
    yield from _fields(was, {k: v for k, v in written.items() if k != "journal"}, name, "")


def _fields(was: Any, now: Any, name: str, key: str) -> Iterator[Finding]:
    """Each difference of two values, named by its dotted key."""
    if isinstance(was, dict) and isinstance(now, dict):
        for part in {**was, **now}:
            below = f"{key}.{part}".lstrip(".")
            if part not in now:
                yield Finding("removed", f"{name}: {below}", f"the journal has {shown(was[part])}")
            elif part not in was:
                yield Finding(
                    "added", f"{name}: {below}", f"{shown(now[part])}, the journal has none"
                )
            else:
                yield from _fields(was[part], now[part], name, below)
    elif isinstance(was, list) and isinstance(now, list):
        if len(was) != len(now):
            kind = "removed" if len(now) < len(was) else "added"
            said = f"has {len(now)}, the journal {len(was)}"
            yield Finding(kind, f"{name}: {key}", said)
        for number, (old, new) in enumerate(zip(was, now, strict=False)):
            yield from _fields(old, new, name, f"{key}.{number}")
    elif was != now or type(was) is not type(now):
        said = f"is {shown(now)}, the journal has {shown(was)}"
        yield Finding("edited", f"{name}: {key}", said)


# --- in short -----------------------------------------------------------------------------


def doubt(file: RegistryFile) -> str | None:
    """Why the count of looks at test cannot be trusted, in a few words; None where nothing says so.

    An older registry without a journal is taken at its word, unless runs beside it have results on test
    that it has not counted.
    """
    telling = read_journal(file.journal)
    known = (file.written() or {}).get("journal") if file.path.exists() else None
    if not telling.lines and not telling.findings and known is None:
        content = file.load()
        unknown = uncounted(file.path.parent, content)
        return f"how often is unknown: {', '.join(unknown)} not counted here" if unknown else None
    reset = [line for line in telling.lines if line.entry.get("unknown")]
    found = [*telling.findings, *told(telling.lines, file.journal.path)]
    found += against_journal(file, telling)
    if not found:
        return None
    if reset:
        return "how often is unknown: the registry was begun anew over runs with results"
    kinds = " and ".join(dict.fromkeys(one.kind for one in found))
    return f"the record was {kinds}: {VERIFY}"
