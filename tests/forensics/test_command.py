"""`python -m jaxexit.diagnose`, on files as traders have them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.forensics.hand import bars, trade
from tests.support import tiny

EUR = ("--price-side", "bid", "--spread", "1")
BTC = ("--price-side", "mid", "--spread", "2 bps")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A list of twelve trades, and their bars."""
    folder = tmp_path_factory.mktemp("files")
    many = [trade(entry_price=1.1 + i * 1e-6, setup=["a", "b"][i % 2]) for i in range(12)]
    pd.DataFrame(many).to_csv(folder / "mine.csv", index=False)
    bars().to_csv(folder / "EURUSD.csv", index=False)
    return folder / "mine.csv", folder / "EURUSD.csv"


def test_it_prints_one_object_and_writes_a_page(files: tuple[Path, Path], tmp_path: Path) -> None:
    trades, market = files
    page = tmp_path / "page.html"
    code, out, err = tiny.run(
        "diagnose", trades, "--bars", market, "--json", "--report", page, "--risk", "2%",
        "--set", "costs.commission=0.0001", "--after", "3",
    )  # fmt: skip
    assert code == 0, err
    said = json.loads(out)
    assert said["trades"] == 12
    assert said["net_r_total"] < said["gross_r_total"] == pytest.approx(-12, abs=0.1)
    assert said["ratios"]["win_rate"]["value"] == 0.0
    assert said["chances"]["size"] == 0.02
    assert said["settings"]["after"] == 3
    assert {line["by"] for line in said["groups"]} >= {"direction", "weekday", "setup"}
    assert said["report"] == str(page)
    assert "<title>mine.csv" in page.read_text()


def test_the_terminal_says_what_is_gross_and_net_and_how_often_one_looked(
    files: tuple[Path, Path],
) -> None:
    trades, market = files
    code, out, _ = tiny.run("diagnose", trades, "--bars", market, "--no-report")
    assert code == 0
    text = " ".join(out.split())
    assert text.startswith("12 trades, -12.0 R net")
    assert "gross: the list's own prices, taken as paid" in text
    assert "Known only when a trade has ended" not in text  # all of them ended alike
    assert "12 12 12 0 +36.0 0.0 +2.999" in text or "2 x as wide 12 12 12" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--no-report", "--open"], "--no-report: got --report or --open as well"),
        (["--risk", "two"], "expected a share like 0.01 or 1%"),
        (["--filled-at", "noon"], "data.filled_at"),
        (["--set", "ppo.nothing=1"], "ppo.nothing"),
    ],
)
def test_a_mistake_is_one_line(files: tuple[Path, Path], words: list[str], said: str) -> None:
    trades, market = files
    code, out, err = tiny.run("diagnose", trades, "--bars", market, *words)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_the_audusd_list_of_2022_is_what_its_own_bars_confirm(shared_data: Path) -> None:
    """Its exits are exact: one R is lost, one and a half are won; its bars stop what it says."""
    code, out, err = tiny.run(
        "diagnose", shared_data / "audusd_m15_trades_2022h1.csv", "--no-report", "--json",
        "--bars", shared_data / "audusd_m15_bid_2022h1.parquet", "--price-side", "bid", "--spread", "0",
    )  # fmt: skip
    assert code == 0, err
    said = json.loads(out)
    assert said["trades"] == 201
    assert said["ratios"]["win_mean_r"]["value"] == pytest.approx(1.5, abs=1e-3)
    assert said["ratios"]["loss_mean_r"]["value"] == pytest.approx(-1.0, abs=1e-3)
    twice = next(line for line in said["wider_stops"] if line["width"] == 2)
    assert (twice["stopped"], twice["played"]) == (109, 108)  # one lies too near the end
    assert twice["to_target"] + twice["wide_stopped"] + twice["unended"] == 108
    assert sum(line["trades"] for line in said["groups"] if line["by"] == "hour") == 201


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trades", "market", "words"),
    [
        ("symbols_freqtrade_two_pairs/tr_ft_one.json", "btc_h1_utc_epoch_ms.csv", BTC),
        ("size_ignored/tr_btpy_partial.csv", "eur.csv", EUR),
        ("times_not_on_bars/positions_live.html", "eur.csv", EUR),
        ("tradingview_trade_list/tr_tv1.csv", "eur.csv", EUR),
    ],
)
def test_lists_of_other_programs_need_no_more_than_their_bars(
    shared_data: Path, trades: str, market: str, words: tuple[str, ...]
) -> None:
    cases = shared_data / "cases"
    code, out, err = tiny.run(
        "diagnose", cases / trades, "--bars", cases / "_bars" / market, "--no-report", "--json",
        *words,
    )  # fmt: skip
    assert code == 0, err
    assert json.loads(out)["trades"] > 100
