"""Bar files become both sides of the book, or one line that says what is wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxexit.data.bar_files import read_quotes
from jaxexit.data.bars import describe, find_gaps
from jaxexit.data.book import complete_book, load_bars
from jaxexit.data.markets import MarketKind, pip_of
from jaxexit.data.sample import load_named_bars
from jaxexit.errors import DataError
from tests.data.made import PIP, bar_table, quarter_hours, walk, write_bars


def refusal(path: Path, **options: Any) -> str:
    """The message with which a file is refused: one line that names the file."""
    settings: dict[str, Any] = {"price_side": "mid", **options}
    with pytest.raises(DataError) as caught:
        load_bars(path, **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def spoiled(folder: Path, column: str, row: int, value: object) -> Path:
    """A bar file with one wrong cell; rows count from 1."""
    table = bar_table().astype({column: object})
    table.loc[row - 1, column] = value
    return write_bars(folder, table)


# --- what a file may look like -------------------------------------------------------------------


def test_mid_bars_get_half_the_spread_on_either_side(tmp_path: Path):
    bars = load_bars(write_bars(tmp_path), price_side="mid", spread_pips=1.4)
    close = bar_table()["close"].to_numpy()
    np.testing.assert_allclose(bars.bid[:, 3], close - 0.7 * PIP, atol=1e-12)
    np.testing.assert_allclose(bars.ask[:, 3], close + 0.7 * PIP, atol=1e-12)


@pytest.mark.parametrize(("side", "kept"), [("bid", "bid"), ("ask", "ask")])
def test_one_sided_bars_keep_their_own_side_exactly(tmp_path: Path, side, kept: str):
    bars = load_bars(write_bars(tmp_path), price_side=side, spread_pips=1.4)
    prices = bar_table()[["open", "high", "low", "close"]].to_numpy()
    assert (getattr(bars, kept) == prices).all()
    np.testing.assert_allclose(bars.spread, 1.4, atol=1e-9)


def test_without_any_spread_given_it_is_one_pip(tmp_path: Path):
    bars = load_bars(write_bars(tmp_path), price_side="bid")
    np.testing.assert_allclose(bars.spread, 1.0, atol=1e-9)


def test_both_sides_in_the_file_are_taken_as_they_are(shared_data: Path):
    path = shared_data / "eurusd_h1_bidask_2007_2018.parquet"
    bars, table = load_bars(path, spread_pips=9.0), pd.read_parquet(path)
    assert (bars.ask[:, 1] == table["ask_high"]).all()
    assert (bars.bid[:, 2] == table["bid_low"]).all()
    assert "costs.spread_pips 9 not used" in describe(bars)


def test_column_names_are_found_in_any_spelling(tmp_path: Path):
    table = bar_table(rows=300)
    odd = table.set_axis(["Gmt Time", "OPEN", " High", "<LOW>", "Close"], axis=1)
    path = tmp_path / "odd.csv"
    odd.to_csv(path, index=False, sep=";")
    assert (read_quotes(path).sides["unknown"] == table.iloc[:, 1:].to_numpy()).all()


def test_a_spread_column_is_in_pips(tmp_path: Path):
    table = bar_table(rows=300).assign(spread=np.linspace(0.5, 3.0, 300))
    bars = load_bars(write_bars(tmp_path, table), price_side="bid", spread_pips=9.0)
    np.testing.assert_allclose(bars.spread, table["spread"], atol=1e-9)


def test_spread_in_a_metatrader_file_is_in_points_and_zero_means_missing(shared_data: Path):
    path = shared_data / "formats" / "mt5_python_copy_rates.csv"
    bars = load_bars(path, price_side="bid")
    np.testing.assert_allclose(bars.spread[0], 0.9, atol=1e-9)
    assert "points of 0.00001" in describe(bars)


def test_a_missing_metatrader_spread_becomes_the_constant_one(tmp_path: Path):
    table = bar_table(rows=300).assign(tick_volume=10, spread=[0] * 100 + [12] * 200)
    bars = load_bars(write_bars(tmp_path, table), price_side="bid", spread_pips=2.0)
    np.testing.assert_allclose(bars.spread[[0, 299]], [2.0, 1.2], atol=1e-9)
    assert "100 bars without one: 2 pips" in describe(bars)


def test_metatrader_dates_and_clocks_in_two_columns(tmp_path: Path):
    path = tmp_path / "mt5.csv"
    rows = ["<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>"]
    rows += [f"2021.06.16\t0{h}:00:00\t0.76\t0.77\t0.75\t0.76\t9\t0\t8" for h in range(3)]
    path.write_text("\n".join(rows))
    times = load_bars(path, price_side="bid").times
    assert times[2] == np.datetime64("2021-06-16T02:00")


def test_a_parquet_file_with_time_as_index(tmp_path: Path):
    path = tmp_path / "eurusd.parquet"
    bar_table(rows=300).set_index("time").to_parquet(path)
    assert (read_quotes(path).times == quarter_hours(300)).all()


def test_open_a_rounding_above_high_widens_the_bar_and_is_told(tmp_path: Path):
    table = bar_table()
    table.loc[4, "open"] = table.loc[4, "high"] + 0.00001
    bars = load_bars(write_bars(tmp_path, table), price_side="bid")
    assert bars.bid[4, 0] <= bars.bid[4, 1]
    assert "1 bars widened" in describe(bars)


def test_the_sample_is_hourly_ask_bars_of_2017():
    bars = load_named_bars("sample", spread_pips=1.3)
    assert len(bars.times) == 6225
    assert bars.times[0] == np.datetime64("2017-01-01T22:00")
    assert bars.ask[0].tolist() == [1.05236, 1.05253, 1.05221, 1.05227]


def test_the_sample_cannot_be_called_bid():
    with pytest.raises(DataError, match="got bid, expected auto or ask, the side of the sample"):
        load_named_bars("sample", price_side="bid")


def test_pips_of_a_yen_pair_are_hundredths():
    known = MarketKind("currency pair", "TRYJPY", "its name")
    assert pip_of(known, np.full((2, 4), 4.5)) == 0.01
    unknown = MarketKind("unknown", "", "")
    assert pip_of(unknown, np.full((2, 4), 151.2)) == 0.01
    assert pip_of(unknown, np.full((2, 4), 1.1)) == 0.0001


def test_weekends_are_not_counted_as_gaps():
    week = quarter_hours(5 * 96)
    times = np.concatenate([week[:200], week[203:], week[:10] + np.timedelta64(7, "D")])
    gaps = find_gaps(times)
    assert (gaps.weekends, gaps.others) == (1, 1)
    assert gaps.longest == np.timedelta64(60, "m")
    assert gaps.longest_after == week[199]


@given(st.sampled_from(["bid", "ask", "mid"]), st.floats(0, 20), st.integers(0, 50))
def test_whatever_the_side_the_book_is_sound(side, spread: float, seed: int):
    quotes = _quotes(seed)
    bars = complete_book(quotes, price_side=side, spread_pips=spread)
    assert (bars.ask >= bars.bid).all()
    np.testing.assert_allclose(bars.spread, spread, atol=1e-6)
    for prices in (bars.bid.astype(np.float32), bars.ask.astype(np.float32)):
        assert (prices[:, 1] >= prices.max(axis=1)).all()
        assert (prices[:, 2] <= prices.min(axis=1)).all()


def _quotes(seed: int):
    from jaxexit.data.quotes import Quotes

    prices = walk(seed, rows=50)
    return Quotes("made", quarter_hours(50), {"unknown": prices}, None, "", pd.DataFrame(), 0)


# --- what is refused -----------------------------------------------------------------------------


def test_missing_file(tmp_path: Path):
    assert "no such file" in refusal(tmp_path / "none.csv")


@pytest.mark.parametrize("name", ["eurusd.csv", "eurusd.parquet"])
def test_empty_file(tmp_path: Path, name: str):
    path = tmp_path / name
    path.touch()
    assert "empty" in refusal(path)


def test_header_without_rows(tmp_path: Path):
    assert "no rows" in refusal(write_bars(tmp_path, bar_table().head(0)))


def test_a_single_bar(tmp_path: Path):
    assert "one bar only" in refusal(write_bars(tmp_path, bar_table().head(1)))


def test_a_file_that_is_not_parquet(tmp_path: Path):
    path = tmp_path / "eurusd.parquet"
    path.write_bytes(b"PAR1 cut short")
    assert "not a readable Parquet file" in refusal(path)


def test_a_binary_file_called_csv(tmp_path: Path):
    path = tmp_path / "eurusd.csv"
    path.write_bytes(bytes(range(256)) * 9)
    assert "not a text file" in refusal(path)


def test_a_file_without_header_of_no_known_format(tmp_path: Path):
    path = tmp_path / "eurusd.csv"
    path.write_text("1.1,1.2,1.0,1.1,10:00\n1.1,1.2,1.0,1.1,10:01\n")
    assert "a header must name" in refusal(path)


def test_a_missing_price_column(tmp_path: Path):
    assert "no column low" in refusal(write_bars(tmp_path, bar_table().drop(columns="low")))


def test_bars_out_of_order(tmp_path: Path):
    table = bar_table()
    table.loc[[7, 8]] = table.loc[[8, 7]].to_numpy()
    message = refusal(write_bars(tmp_path, table))
    assert "row 9" in message
    assert "sort the bars" in message


def test_duplicate_times(tmp_path: Path):
    table = bar_table()
    table.loc[8] = table.loc[7]
    message = refusal(write_bars(tmp_path, table))
    assert "row 9" in message
    assert "appears twice" in message


def test_high_below_low(tmp_path: Path):
    message = refusal(spoiled(tmp_path, "high", 6, 0.9))
    assert "row 6" in message
    assert "high below low" in message


def test_close_outside_the_bar(tmp_path: Path):
    assert "above high" in refusal(spoiled(tmp_path, "close", 6, 1.9))
    assert "below low" in refusal(spoiled(tmp_path, "close", 6, 0.9))


@pytest.mark.parametrize("value", [np.nan, np.inf, "n/a", ""])
def test_a_price_that_is_not_a_number(tmp_path: Path, value: object):
    message = refusal(spoiled(tmp_path, "open", 3, value))
    assert "column 'open'" in message
    assert "row 3" in message


@pytest.mark.parametrize("value", [0.0, -1.1])
def test_a_price_that_is_not_above_zero(tmp_path: Path, value: float):
    assert "not above 0" in refusal(spoiled(tmp_path, "low", 3, value))


def test_ask_below_bid(tmp_path: Path):
    bid = bar_table(rows=300)
    names = ["open", "high", "low", "close"]
    both = bid.rename(columns={name: f"bid_{name}" for name in names})
    for name in names:
        both[f"ask_{name}"] = bid[name] + 0.0001
    both.loc[20, [f"ask_{name}" for name in names]] -= 0.0002
    message = refusal(write_bars(tmp_path, both), price_side="auto")
    assert "row 21" in message
    assert "ask below bid" in message


def test_a_negative_spread(tmp_path: Path):
    table = bar_table(rows=300).assign(spread=-0.1)
    assert "cannot be negative" in refusal(write_bars(tmp_path, table))


def test_one_side_that_is_not_named(tmp_path: Path):
    path = write_bars(tmp_path)
    assert "data.price_side" in refusal(path, price_side="auto")
    # Without a spread it does not matter which side it is.
    bars = load_bars(path, spread_pips=0.0)
    assert (bars.bid == bars.ask).all()


def test_a_side_named_against_the_file(shared_data: Path):
    path = shared_data / "eurusd_h1_bidask_2007_2018.parquet"
    assert "both sides" in refusal(path, price_side="bid")


def test_two_columns_of_one_name(tmp_path: Path):
    table = bar_table().assign(Open=1.1)
    assert "mean the same" in refusal(write_bars(tmp_path, table))


def test_a_spread_larger_than_the_price(tmp_path: Path):
    assert "larger than the price" in refusal(write_bars(tmp_path), spread_pips=1e6)
