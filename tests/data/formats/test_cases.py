"""Bar files that were once misread: stamps of two units, points, candles, sheets, symbols, ends of bars."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxexit.__main__ import main
from jaxexit.data import Dataset, load_dataset
from jaxexit.data.book import load_bars
from jaxexit.data.spreads import point_of
from jaxexit.data.times import to_utc
from jaxexit.data.trades import load_trades
from jaxexit.errors import DataError
from jaxexit.evaluate.statistics import compare
from jaxexit.units import PERCENT, Unit
from tests.data.made import experiment


@pytest.fixture(scope="module")
def cases(shared_data: Path) -> Path:
    return shared_data / "cases"


def test_epochs_are_read_each_in_its_own_unit(cases: Path):
    """Binance's milliseconds became microseconds in 2025, half way through a file."""
    path = cases / "epoch_units_mixed" / "BTCUSDT-1h-2024-2025.csv"
    bars = load_bars(path, price_side="mid", spread_pips=1.0, pip=1.0)
    assert set(np.diff(bars.times)) == {np.timedelta64(1, "h")}
    assert str(bars.times[0])[:13] == "2024-12-16T20"


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_an_epoch_is_utc_whatever_the_clock_of_stamps_without_an_offset_is(unit: str):
    moment = np.datetime64("2024-07-01T10:00:00", "ns")
    numbers = pd.Series([int(moment.astype(f"datetime64[{unit}]").astype(np.int64))] * 2)
    assert to_utc(numbers, "Europe/Berlin", "x")[0] == moment
    server = to_utc(numbers, "Europe/Berlin", "x", server_epochs=True)[0]
    assert moment - server == np.timedelta64(2, "h")


@pytest.mark.parametrize("number", [1e300, 9.3e18, 9e10, np.inf, -1e19])
def test_numbers_that_are_no_time_are_refused_in_one_line(number: float):
    with pytest.raises(DataError) as caught:
        to_utc(pd.Series([1.7e9, number]), "UTC", "a file")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "pip", "spread"),
    [
        ("XAUUSD_H1.csv", None, 0.25),
        ("XAUUSD_H1.csv", 0.01, 0.25),
        ("US30_H1.csv", None, 2.0),
        ("BTCUSD_H1.csv", 1.0, 20.0),
    ],
)
def test_a_point_is_the_files_last_digit_whatever_a_pip_is(
    cases: Path, name: str, pip: float | None, spread: float
):
    bars = load_bars(cases / "mt5_points_not_fx" / name, pip=pip)
    np.testing.assert_allclose(np.median(bars.ask - bars.bid), spread, rtol=1e-9)


@pytest.mark.parametrize(
    ("price", "point"), [(1.08512, 1e-5), (151.203, 1e-3), (2300.25, 0.01), (38985.4, 0.1)]
)
def test_points_of_the_usual_quotes(price: float, point: float):
    prices = np.round(price + point * np.arange(400).reshape(100, 4), 8)
    assert point_of(prices) == pytest.approx(point)


@pytest.mark.parametrize("name", ["BTC_USDT-1h.feather", "BTC_USDT-1h.json"])
def test_freqtrades_candles_are_read(cases: Path, name: str):
    bars = load_bars(cases / "freqtrade_candles" / name, price_side="mid", pip=1.0, spread_pips=1.0)
    assert len(bars.times) == 400
    assert str(bars.times[0]) == "2024-11-01T00:00:00.000000000"
    np.testing.assert_allclose(bars.mid[0], [60027.83, 60227.78, 60015.66, 60060.38])


def test_a_frame_whose_index_has_no_name_is_read(cases: Path):
    bars = load_bars(
        cases / "pandas_csv_unnamed_index" / "GOOG.csv", price_side="mid", spread="1 bps"
    )
    assert str(bars.times[0])[:10] == "2019-01-02"


def test_ninjatraders_minutes_are_stamped_at_their_end_and_histdatas_are_not(cases: Path):
    path = cases / "ninjatrader_minute_is_histdata" / "ES 03-23.Last.txt"
    bars = load_bars(path, price_side="mid", spread="1 tick", tick_size=0.25)
    assert bars.market.kind == "future"
    assert bars.unit == Unit("ticks", 0.25)
    np.testing.assert_allclose(bars.ask - bars.bid, 0.25)
    assert str(bars.times[0])[:16] == "2023-01-02T00:00"  # stamped 00:01, UTC
    assert bars.family == "NinjaTrader minutes"


