"""Every true sample of ../shared/data/formats is read as what it is."""

from pathlib import Path

import numpy as np
import pytest

from jaxexit.data.amounts import spread_in_price
from jaxexit.data.bar_files import BarReading, read_quotes
from jaxexit.data.book import load_bars

# file: family, rows, first bar (UTC), side, first open, words of the clock
SAMPLES = [
    ("histdata_ascii_m1.csv", "HistData ASCII M1", 25, "2023-06-01T04:00", "bid", 0.65141, "HistData"),
    ("mt4_history_center_AUDUSD60.csv", "MT4 CSV", 25, "2021-06-16T00:00", "bid", 0.76857, "server"),
    ("EURUSD60_head50.hst", "MT4 history v401", 50, "2024-12-17T02:00", "bid", 1.05168, "server"),
    ("mt5_python_copy_rates.csv", "MT5 rates", 24, "2025-06-02T17:00", "bid", 0.64859, "server"),
    ("mt_quantdatamanager_like_spread.csv", "MetaTrader", 24, "2022-10-10T00:00", "bid", 0.97312, "server"),
    (
        "dukascopy_web_export_EURUSD_Candlestick_1_D_BID.csv",
        "Dukascopy", 24, "2017-12-15T00:00", "bid", 1.17745, "GMT",
    ),
    ("dukascopy_like_anytrading_h1_ask.csv", "Dukascopy", 24, "2017-01-01T22:00", "ask", 1.05236, "GMT"),
    ("tradingview_export_AUDUSD15.csv", "TradingView", 24, "2022-07-01T01:45", None, 0.68847, "labelled"),
    ("nautilus_fxcm_m1_bid.csv", "bars", 24, "2012-02-01T00:00", "bid", 1.57597, "labelled"),
    ("nautilus_fxcm_m1_ask.csv", "bars", 24, "2012-02-01T00:00", "ask", 1.57608, "labelled"),
    ("nautilus_truefx_ticks.csv", "ticks", 3, "2013-01-01T22:00", "both", 86.655, "labelled"),
    ("lean_forex_hour_quote.csv", "Lean", 25, "2007-01-01T21:00", "both", 1.31927, "UTC"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "family", "rows", "start", "side", "opened", "clock"),
    SAMPLES,
    ids=[s[0] for s in SAMPLES],
)
def test_a_true_sample(shared_data: Path, name, family, rows, start, side, opened, clock):
    quotes = read_quotes(shared_data / "formats" / name)
    assert quotes.family.startswith(family)
    assert len(quotes.times) == rows
    assert quotes.times[0] == np.datetime64(start)
    found = {"both"} if len(quotes.sides) == 2 else {quotes.usual_side or next(iter(quotes.sides))}
    found = {None if name == "unknown" else name for name in found}
    assert found == {side}
    assert next(iter(quotes.sides.values()))[0, 0] == opened
    assert clock in quotes.clock


def test_the_name_of_a_file_does_not_matter(shared_data: Path, tmp_path: Path):
    for name, family, *_ in SAMPLES:
        copy = tmp_path / "prices.parquet"
        copy.write_bytes((shared_data / "formats" / name).read_bytes())
        assert read_quotes(copy).family.startswith(family)


def test_points_are_a_tenth_of_a_pip_and_zero_is_missing(shared_data: Path):
    quotes = read_quotes(shared_data / "formats" / "mt_quantdatamanager_like_spread.csv")
    assert quotes.spread is not None
    spread = spread_in_price(quotes, 0.0001)
    assert spread is not None
    assert spread[0] == pytest.approx(0.0002)
    assert int(np.isnan(quotes.spread).sum()) == 11


@pytest.mark.parametrize("order", [("bid", "ask"), ("ask", "bid")])
def test_one_file_a_side_is_joined_and_the_ask_lies_above(
    shared_data: Path, order: tuple[str, str]
):
    folder = shared_data / "formats"
    both = Path(",".join(f"{folder}/nautilus_fxcm_m1_{side}.csv" for side in order))
    bars = load_bars(both)
    assert (bars.bid[0, 0], bars.ask[0, 0]) == (1.57597, 1.57608)
    assert (bars.ask >= bars.bid).all()


def test_ticks_become_bars_of_both_sides(shared_data: Path):
    bars = load_bars(shared_data / "formats" / "nautilus_truefx_ticks.csv")
    np.testing.assert_array_equal(bars.bid[1], [86.657, 86.678, 86.655, 86.672])
    np.testing.assert_array_equal(bars.ask[1], [86.728] * 4)
    assert bars.table["ticks"].tolist() == [1, 16, 7]


def test_histdata_shifts_on_european_dates_since_2019_and_on_new_yorks_before(tmp_path: Path):
    path = tmp_path / "made.csv"
    rows = ["20180320 120000", "20190320 120000", "20190402 120000"]
    path.write_text("".join(f"{stamp};1.1;1.1;1.1;1.1;0\n" for stamp in rows))
    hours = read_quotes(path).times.astype("datetime64[h]").astype(int) % 24
    assert hours.tolist() == [16, 17, 16]


def test_the_user_has_the_last_word_on_the_clock(shared_data: Path):
    path = shared_data / "formats" / "histdata_ascii_m1.csv"
    assert read_quotes(path, BarReading("UTC-5")).times[0] == np.datetime64("2023-06-01T05:00")
    labelled = shared_data / "formats" / "mt5_python_copy_rates.csv"
    assert read_quotes(labelled, BarReading("UTC+3")).times[0] == np.datetime64("2025-06-02T17:00")
    corrected = read_quotes(labelled, BarReading(source_offset="America/New_York+7"))
    assert corrected.times[0] == np.datetime64("2025-06-02T14:00")
    assert "whatever the stamps are labelled" in corrected.clock
