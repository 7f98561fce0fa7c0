"""`python -m jaxexit.data`: what a trader types, sees, and is told when something is wrong."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxexit.data.__main__ import main
from tests.data.made import bar_table, write_bars


def test_inspect_says_what_a_file_holds_and_how_good_it_is(tmp_path: Path, capsys):
    path = write_bars(tmp_path)
    assert main(["inspect", str(path), "--price-side", "bid", "--spread-pips", "1.4"]) == 0
    first, *report, columns = capsys.readouterr().out.splitlines()
    assert "1,500 bars of 15 min" in first
    assert "bid bars with a constant spread of 1.4 pips" in first
    assert "bad bars: none" in report
    assert columns == "columns: time, open, high, low, close"


def test_inspect_as_json(shared_data: Path, capsys):
    assert main(["inspect", str(shared_data / "eurusd_h1_bidask_2007_2018.parquet"), "--json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert (seen["rows"], seen["step_minutes"]) == (74_439, 60)
    assert seen["spread_pips_median"] == pytest.approx(1.3)
    assert seen["start"] == "2007-01-01T21:00:00Z"


def test_inspect_shows_a_file_whose_side_is_not_known(tmp_path: Path, capsys):
    path = write_bars(tmp_path)
    assert main(["inspect", str(path), "--json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert seen["spread_pips_median"] is None
    assert "set data.price_side" in seen["origin"]


def test_inspect_the_sample(capsys):
    assert main(["inspect", "sample", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 6225


def test_entries_of_every_bar(tmp_path: Path):
    out = tmp_path / "entries.csv"
    bars = ["--bars", str(write_bars(tmp_path)), "--price-side", "mid"]
    assert main(["entries", *bars, "--kind", "every_bar", "--every", "10", "--out", str(out)]) == 0
    entries = pd.read_csv(out)
    assert len(entries) == 2 * 120
    assert np.isnan(entries["exit_time"].to_numpy()).all()
    assert not list(tmp_path.glob(".*.tmp"))


def test_reading_files_does_not_wait_for_jax(repository: Path):
    code = (
        "import sys; from jaxexit.data.__main__ import main; main(['inspect', 'sample']); "
        "sys.exit('jax' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=repository, check=True, stdout=subprocess.PIPE)


def bad_files(folder: Path) -> dict[str, Path]:
    """One file for each mistake."""
    table = bar_table(rows=500)
    wrong_order, twice = table.copy(), table.copy()
    wrong_order.loc[[7, 8]] = wrong_order.loc[[8, 7]].to_numpy()
    twice.loc[8] = twice.loc[7]
    upside_down, hole = table.copy(), table.copy()
    upside_down.loc[5, "high"] = 0.5
    hole.loc[5, "close"] = float("nan")
    (folder / "empty.csv").touch()
    return {
        "no such file": folder / "none.csv",
        "the file is empty": folder / "empty.csv",
        "sort the bars by time": write_bars(folder, wrong_order, "order.csv"),
        "appears twice": write_bars(folder, twice, "twice.csv"),
        "high below low": write_bars(folder, upside_down, "high.csv"),
        "a finite number is needed": write_bars(folder, hole, "nan.csv"),
    }


def test_every_bad_file_is_one_line_exit_code_2_and_nothing_written(tmp_path: Path, capsys):
    for words, path in bad_files(tmp_path).items():
        before = sorted(tmp_path.iterdir())
        out = ["--price-side", "mid", "--out", str(tmp_path / "out.csv")]
        assert main(["entries", "--bars", str(path), "--kind", "ema_bb", *out]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1
        assert words in said.err
        assert sorted(tmp_path.iterdir()) == before


def test_a_bad_file_from_the_shell(tmp_path: Path, repository: Path):
    command = [sys.executable, "-m", "jaxexit.data", "inspect", str(tmp_path / "none.csv")]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path / 'none.csv'}: no such file, check the path\n"


def test_too_few_bars_for_an_entry(tmp_path: Path, capsys):
    path = write_bars(tmp_path, bar_table(rows=120))
    out = ["--price-side", "mid", "--out", str(tmp_path / "out.csv")]
    assert main(["entries", "--bars", str(path), "--kind", "every_bar", *out]) == 2
    assert "bring more bars" in capsys.readouterr().err


def test_an_out_folder_that_does_not_exist(tmp_path: Path, capsys):
    out = ["--price-side", "mid", "--out", str(tmp_path / "none" / "out.csv")]
    assert main(["entries", "--bars", str(write_bars(tmp_path)), "--kind", "every_bar", *out]) == 2
    assert "create it first" in capsys.readouterr().err
