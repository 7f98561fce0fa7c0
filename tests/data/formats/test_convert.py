"""`data convert` and `data inspect`: traps are said, bad files named, nothing half written."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxexit.data.__main__ import main
from jaxexit.data.book import load_bars
from jaxexit.data.zones import as_clock
from tests.data.made import bar_table, write_bars


@pytest.fixture(scope="module")
def server_time(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real bars with the stamps of a New York + 7 server, labelled UTC."""
    table = pd.read_parquet(shared_data / "audusd_m15_bid_2022h1.parquet")
    clock = table["time"].dt.tz_convert("America/New_York").dt.tz_localize(None)
    table["time"] = (clock + pd.Timedelta(hours=7)).dt.tz_localize("UTC")
    path = tmp_path_factory.mktemp("server") / "prices.parquet"
    table.drop(columns="time_source").to_parquet(path)
    return path


def inspected(capsys, *arguments: str) -> dict:
    assert main(["inspect", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["quality"]


def test_a_wrong_utc_label_is_found_by_the_weekends_and_mended(
    server_time: Path, shared_data: Path, tmp_path: Path, capsys
):
    (doubt,) = inspected(capsys, str(server_time))["doubts"]
    assert "data.timezone: America/New_York+7" in doubt
    out = tmp_path / "out.parquet"
    told = ["--source-offset", "America/New_York+7", "--price-side", "bid"]
    assert main(["convert", str(server_time), "--out", str(out), *told]) == 0
    right = load_bars(shared_data / "audusd_m15_bid_2022h1.parquet", price_side="bid")
    assert (load_bars(out).times == right.times).all()
    capsys.readouterr()
    assert inspected(capsys, str(out))["doubts"] == []


def test_real_files_of_the_right_clock_are_not_doubted(shared_data: Path, capsys):
    for name in ("audusd_m15_mid_2020_2025", "eurusd_h1_bidask_2007_2018"):
        found = inspected(capsys, str(shared_data / f"{name}.parquet"))
        assert found["doubts"] == []
        assert found["market_hours_share"] > 0.95


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.assign(spread=0.00012), "price units"),
        (lambda t: t.assign(spread=12), "points of 0.1 pip"),
        (lambda t: (t.set_index("time") * 1e5).round().reset_index(), "multiplied by 100,000"),
        (
            lambda t: (t.set_index("time") + 5e-6 * (np.arange(len(t)) % 2)[:, None]).reset_index(),
            "mid",
        ),
    ],
    ids=["spread in price units", "spread in points", "scaled prices", "half points"],
)
def test_a_trap_is_said(tmp_path: Path, capsys, change, words: str):
    path = write_bars(tmp_path, change(bar_table(rows=400)))
    assert any(words in doubt for doubt in inspected(capsys, str(path))["doubts"])


def test_scaled_prices_are_divided(tmp_path: Path):
    table = bar_table(rows=300)
    path = write_bars(tmp_path, (table.set_index("time") * 1e5).round().reset_index())
    out = tmp_path / "out.parquet"
    arguments = ["--price-side", "bid", "--price-scale", "100000"]
    assert main(["convert", str(path), "--out", str(out), *arguments]) == 0
    np.testing.assert_allclose(load_bars(out).bid[:, 3], table["close"], atol=1e-9)


def test_what_is_written_is_what_is_read(shared_data: Path, tmp_path: Path):
    path, out = shared_data / "eurusd_h1_bidask_2007_2018.parquet", tmp_path / "out.parquet"
    assert main(["convert", str(path), "--out", str(out)]) == 0
    before, after = load_bars(path), load_bars(out)
    assert (before.bid == after.bid).all()
    assert (before.ask == after.ask).all()
    assert (before.times == after.times).all()


def test_no_spread_is_invented(tmp_path: Path):
    out = tmp_path / "eurusd_out.parquet"
    path = str(write_bars(tmp_path))
    assert main(["convert", path, "--out", str(out), "--price-side", "ask"]) == 0
    assert not any(name.startswith("bid") for name in pd.read_parquet(out))
    arguments = ["--price-side", "mid", "--spread-pips", "1.4"]
    assert main(["convert", path, "--out", str(out), *arguments]) == 0
    np.testing.assert_allclose(load_bars(out).spread, 1.4, atol=1e-9)


def test_an_hour_is_made_of_its_quarters(tmp_path: Path):
    path = write_bars(tmp_path)
    quarters = load_bars(path, price_side="bid")
    hours = load_bars(path, price_side="bid", timeframe="H1")
    assert (hours.times == quarters.times[::4]).all()
    bid = quarters.bid.reshape(-1, 4, 4)
    expected = [bid[:, 0, 0], bid[:, :, 1].max(1), bid[:, :, 2].min(1), bid[:, -1, 3]]
    np.testing.assert_array_equal(hours.bid, np.stack(expected, axis=1))


def test_repair_removes_only_what_is_no_bar_and_says_it(tmp_path: Path, capsys):
    table = bar_table(rows=400)
    wrong = pd.concat([table, table.iloc[[7]]], ignore_index=True)
    wrong.loc[20, "high"] = 0.5
    path, out = write_bars(tmp_path, wrong), tmp_path / "out.parquet"
    arguments = ["convert", str(path), "--out", str(out), "--price-side", "bid"]
    assert main(arguments) == 2
    assert not out.exists()
    found = inspected(capsys, str(path))["bad_bars"]
    assert found["high below low"] == 1
    assert main([*arguments, "--repair"]) == 0
    said = capsys.readouterr().out
    assert "1 exact duplicates removed" in said
    assert len(pd.read_parquet(out)) == 399


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--timeframe", "M7"], "expected one of M1"),
        (["--timeframe", "M5"], "expected a multiple of 15 min"),
        (["--tz", "Nowhere"], "expected auto"),
        (["--out", "none/out.parquet"], "create it first"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    tmp_path: Path, capsys, arguments, words: str
):
    path = write_bars(tmp_path)
    before = sorted(tmp_path.iterdir())
    out = ["--out", str(tmp_path / "out.parquet"), "--price-side", "bid"]
    assert main(["convert", str(path), *out, *arguments]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert words in said.err
    assert sorted(tmp_path.iterdir()) == before


def test_the_picture_is_drawn(tmp_path: Path):
    pytest.importorskip("matplotlib")
    path = write_bars(tmp_path)
    assert main(["inspect", str(path), "--png", str(tmp_path / "quality.png")]) == 0
    assert (tmp_path / "quality.png").read_bytes().startswith(b"\x89PNG")


def test_clocks_in_every_writing():
    assert [as_clock(text) for text in ("3", "+3", "-5", "America/New_York+7")] == [
        "UTC+3", "UTC+3", "UTC-5", "America/New_York+7",
    ]  # fmt: skip
