"""A ZIP with one file of any known format is that file."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from jaxexit.data.book import load_bars
from jaxexit.errors import DataError
from tests.data.made import write_bars


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    write_bars(tmp_path)
    return tmp_path / "eurusd.csv"


def packed(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return path


def test_a_file_in_a_zip_is_read_as_the_file_itself(plain: Path, tmp_path: Path) -> None:
    """HistData lays a report beside the data; it is no data."""
    path = packed(tmp_path / "eurusd.any", eurusd__csv=plain.read_bytes(), status__txt=b"no gaps")
    alone, inside = (load_bars(file, price_side="mid") for file in (plain, path))
    np.testing.assert_array_equal(inside.times, alone.times)
    np.testing.assert_array_equal(inside.bid, alone.bid)
    assert "read from eurusd.csv inside the ZIP" in inside.remarks


def test_lean_names_the_day_in_the_file_inside(tmp_path: Path) -> None:
    prices = b"1.1,1.2,1.0,1.1,0,1.1001,1.2001,1.0001,1.1001,0\n"
    rows = b"0," + prices + b"60000," + prices
    name = "20140502_eurusd_minute_quote__csv"
    path = packed(tmp_path / "20140502_quote.zip", **{name: rows})
    assert str(load_bars(path).times[1]) == "2014-05-02T00:01:00.000000000"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a__csv": b"x", "b__csv": b"y"}, r"holds 2 files \(a.csv, b.csv\), and one is wanted"),
        ({}, "cannot be unpacked|empty|not a text file"),
        ({"a__csv": b"time,open\n"}, r"any.zip \(a.csv\): "),
    ],
)
def test_what_is_not_one_file_of_bars_is_one_line(
    files: dict[str, bytes], says: str, tmp_path: Path
) -> None:
    path = packed(tmp_path / "any.zip", **files)
    with pytest.raises(DataError, match=says) as error:
        load_bars(path)
    assert "\n" not in str(error.value)


def test_a_zip_that_was_cut_short_is_one_line(plain: Path, tmp_path: Path) -> None:
    path = packed(tmp_path / "any.zip", bars__csv=plain.read_bytes())
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="cannot be unpacked"):
        load_bars(path)


def test_a_name_inside_cannot_write_outside(tmp_path: Path) -> None:
    outside = tmp_path / "escaped.csv"
    path = tmp_path / "any.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../../../escaped.csv", b"time,open\n")
    with pytest.raises(DataError):
        load_bars(path)
    assert not outside.exists()
