"""Trade files: the formats traders have, matched to bars exactly or listed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxexit.data.book import load_bars
from jaxexit.data.entries import WRONG_STOP, WRONG_TARGET, file_candidates, tradable
from jaxexit.data.matching import match_bars
from jaxexit.data.trades import load_trades
from jaxexit.errors import DataError
from tests.data.made import bars_of, quarter_hours, walk

SHARED = """entry_time,exit_time,direction,entry_price,exit_price,exit_reason,tp,sl,setup
2022-01-05 10:00:00,2022-01-05 11:00:00,1,1.1010,1.1025,TP,1.1025,1.1000,pullback
2022-01-05 12:00:00,2022-01-05 13:00:00,-1,1.1020,1.1030,SL,1.1005,1.1030,breakout
"""
MT4 = """Ticket,Open Time,Type,Size,Item,Price,S / L,T / P,Close Time,Price,Commission,Swap,Profit
1,2022.01.05 10:00,buy,1.00,eurusd,1.1010,1.1000,1.1025,2022.01.05 11:00,1.1025,0,0,150
2,2022.01.05 12:00,sell,1.00,eurusd,1.1020,1.1030,0.0000,2022.01.05 13:00,1.1030,0,0,-100
3,2022.01.05 14:00,balance,,,,,,,,,,1000
"""
MT5 = """Time,Position,Symbol,Type,Volume,Price,S / L,T / P,Time,Price,Commission,Swap,Profit
2022.01.05 10:00:00,71,EURUSD,buy,1,1.1010,1.1000,1.1025,2022.01.05 11:00:00,1.1025,0,0,150
2022.01.05 12:00:00,72,EURUSD,sell,1,1.1020,1.1030,,2022.01.05 13:00:00,1.1030,0,0,-100
"""
BACKTESTING = """Size,EntryBar,ExitBar,EntryPrice,ExitPrice,SL,TP,PnL,EntryTime,ExitTime,Duration,Tag
10,232,236,1.1010,1.1025,1.1000,1.1025,1,2022-01-05 10:00:00,2022-01-05 11:00:00,1:00:00,a
-10,240,244,1.1020,1.1030,1.1030,,-1,2022-01-05 12:00:00,2022-01-05 13:00:00,1:00:00,b
"""
VECTORBT = """Exit Trade Id,Column,Size,Entry Timestamp,Avg Entry Price,Entry Fees,Exit Timestamp,\
Avg Exit Price,Exit Fees,PnL,Return,Direction,Status
0,0,1,2022-01-05 10:00:00,1.1010,0,2022-01-05 11:00:00,1.1025,0,1,1,Long,Closed
1,0,1,2022-01-05 12:00:00,1.1020,0,2022-01-05 13:00:00,1.1030,0,1,1,Short,Closed
"""
FREQTRADE = """pair,open_date,close_date,open_rate,close_rate,exit_reason,initial_stop_loss_abs,\
stop_loss_abs,is_short,enter_tag
EUR/USD,2022-01-05 10:00:00+00:00,2022-01-05 11:00:00+00:00,1.1010,1.1025,roi,1.1000,1.1015,False,a
EUR/USD,2022-01-05 12:00:00+00:00,2022-01-05 13:00:00+00:00,1.1020,1.1030,sl,1.1030,1.1021,True,b
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "trades.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "stops"),
    [
        (SHARED, True),
        (MT4, True),
        (MT5, True),
        (BACKTESTING, True),
        (VECTORBT, False),
        (FREQTRADE, True),
    ],
    ids=["shared list", "MT4", "MT5", "backtesting.py", "vectorbt", "freqtrade"],
)
def test_two_trades_are_read_from_every_format(tmp_path: Path, text: str, stops: bool):
    rows, *_ = load_trades(written(tmp_path, text), "UTC")
    rows = rows[rows["direction"] != 0]
    assert rows["direction"].tolist() == [1, -1]
    assert rows["entry_time"].tolist() == [
        pd.Timestamp("2022-01-05 10:00"),
        pd.Timestamp("2022-01-05 12:00"),
    ]
    assert rows["exit_time"].tolist() == [
        pd.Timestamp("2022-01-05 11:00"),
        pd.Timestamp("2022-01-05 13:00"),
    ]
    assert rows["entry_price"].tolist() == [1.1010, 1.1020]
    assert rows["exit_price"].tolist() == [1.1025, 1.1030]
    np.testing.assert_array_equal(rows["stop"], [1.1000, 1.1030] if stops else [np.nan, np.nan])


