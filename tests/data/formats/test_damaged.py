"""Whatever is wrong with a file: a result, or one line that says so; never a traceback, never for long."""

import gzip
import io
import json
import random
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jaxexit.data.book import load_bars
from jaxexit.data.trades import load_trades
from jaxexit.errors import DataError
from tests.data.formats.test_broker_lists import (
    CTRADER,
    EXECUTIONS,
    FILLS,
    MYFXBOOK,
    NINJA_EU,
    PAIRS,
    SLASHES,
    flex,
    statement,
)
from tests.data.formats.test_exchanges import FILES

CANDLE = {"time": "2020-01-01T00:00:00Z", "complete": True, "volume": 1}
HEADER = "time,open,high,low,close\n"
JUNK = (
    b"1e300", b"-1", b"nan", b"null", b"99999999999999999999", b"0001-01-01", b"2263-01-01 00:00",
    b"\xff\xfe", b'""', b"[]", b"{}", b"inf",
)  # fmt: skip


def read(path: Path) -> list[str]:
    """What both readers say to a file: one line each, or nothing."""
    said = []
    for reader in (
        lambda: load_bars(path, price_side="mid", spread_pips=1.0),
        lambda: load_trades(path, "auto"),
    ):
        try:
            reader()
        except DataError as error:
            said.append(str(error))
            assert "\n" not in said[-1]
    return said


def candles(mid: object) -> str:
    return json.dumps({"candles": [{**CANDLE, "mid": mid}] * 3})


def bars_at(stamp: str) -> str:
    return f"{HEADER}{stamp} 00:00,1,1,1,1\n{stamp} 01:00,1,1,1,1\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", candles([1, 2])),
        ("a.json", candles(None)),
        ("a.json", candles({"o": None, "h": {}, "l": [], "c": 1})),
        ("a.json", json.dumps({"candles": [None, None]})),
        ("a.json", json.dumps({"candles": [1, 2]})),
        ("a.json", json.dumps({"strategy": {"S": 1}})),
        ("a.json", json.dumps({"strategy": {"S": {"trades": [1, 2]}}})),
        ("a.json", json.dumps([{"open_rate": 1}, 3])),
        ("a.json", json.dumps([[1e300, 1, 1, 1, 1]] * 3)),
        ("a.json", "[" * 100_000),
        ("a.html", "<html><![foo<table><tr><td>1"),
        ("a.csv", bars_at("0001-01-01")),
        ("a.csv", bars_at("1600-01-01")),
        ("a.csv", bars_at("2263.01.01")),
        ("a.csv", bars_at("9999-12-31")),
        ("a.csv", f"{HEADER}99999999999999999999,1,1,1,1\n99999999999999999998,1,1,1,1\n"),
        ("a.csv", HEADER + "".join(f"2020-01-01 0{h}:00,{'1e300,' * 3}1e300\n" for h in (0, 1))),
        ("a.csv", HEADER + "".join(f"2020-01-01 0{h}:00,{'1e-300,' * 3}1e-300\n" for h in (0, 1))),
        ("a.csv", HEADER + "".join(f"2020-01-01 00:00:00.00000000{n},1,1,1,1\n" for n in (0, 1))),
    ],
)  # fmt: skip
def test_impossible_files_are_refused_in_one_line(tmp_path: Path, name: str, content: str):
    (tmp_path / name).write_text(content)
    assert len(read(tmp_path / name)) == 2


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_damaged_archive_is_refused(tmp_path: Path, method: int):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("bars.csv", HEADER + "2020-01-01 00:00,1,1,1,1\n" * 500)
    damaged = bytearray(packed.getvalue())
    damaged[50:75] = b"\xff" * 25
    (tmp_path / "a.zip").write_bytes(bytes(damaged))
    assert len(read(tmp_path / "a.zip")) == 2


def test_headers_that_lie_are_refused(tmp_path: Path):
    words = "{'descr': [('time','<i8')], 'fortran_order': False, 'shape': (1000000000000,), }"
    header = words.encode().ljust(117) + b"\n"
    huge = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(100)
    (tmp_path / "huge.npy").write_bytes(huge)
    assert len(read(tmp_path / "huge.npy")) == 2
    frame = pd.DataFrame({"time": [1, 2], "open": [1.0, 1.0]})
    lie = b'{"index_columns": ["nope"], "columns": [{"name": 5}], "column_indexes": []}'
    table = pa.Table.from_pandas(frame).replace_schema_metadata({b"pandas": lie})
    pq.write_table(table, tmp_path / "lie.parquet")
    assert len(read(tmp_path / "lie.parquet")) == 2


def damaged(content: bytes, rng: random.Random) -> bytes:
    """A file with a few bytes changed, put in, taken out, or cut off."""
    some = bytearray(content[:40_000])
    for _ in range(rng.choice([1, 1, 3, 10])):
        at, kind = rng.randrange(max(len(some), 1)), rng.randrange(5)
        if kind == 0 and some:
            some[at] = rng.randrange(256)
        elif kind == 1:
            some[at:at] = bytes([rng.choice(b'0123456789-.,;\n\t"e[]{}')])
        elif kind == 2:
            del some[at : at + rng.randrange(1, 40)]
        elif kind == 3:
            some[at:at] = rng.choice(JUNK)
        else:
            del some[at + 1 :]
    return bytes(some)


@pytest.mark.parametrize("rounds", [2, pytest.param(80, marks=pytest.mark.slow)])
def test_every_sample_damaged_at_random_gives_a_result_or_one_line(
    shared_data: Path, tmp_path: Path, rounds: int
):
    folders = [
        shared_data / "formats",
        *(p for p in (shared_data / "cases").iterdir() if p.is_dir()),
    ]
    files = sorted(p for folder in folders for p in folder.iterdir() if p.suffix != ".md")
    assert len(files) > 30
    rng = random.Random(rounds)
    for file in files:
        content = file.read_bytes()
        for _ in range(rounds):
            path = tmp_path / f"damaged{file.suffix}"
            path.write_bytes(damaged(content, rng))
            read(path)


@pytest.mark.parametrize("rounds", [2, pytest.param(80, marks=pytest.mark.slow)])
def test_files_made_from_documentation_damaged_at_random_give_a_result_or_one_line(
    tmp_path: Path, rounds: int
):
    lists = (
        NINJA_EU,
        FILLS,
        CTRADER,
        SLASHES,
        MYFXBOOK,
        statement(*PAIRS),
        flex("Trade", *EXECUTIONS),
    )
    contents = [content for _, content in FILES.values()] + [text.encode() for text in lists]
    contents.append(gzip.compress(contents[0]))
    rng = random.Random(rounds)
    for content in contents:
        for _ in range(rounds):
            (tmp_path / "damaged").write_bytes(damaged(content, rng))
            read(tmp_path / "damaged")
