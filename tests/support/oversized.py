"""A generator of attacks on memory, disk and time: small files that become large ones, and endless text.

Each makes its file in an empty folder, a few kilobytes or megabytes of it, and tries to have it read.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jaxexit.config import load_experiment
from jaxexit.data.files.reader import read_source

BOMB = 400_000_000  # bytes that the running size must stop: unpacked whole they take seconds
MADE = 1 << 22
HEAD = "description: a\nhypothesis: b\n"


class Attack(NamedTuple):
    """One file that is more than it seems."""

    name: str
    make: Callable[[Path], Path]  # in an empty folder
    attempt: Callable[[Path], object]


def attacks() -> Iterator[Attack]:
    """All of them; each must be refused with one line, in a second."""
    openers: Any = (("gz", gzip.open), ("bz2", bz2.open), ("xz", lzma.open))
    for name, opened in openers:
        yield Attack(f"a .{name} of one line again and again", _stream(name, opened), read_source)
    for name, method in (
        ("deflated", zipfile.ZIP_DEFLATED),
        ("bzip2", zipfile.ZIP_BZIP2),
        ("lzma", zipfile.ZIP_LZMA),
    ):
        yield Attack(f"a ZIP, {name}", _zip(method), read_source)
    for declared in (1 << 20, 1 << 36, 1 << 62):
        yield Attack(f"a ZIP that says {declared:,} bytes", _lying(declared), read_source)
    for depth in (3, 40):
        yield Attack(f"a ZIP in a ZIP, {depth} deep", _nested(depth), read_source)
    yield Attack("a workbook of one cell again and again", _workbook, read_source)
    yield Attack("Parquet of 40 million zeros in kilobytes", _parquet, read_source)
    yield Attack("NumPy of 10^12 rows by its header", _numpy, read_source)
    for size in (1 << 40, 1 << 42):
        yield Attack(f"a sparse file of {size:,} bytes", _sparse(size), read_source)
    yield Attack("a chain of 300 experiments", _chain(300), load_experiment)
    yield Attack("a chain of 2,000 experiments", _chain(2000), load_experiment)
    yield Attack("YAML of 50 MB", _yaml(HEAD + "# " + "x" * 50_000_000), load_experiment)
    yield Attack(
        "YAML of 900 kB of values", _yaml(HEAD + "a: [" + "1," * 450_000 + "1]"), load_experiment
    )
    yield Attack(
        "YAML of 900 kB of keys",
        _yaml("".join(f"k{i}: 1\n" for i in range(90_000))),
        load_experiment,
    )
    yield Attack("YAML 100,000 deep", _yaml("a: " + "[" * 100_000), load_experiment)
    aliases = "a0: &a0 [x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 30)
    )
    yield Attack("YAML of aliases of aliases", _yaml(aliases), load_experiment)
    yield Attack("aliases of aliases as a key", _yaml(aliases + "? *a29\n: 1\n"), load_experiment)
    yield Attack(
        "aliases of aliases as a name", _yaml(aliases + "description: *a29\n"), load_experiment
    )
    yield Attack("YAML that holds itself", _yaml("a: &a [*a]\n"), load_experiment)


def _text(size: int) -> Iterator[bytes]:
    """A CSV of one bar again and again, a megabyte at a time."""
    yield b"time,open,high,low,close\n"
    block = (b"2022-01-03T00:00:00Z,1.1,1.1,1.1,1.1\n" * 30_000)[: 1 << 20]
    for _ in range(size >> 20):
        yield block


def _stream(name: str, opened: Callable[..., IO[bytes]]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / f"bars.csv.{name}"
        with opened(path, "wb") as file:
            for block in _text(BOMB):
                file.write(block)
        return path

    return make


def _zip(method: int, size: int = BOMB) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / "bars.zip"
        with zipfile.ZipFile(path, "w", method) as archive, archive.open("bars.csv", "w") as file:
            for block in _text(size):
                file.write(block)
        return path

    return make


def _lying(declared: int) -> Callable[[Path], Path]:
    """A ZIP whose directory says another size than what is in it."""

    def make(folder: Path) -> Path:
        path = _zip(zipfile.ZIP_DEFLATED, MADE)(folder)
        data = bytearray(path.read_bytes())
        at = data.rindex(b"PK\x01\x02")
        if declared < 1 << 32:
            struct.pack_into("<I", data, at + 24, declared)
            path.write_bytes(data)
            return path
        # The ZIP64 extra field behind the name.
        name = struct.unpack_from("<H", data, at + 28)[0]
        struct.pack_into("<I", data, at + 24, 0xFFFFFFFF)
        struct.pack_into("<H", data, at + 30, 12)
        extra = struct.pack("<HHQ", 1, 8, declared)
        place = at + 46 + name
        data[place:place] = extra
        end = data.rindex(b"PK\x05\x06")
        size = struct.unpack_from("<I", data, end + 12)[0]
        struct.pack_into("<I", data, end + 12, size + len(extra))
        path.write_bytes(data)
        return path

    return make


def _nested(depth: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        content = b"time,open,high,low,close\n" + b"2022-01-03T00:00:00Z,1,1,1,1\n" * 100
        name = "bars.csv"
        for level in range(depth):
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(name, content)
            content, name = packed.getvalue(), f"level{level}.zip"
        path = folder / name
        path.write_bytes(content)
        return path

    return make


def _workbook(folder: Path) -> Path:
    path = folder / "bars.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as file:
            block = b"<row><c><v>1.1</v></c></row>" * 40_000
            for _ in range(BOMB // len(block)):
                file.write(block)
    return path


def _parquet(folder: Path) -> Path:
    """Zeros, forty million rows of them: a hundred kilobytes that need gigabytes."""
    path = folder / "bars.parquet"
    zeros = pa.array(np.zeros(1_000_000))
    table = pa.table(dict.fromkeys(("open", "high", "low", "close"), zeros))
    with pq.ParquetWriter(path, table.schema, compression="zstd", use_dictionary=True) as writer:
        for _ in range(40):
            writer.write_table(table)
    return path


def _numpy(folder: Path) -> Path:
    path = folder / "rates.npy"
    header = (
        "{'descr': [('time', '<i8'), ('open', '<f8')], 'fortran_order': False, "
        "'shape': (1000000000000,)}"
    )
    header = header.ljust(117) + "\n"
    path.write_bytes(
        b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(160)
    )
    return path


def _sparse(size: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / "bars.csv"
        with path.open("wb") as file:
            file.write(b"time,open,high,low,close\n2022-01-03T00:00:00Z,1,1,1,1\n")
            file.truncate(size)
        return path

    return make


def _chain(length: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        for i in range(1, length + 1):
            text = f"extends: v{i - 1}_a.yaml\n" if i > 1 else HEAD
            (folder / f"v{i}_a.yaml").write_text(text)
        return folder / f"v{length}_a.yaml"

    return make


def _yaml(text: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / "v1_a.yaml"
        path.write_text(text)
        return path

    return make


def small_bars(folder: Path) -> Path:
    """A ZIP of bars as they are: to be read."""
    table = pd.DataFrame({"time": pd.date_range("2022-01-03", periods=5000, freq="15min")})
    for name in ("open", "high", "low", "close"):
        table[name] = 1.1
    path = folder / "bars.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bars.csv", table.to_csv(index=False))
    return path