def test_freqtrades_moved_stop_is_not_taken_for_the_initial_one(tmp_path: Path):
    rows, *_ = load_trades(written(tmp_path, FREQTRADE), "UTC")
    assert rows["stop"].tolist() == [1.1000, 1.1030]


def test_a_metatrader_reports_stop_is_said_to_be_the_last_one(tmp_path: Path):
    _, remarks, *_ = load_trades(written(tmp_path, MT4), "UTC")
    assert any("last stop" in remark for remark in remarks)
    assert any("1 rows are no trades" in remark for remark in remarks)


def test_a_metatrader_target_of_zero_is_none(tmp_path: Path):
    rows, *_ = load_trades(written(tmp_path, MT4), "UTC")
    assert np.isnan(rows["target"].iloc[1])


def test_tags_of_the_file_are_kept(tmp_path: Path):
    rows, *_ = load_trades(written(tmp_path, SHARED), "UTC")
    assert rows["setup"].tolist() == ["pullback", "breakout"]


def test_stamps_without_offset_are_read_in_the_named_zone(tmp_path: Path):
    rows, *_ = load_trades(written(tmp_path, SHARED), "America/New_York")
    assert rows["entry_time"].iloc[0] == pd.Timestamp("2022-01-05 15:00")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("direction\n1\n", "no entry time"),
        ("entry_time,price\n2022-01-05 10:00,1.1\n", "no direction"),
        ("entry_time,direction\n2022-01-05 10:00,up\n", "no row has a direction"),
        ("entry_time,direction\n2022-01-05 10:00,1\n,1\n", "row 2 has no time"),
        ("entry_time,direction,sl\n2022-01-05 10:00,1,low\n", "column 'sl'"),
        ("entry_time,direction\n", "no rows"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, text: str, words: str):
    path = written(tmp_path, text)
    with pytest.raises(DataError) as caught:
        load_trades(path, "UTC")
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


# --- matching to bars ----------------------------------------------------------------------------

BARS = bars_of(walk(0, 500))


def rows_at(*times: object, price: float = np.nan) -> pd.DataFrame:
    return pd.DataFrame(
        {"entry_time": np.array(times, "datetime64[ns]"), "direction": 1, "entry_price": price}
    )


def test_a_time_matches_the_bar_that_opens_then():
    matched, _, remarks = match_bars(rows_at(*BARS.times[[3, 499, 0]]), BARS, "made.csv")
    assert matched.tolist() == [3, 499, 0]
    assert not remarks


def test_a_time_between_two_bars_is_listed_and_not_moved():
    off = BARS.times[3] + np.timedelta64(1, "s")
    matched, _, remarks = match_bars(rows_at(BARS.times[3], off), BARS, "made.csv")
    assert matched.tolist() == [3, -1]
    assert remarks == ("1 trades match no bar: 2022-01-03 00:45",)


def test_trades_outside_the_bars_are_refused():
    with pytest.raises(
        DataError, match="no entry time is the open of a bar: trades from 2031-01-01"
    ):
        match_bars(rows_at("2031-01-01T00:00"), BARS, "made.csv")


def test_prices_that_lie_outside_their_bars_betray_a_wrong_zone(shared_data: Path):
    bars = load_bars(shared_data / "audusd_m15_bid_2022h1.parquet", spread_pips=0.0)
    rows, *_ = load_trades(shared_data / "audusd_m15_trades_2022h1.csv", "America/New_York")
    with pytest.raises(DataError, match=r"lie outside their bars, check data\.timezone"):
        match_bars(rows, bars, "made.csv")


def test_all_201_real_trades_of_2022_have_a_bar_that_closes_at_their_price(shared_data: Path):
    bars = load_bars(shared_data / "audusd_m15_bid_2022h1.parquet", spread_pips=0.0)
    rows, *_ = load_trades(shared_data / "audusd_m15_trades_2022h1.csv", "UTC")
    matched, _, remarks = match_bars(rows, bars, "made.csv")
    assert len(matched) == 201
    assert not remarks
    assert (bars.bid[matched, 3] == rows["entry_price"]).all()


