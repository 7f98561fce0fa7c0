"""What reading may take: memory, unpacked bytes, the length of a line. More is refused with one line."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from jaxexit.errors import DataError

MOST_LINE = 1_000_000  # characters of a line on standard input; a bar has about a hundred
LARGEST = 1 << 34  # bytes unpacked; a file of bars that is larger is none
MOST_RATIO, TELLING = 200, 1 << 26  # unpacked bytes a packed one, where so many were unpacked
MEMORY_A_BYTE = 3  # of a file of text, at least, while it becomes numbers
_LIMITS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


def memory_available() -> int | None:
    """Bytes that could be used without swapping, None where the system does not tell.

    In a container it is what the container's limit leaves, where that is less.
    """
    listed = Path("/proc/meminfo")
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.is_file() else []
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    for limit, used in _LIMITS:
        try:
            most, now = (Path(name).read_text(encoding="utf-8").strip() for name in (limit, used))
        except OSError:
            continue
        if most.isdigit() and now.isdigit():
            found.append(max(int(most) - int(now), 0))
    return min(found) if found else None


def check_memory(path: Path, needed: float, what: str) -> None:
    """Refuse what memory does not hold.

    Args:
        path: the file.
        needed: bytes, at least.
        what: what needs them: "its 3.1 GB of text".

    Raises:
        DataError: with how much it needs, how much is free, and what to do.
    """
    free = memory_available()
    if free is not None and needed > free:
        raise DataError(
            f"{path}: {what} would need about {_size(needed)} of memory, and {_size(free)} are free: give "
            "fewer years or longer bars, a file at a time, or use a machine with more"
        )


def check_file(path: Path) -> None:
    """Refuse a file whose text memory does not hold. Raises DataError."""
    size = path.stat().st_size
    if size > TELLING:
        check_memory(path, MEMORY_A_BYTE * size, f"its {_size(size)}")


def check_unpacked(path: Path, packed: int, unpacked: int, folder: Path | None = None) -> None:
    """Refuse what a packed file says that it unpacks to, or has unpacked to so far.

    Args:
        path: the packed file.
        packed: bytes of it, or of what was unpacked so far.
        unpacked: bytes that come of them.
        folder: where all of them will be written to; None: they are there already.

    Raises:
        DataError: they are too many for a file of bars, for the disk or for memory, or come of next to
            nothing.
    """
    if unpacked > LARGEST:
        raise DataError(f"{path}: would unpack to {_size(unpacked)}; is it what you mean?")
    if unpacked <= TELLING:
        return
    if unpacked > MOST_RATIO * max(packed, 1):
        raise DataError(
            f"{path}: {_size(packed)} of it unpack to {_size(unpacked)}, as no bars or trades do: is it what "
            "you mean? Unpack it, and name the file"
        )
    free = unpacked if folder is None else shutil.disk_usage(folder).free
    if unpacked > free:
        raise DataError(
            f"{path}: would unpack to {_size(unpacked)}, and {_size(free)} are free in {folder}: make room "
            "there, or set TMPDIR to a folder on a larger disk"
        )
    check_memory(path, MEMORY_A_BYTE * unpacked, f"the {_size(unpacked)} that it unpacks to")


def bounded_lines(stream: TextIO) -> Iterator[str]:
    """Lines as they come, each cut behind `MOST_LINE` characters: what follows is read and forgotten."""
    while line := stream.readline(MOST_LINE + 1):
        rest = line
        while len(rest) > MOST_LINE and not rest.endswith("\n"):
            rest = stream.readline(MOST_LINE + 1)
        yield line


def _size(count: float) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"
