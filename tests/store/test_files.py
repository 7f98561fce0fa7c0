"""A file of a run is the old one or the new one, whatever happens in between."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from jaxexit.errors import RunError
from jaxexit.store.files import (
    explain_write_errors,
    remove_folder,
    write_json,
    write_parquet,
    write_text,
)


def test_a_file_is_replaced_and_nothing_else_is_left_in_its_folder(tmp_path: Path):
    write_text(tmp_path / "deep" / "a.txt", "old")
    write_text(tmp_path / "deep" / "a.txt", "new: 1.3 pips ±")
    write_json(tmp_path / "deep" / "b.json", {"pips": 1.3})
    write_parquet(tmp_path / "deep" / "c.parquet", pd.DataFrame({"net_pips": [1.5, -2.0]}))
    assert (tmp_path / "deep" / "a.txt").read_text(encoding="utf-8") == "new: 1.3 pips ±"
    assert pd.read_parquet(tmp_path / "deep" / "c.parquet")["net_pips"].tolist() == [1.5, -2.0]
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"a.txt", "b.json", "c.parquet"}


def test_a_number_that_json_has_no_word_for_leaves_the_old_file(tmp_path: Path):
    write_json(tmp_path / "a.json", {"sharpe": 1.0})
    before = (tmp_path / "a.json").read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"sharpe": float("nan")})
    assert (tmp_path / "a.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_place_that_cannot_be_written_is_said_in_one_line(tmp_path: Path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(RunError, match=r"a\.txt: cannot be written: File exists") as caught:
        write_text(tmp_path / "file" / "a.txt", "x")
    assert "\n" not in str(caught.value)
    with (
        pytest.raises(RunError, match="No space left on device; make room there"),
        explain_write_errors(tmp_path / "a.txt"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_kill_at_any_moment_leaves_a_whole_file(tmp_path: Path):
    code = (
        "import sys; from pathlib import Path; from jaxexit.store.files import write_text\n"
        "n = 0\n"
        "while True:\n"
        "    write_text(Path(sys.argv[1]), str(n) * 200_000); n = (n + 1) % 10\n"
    )
    path = tmp_path / "a.txt"
    for attempt in range(5):
        writer = subprocess.Popen([sys.executable, "-c", code, str(path)])
        deadline = time.monotonic() + 20
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.003 + 0.011 * attempt)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        text = path.read_text()
        assert len(text) == 200_000
        assert len(set(text)) == 1


def test_a_folder_that_is_removed_vanishes_but_a_link_is_not_followed(tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    write_text(elsewhere / "precious.txt", "x")
    write_text(tmp_path / "models" / "step_1" / "a", "x")
    remove_folder(tmp_path / "models")
    remove_folder(tmp_path / "models")  # nothing there: nothing to do
    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere"]
    (tmp_path / "models").symlink_to(elsewhere)
    with pytest.raises(RunError, match="models: cannot be written: it is a link to"):
        remove_folder(tmp_path / "models")
    assert (elsewhere / "precious.txt").is_file()