def test_1679_of_1681_real_trades_have_a_mid_bar(shared_data: Path):
    path = shared_data / "audusd_m15_mid_2020_2025.parquet"
    bars = load_bars(path, price_side="mid", spread_pips=1.4)
    rows, *_ = load_trades(shared_data / "audusd_m15_trades.csv", "UTC")
    matched, _, remarks = match_bars(rows, bars, "made.csv")
    assert (matched >= 0).sum() == 1679
    assert remarks[0] == "2 trades match no bar: 2022-12-26 18:00, 2023-01-01 22:30"


# --- candidates ----------------------------------------------------------------------------------


def candidates(folder: Path, text: str, *, given: bool = False):
    atr = np.full(500, 0.0010)
    return file_candidates(
        load_trades(written(folder, text), "UTC"), BARS, atr, given=given, stop_atr=1.1
    )


AT = str(quarter_hours(500)[400])[:19]


def test_reference_price_is_the_entry_sides_close(tmp_path: Path):
    text = (
        f"entry_time,direction,entry_price\n{AT},1,{BARS.bid[400, 3]}\n{AT},-1,{BARS.bid[400, 3]}\n"
    )
    table, _, _ = candidates(tmp_path, text)
    assert table["entry_price"].tolist() == [BARS.ask[400, 3], BARS.bid[400, 3]]


def test_given_price_is_the_files(tmp_path: Path):
    price = float(BARS.bid[400, 3])
    table, _, _ = candidates(
        tmp_path, f"entry_time,direction,price\n{AT},long,{price}\n", given=True
    )
    assert table["entry_price"].tolist() == [price]


def test_a_given_price_that_its_bar_never_traded_is_no_fill(tmp_path: Path):
    sound, absurd = BARS.ask[400, 3], BARS.ask[401, 3] - 300 * BARS.grain
    first, second = (str(time) for time in BARS.times[[400, 401]])
    text = f"entry_time,direction,price\n{first},long,{sound}\n{first},short,{sound}\n"
    text += f"{second},long,{absurd}\n"
    table, counts, _ = candidates(tmp_path, text, given=True)
    assert table["entry_bar"].tolist() == [400, 400]
    assert counts["have a given price outside their bar"] == 1


def test_given_without_a_price_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"env\.entry_fill: got given, but the list has no entry"):
        candidates(tmp_path, f"entry_time,direction\n{AT},long\n", given=True)


def test_without_a_stop_in_the_file_it_lies_so_many_atr_away(tmp_path: Path):
    table, _, _ = candidates(tmp_path, f"entry_time,direction\n{AT},long\n{AT},short\n")
    distance = table["direction"] * (table["entry_price"] - table["stop"])
    np.testing.assert_allclose(distance, 0.0011, rtol=1e-9)


def test_stops_and_targets_on_the_wrong_side_are_left_out_and_counted(tmp_path: Path):
    text = f"entry_time,direction,sl,tp\n{AT},1,9,\n{AT},1,,0.5\n{AT},1,0.5,9\n{AT},-1,0.5,\n"
    table, _, _ = candidates(tmp_path, text)
    sound, counts = tradable(table, first=100)
    assert sound["trade_id"].tolist() == [2]
    assert {reason: n for reason, n in counts.items() if n} == {WRONG_STOP: 2, WRONG_TARGET: 1}


def test_rows_are_sorted_by_entry_bar_and_keep_their_number(tmp_path: Path):
    early = str(quarter_hours(500)[300])[:19]
    table, _, _ = candidates(tmp_path, f"entry_time,direction\n{AT},1\n{early},1\n")
    assert table["trade_id"].tolist() == [1, 0]
    assert table["entry_bar"].tolist() == [300, 400]


def test_a_stop_inside_the_spread_is_no_stop_for_a_trade_filled_at_the_close() -> None:
    # Bought at 1.1002 while the bid is 1.1000: a stop at 1.1001 would have been executed at once.
    table = pd.DataFrame(
        {
            "entry_bar": [200, 201],
            "direction": [1, 1],
            "entry_price": [1.1002, 1.1002],
            "stop": [1.1001, 1.0999],
            "target": [np.nan, np.nan],
        }
    )
    sound, counts = tradable(table, first=100, exit_close=np.array([1.1000, 1.1000]))
    assert sound["entry_bar"].tolist() == [201]
    assert counts["have a stop that the book had already passed when they were filled"] == 1
    assert len(tradable(table, first=100)[0]) == 2  # the next open is another price