def test_one_negative_spread_does_not_refuse_a_file(cases: Path):
    bars = load_bars(cases / "negative_spread" / "neg_spread.csv")
    assert "1 bars without one" in bars.origin
    assert (bars.ask > bars.bid).all()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("symbols_finrl_bars/finrl.csv", "column 'tic' holds AAPL, MSFT: keep the bars of one"),
        ("symbols_finrl_bars/last_bar_twice.csv", "two different bars of one time: keep one"),
    ],
)
def test_what_cannot_be_mended_is_not_sent_to_repair(
    cases: Path, tmp_path: Path, name: str, says: str, capsys: pytest.CaptureFixture[str]
):
    words = ["data", "convert", str(cases / name), "--out", str(tmp_path / "x.parquet"), "--repair"]
    assert main([*words, "--price-side", "mid", "--spread-pips", "1"]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert "--repair" not in err


def test_a_workbook_is_told_from_a_zip_and_read(cases: Path, tmp_path: Path):
    with pytest.raises(DataError) as caught:  # an empty one
        load_bars(cases / "xlsx" / "report.xlsx")
    assert "Excel" in str(caught.value)
    table = pd.read_csv(cases / "size_ignored" / "tr_dup.csv").drop_duplicates()
    path = tmp_path / "report.xlsx"
    with pd.ExcelWriter(path) as writer:  # a title above the header, as reports have
        pd.DataFrame([["Trade History Report"]]).to_excel(writer, header=False, index=False)
        table.to_excel(writer, index=False, startrow=3)
    rows, *_ = load_trades(path, "UTC")
    expected, *_ = load_trades(cases / "size_ignored" / "tr_dup.csv", "UTC")
    for name in ("entry_time", "direction", "entry_price", "stop"):
        np.testing.assert_array_equal(rows[name].to_numpy(), expected[name].to_numpy())


def test_bitcoin_is_counted_in_percent_and_its_year_has_365_days(cases: Path, tmp_path: Path):
    dataset = of_trades(
        tmp_path, cases, "btc_h1_utc_epoch_ms.csv", "crypto_unit_and_year/tr_ft_one.json"
    )
    assert dataset.unit == PERCENT
    assert dataset.calendar.days_a_year == 365.25
    assert "crypto" in dataset.market_description
    with pytest.raises(DataError, match=r"none is usual for this market, crypto"):
        load_bars(cases / "_bars" / "btc_h1_utc_epoch_ms.csv", price_side="mid")


def test_eleven_trades_get_no_verdict(cases: Path, tmp_path: Path):
    table = pd.read_csv(cases / "eleven_trades" / "tr_plant.csv")
    entered = pd.to_datetime(table.iloc[:11, 0])
    better = pd.DataFrame(
        {
            "trade_id": range(11),
            "entry_time": entered,
            "exit_time": entered + pd.Timedelta(hours=40),
            "direction": 1,
            "net_percent": np.linspace(3.0, 5.0, 11),
            "net_r": 1.0,
        }
    )
    found = compare(better, better.assign(net_percent=0.0))
    assert found.net.low > 0  # the interval alone would say better
    assert found.verdict.startswith("too little data")
    assert "at least 8 needed" in found.verdict


def test_ten_bars_are_told_to_be_fewer_than_the_warm_up(cases: Path, tmp_path: Path):
    with pytest.raises(DataError, match=r"10 bars, the warm-up alone is"):
        of_bars(tmp_path, cases / "eleven_trades" / "ten_bars.csv")


def of_trades(folder: Path, cases: Path, bars: str, trades: str) -> Dataset:
    said = (
        "data.entries=trades", f"data.trades={cases / trades}", "data.filled_at=bar_open",
        "costs.spread=1 bps", "costs.commission=0.001",
    )  # fmt: skip
    return load_dataset(experiment(folder, *said, bars=cases / "_bars" / bars))


def of_bars(folder: Path, bars: Path) -> Dataset:
    return load_dataset(experiment(folder, "costs.spread=1 bps", bars=bars))
