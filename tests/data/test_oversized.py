"""Files that become more than they seem, and more than there is room for: refused in one line, at once."""

import io
import time
import zipfile
from pathlib import Path

import pytest

from jaxexit import resources
from jaxexit.config import load_experiment
from jaxexit.config.load import MOST_PARENTS
from jaxexit.data.files.reader import read_source
from jaxexit.errors import DataError, UserError
from jaxexit.live.lines import read_line
from jaxexit.resources import MOST_LINE, bounded_lines
from tests.support import oversized

ATTACKS = {attack.name: attack for attack in oversized.attacks()}
DEAREST = 3.0  # seconds of the processor: the rule is one, and test machines are slow
QUICK = [
    name
    for name in ATTACKS
    if not name.startswith((".", "a .", "a ZIP, ", "a workbook", "Parquet", "a chain of 2"))
]


def refused(name: str, folder: Path) -> str:
    """The line with which an attack is refused."""
    attack = ATTACKS[name]
    path = attack.make(folder)
    start = time.process_time()
    with pytest.raises(UserError) as caught:
        attack.attempt(path)
    spent = time.process_time() - start
    words = str(caught.value)
    assert "\n" not in words
    assert len(words) < 500
    assert str(folder) in words
    assert spent < DEAREST, f"{name}: {spent:.1f} s"
    return words


@pytest.mark.parametrize("name", QUICK)
def test_a_file_that_is_more_than_it_seems_is_refused_at_once(name: str, tmp_path: Path):
    refused(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(ATTACKS) - set(QUICK)))
def test_a_bomb_is_refused_by_its_running_size(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(resources, "memory_available", lambda: 1 << 29)
    refused(name, tmp_path)


def test_a_zip_is_refused_by_its_declared_size_before_a_byte_is_unpacked(tmp_path: Path):
    words = refused(f"a ZIP that says {1 << 36:,} bytes", tmp_path)
    assert "would unpack to 68.7 GB" in words


def test_a_stream_is_refused_by_its_ratio_after_the_first_megabytes(tmp_path: Path):
    path = tmp_path / "bars.csv.xz"
    path.write_bytes(b"")
    with pytest.raises(
        DataError, match=r"0\.0 MB of it unpack to 100\.0 MB, as no bars or trades do"
    ):
        resources.check_unpacked(path, 10_000, 100_000_000)


def test_what_memory_does_not_hold_is_named_with_what_it_would_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(resources, "memory_available", lambda: 4_000_000_000)
    path = tmp_path / "ticks.csv"
    with path.open("wb") as file:
        file.write(b"time,bid,ask\n")
        file.truncate(2_000_000_000)  # sparse: it takes no room
    with pytest.raises(DataError) as caught:
        read_source(path)
    said = "its 2.0 GB would need about 6.0 GB of memory, and 4.0 GB are free: give fewer years"
    assert said in str(caught.value)


def test_a_zip_of_ordinary_bars_is_read_as_ever(tmp_path: Path):
    assert len(read_source(oversized.small_bars(tmp_path)).table) == 5000


def test_a_packed_file_in_a_zip_is_read_and_one_deeper_is_not(tmp_path: Path):
    import gzip

    inner = gzip.compress(b"time,open,high,low,close\n" + b"2022-01-03T00:00:00Z,1,1,1,1\n" * 9)
    path = tmp_path / "bars.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bars.csv.gz", inner)
    assert len(read_source(path).table) == 9
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bars.csv.gz.gz", gzip.compress(inner))
    with pytest.raises(DataError, match="packed in packed files"):
        read_source(path)


def test_a_chain_of_experiments_is_read_up_to_its_bound(tmp_path: Path):
    (tmp_path / "v1_a.yaml").write_text("description: a\nhypothesis: b\n")
    for i in range(2, 7):
        (tmp_path / f"v{i}_a.yaml").write_text(f"extends: v{i - 1}_a.yaml\n")
    assert load_experiment(tmp_path / "v6_a.yaml").parent == "v5_a"
    words = refused("a chain of 300 experiments", tmp_path)
    assert f"a chain of more than {MOST_PARENTS} files" in words


def test_a_line_without_end_is_cut_and_the_next_one_is_whole():
    stream = io.StringIO("x" * (3 * MOST_LINE + 7) + '\n{"a": 1}\n' + "y" * (MOST_LINE + 5))
    first, second, third = bounded_lines(stream)
    assert len(first) == len(third) == MOST_LINE + 1
    assert second == '{"a": 1}\n'


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("x" * (MOST_LINE + 1), "is longer than 1,000,000 characters"),
        ('{"a": ' + "[" * 100_000, "is not a JSON object"),
        ('{"a": ' + "9" * 10_000 + "}", "is not a JSON object"),
        ("9" * 400, "is not a JSON object"),
    ],
)
def test_a_line_that_is_too_much_for_advise_is_refused_in_one_line(line: str, says: str):
    with pytest.raises(DataError, match=says) as refused:
        read_line(line)
    assert "\n" not in str(refused.value)
