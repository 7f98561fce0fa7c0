"""What holds one packed file: a ZIP, as HistData and Lean hand them out, and .gz, .bz2, .xz."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, Any

from jaxexit.data.files.source import Source
from jaxexit.errors import DataError
from jaxexit.resources import TELLING, check_unpacked

MAGIC = b"PK\x03\x04"
PACKED: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}  # files of one stream
_CHUNK = 1 << 20
MOST_NESTED = 2  # packed files one in the other: a .csv.gz in a ZIP
REPORTS = (".txt", ".md", ".pdf", ".html")  # HistData lays a report of gaps beside the data


def recognise(start: bytes) -> bool:
    """Whether a file begins like a ZIP."""
    return start.startswith(MAGIC)


def read(path: Path, reader: Callable[[Path], Source]) -> Source:
    """What `reader` makes of the only data file inside, unpacked for as long as that takes.

    Raises:
        DataError: it is damaged, has a password, or does not hold exactly one file of data.
    """
    try:
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
            member = _only(path, archive)
            # The last part of its name alone: nothing inside decides where it is written.
            unpacked = Path(folder) / PurePosixPath(member.filename).name
            check_unpacked(path, member.compress_size, member.file_size, Path(folder))
            with archive.open(member) as packed, unpacked.open("wb") as file:
                while chunk := packed.read(_CHUNK):
                    file.write(chunk)
                    # What a header says may be untrue: its word bounds what is read, this what is kept.
                    check_unpacked(path, path.stat().st_size, file.tell())
            try:
                source = reader(unpacked)
            except DataError as error:
                inside = f"{path} ({unpacked.name})"
                raise DataError(str(error).replace(str(unpacked), inside)) from None
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        RuntimeError,
        NotImplementedError,
        EOFError,
        OSError,
    ) as error:
        words = " ".join(str(error).split())
        raise DataError(
            f"{path}: cannot be unpacked ({words}); unpack it, and name the file"
        ) from None
    remark = f"read from {unpacked.name} inside the ZIP"
    return replace(source, remarks=(remark, *source.remarks))


def packed(start: bytes) -> Callable[[IO[bytes]], IO[bytes]] | None:
    """What opens a file that begins so, where it is one packed stream."""
    return next((opened for magic, opened in PACKED.items() if start.startswith(magic)), None)


def read_packed(
    path: Path, opened: Callable[[IO[bytes]], IO[bytes]], reader: Callable[[Path], Source]
) -> Source:
    """What `reader` makes of the file inside, which is named as `path` without its last ending.

    Raises:
        DataError: it is damaged, or cut short.
    """
    name = path.stem if path.suffix.lower() in (".gz", ".bz2", ".xz") else path.name
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder) / name
        size, told = path.stat().st_size, False
        try:
            with (
                path.open("rb") as whole,
                opened(whole) as stream,
                unpacked.open("wb") as file,
            ):
                while chunk := stream.read(_CHUNK):
                    file.write(chunk)
                    check_unpacked(path, whole.tell(), file.tell())
                    if file.tell() > TELLING and not told:  # the rest unpacks as its beginning does
                        told = True
                        expected = file.tell() * size // max(whole.tell(), 1)
                        check_unpacked(path, size, expected, Path(folder))
        except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
            words = " ".join(str(error).split())
            raise DataError(
                f"{path}: cannot be unpacked ({words}); unpack it, and name the file"
            ) from None
        try:
            return reader(unpacked)
        except DataError as error:
            raise DataError(str(error).replace(str(unpacked), str(path))) from None


def check_workbook(path: Path) -> None:
    """Refuse an Excel file whose parts unpack to more than there is room for. Raises DataError."""
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    packed_size, size = sum(p.compress_size for p in parts), sum(p.file_size for p in parts)
    check_unpacked(path, packed_size, size, Path(tempfile.gettempdir()))


def is_workbook(path: Path) -> bool:
    """Whether a ZIP is an Excel file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, OSError, NotImplementedError):
        return False


def _is_result(name: str) -> bool:
    """Whether a file in freqtrade's ZIP is the result, not its settings or strategy."""
    return name.endswith(".json") and not name.endswith(("_config.json", ".meta.json"))


def _only(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    files = [
        info
        for info in archive.infolist()
        if not info.is_dir() and not info.filename.startswith("__MACOSX/")
    ]
    data = [info for info in files if not info.filename.lower().endswith(REPORTS)] or files
    results = [info for info in data if _is_result(info.filename)]
    if len(data) > 1 and len(results) == 1:  # freqtrade adds its settings and the strategy
        data = results
    if len(data) != 1:
        some = ", ".join(info.filename for info in data[:4]) or "none"
        raise DataError(
            f"{path}: holds {len(data)} files ({some}), and one is wanted; unpack it, and name the file"
        )
    return data[0]
