"""Bar and tick formats without a true sample: files made from their public documentation."""

import json
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxexit.data.bar_files import read_quotes
from jaxexit.data.book import load_bars
from jaxexit.errors import DataError

CANDLE = {"complete": True, "volume": 9, "time": "2024-01-02T10:00:00.000000000Z"}
PRICES = {"o": "1.1000", "h": "1.1010", "l": "1.0990", "c": "1.1005"}
ASKS = {"o": "1.1002", "h": "1.1012", "l": "1.0992", "c": "1.1007"}


def hst_400() -> bytes:
    header = struct.pack("<i64s12sii", 400, b"(C)opyright", b"EURUSD", 60, 5).ljust(148, b"\0")
    start = 1704189600  # 2024-01-02 10:00
    rows = [
        struct.pack("<iddddd", start + 3600 * n, 1.1, 1.099, 1.101, 1.1005, 9) for n in range(2)
    ]
    return header + b"".join(rows)


def oanda(*sides: str) -> bytes:
    later = CANDLE | {"time": "2024-01-02T11:00:00.000000000Z"}
    growing = CANDLE | {"time": "2024-01-02T12:00:00.000000000Z", "complete": False}
    prices = {side: ASKS if side == "ask" else PRICES for side in sides}
    candles = [candle | prices for candle in (CANDLE, later, growing)]
    return json.dumps({"instrument": "EUR_USD", "granularity": "H1", "candles": candles}).encode()


def rows(*lines: str) -> bytes:
    return "\n".join(lines).encode() + b"\n"


BARS = {
    "HistData MetaTrader M1": rows(
        "2024.01.02,05:00,1.100000,1.101000,1.099000,1.100500,0",
        "2024.01.02,06:00,1.100000,1.101000,1.099000,1.100500,0",
    ),
    "MT4 history v400": hst_400(),
    "MT5 bar export": rows(
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
        "2024.01.02\t10:00:00\t1.1\t1.101\t1.099\t1.1005\t9\t0\t12",
        "2024.01.02\t11:00:00\t1.1\t1.101\t1.099\t1.1005\t9\t0\t12",
    ),
    "Dukascopy bars": rows(
        "Local time,Open,High,Low,Close,Volume",
        "02.01.2024 12:00:00.000 GMT+0200,1.1,1.101,1.099,1.1005,9",
        "02.01.2024 13:00:00.000 GMT+0200,1.1,1.101,1.099,1.1005,9",
    ),
    "yfinance bars": rows(
        "Price,Close,High,Low,Open,Volume",
        "Ticker,EURUSD=X,EURUSD=X,EURUSD=X,EURUSD=X,EURUSD=X",
        "Datetime,,,,,",
        "2024-01-02 10:00:00+00:00,1.1005,1.101,1.099,1.1,0",
        "2024-01-02 11:00:00+00:00,1.1005,1.101,1.099,1.1,0",
    ),
    "OANDA v20": oanda("bid"),
    "Lean trade bars": rows(
        "20240102 05:00,11000,11010,10990,11005,9", "20240102 06:00,11000,11010,10990,11005,9"
    ),
    "TradingView bars": rows(
        "time,open,high,low,close", "2024-01-02T10:00:00Z,1.1,1.101,1.099,1.1005",
        "2024-01-02T11:00:00Z,1.1,1.101,1.099,1.1005",
    ),
}  # fmt: skip


@pytest.mark.parametrize("family", BARS)
def test_bars_made_from_documentation(tmp_path: Path, family: str):
    path = tmp_path / "file"
    path.write_bytes(BARS[family])
    quotes = read_quotes(path)
    assert quotes.family.startswith(family)
    assert quotes.times.tolist() == [
        np.datetime64(f"2024-01-02T{hour}", "ns").item() for hour in (10, 11)
    ]
    np.testing.assert_allclose(next(iter(quotes.sides.values()))[1], [1.1, 1.101, 1.099, 1.1005])


TICKS = {
    "HistData ASCII ticks": rows(
        "20240102 050000123,1.10000,1.10010,0", "20240102 050030456,1.10020,1.10025,0",
        "20240102 050100000,1.09990,1.10005,0",
    ),
    "TrueFX ticks": rows(
        "EUR/USD,20240102 10:00:00.123,1.10000,1.10010", "EUR/USD,20240102 10:00:30.456,1.10020,1.10025",
        "EUR/USD,20240102 10:01:00.000,1.09990,1.10005",
    ),
    "MT5 tick export": rows(
        "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>",
        "2024.01.02\t10:00:00.123\t1.10000\t1.10010\t\t\t6",
        "2024.01.02\t10:00:20.000\t1.10020\t1.10025\t\t\t6",
        "2024.01.02\t10:00:30.456\t\t1.10025\t\t\t4",
        "2024.01.02\t10:01:00.000\t1.09990\t1.10005\t\t\t6",
    ),
    "Dukascopy ticks": rows(
        "Gmt time,Ask,Bid,AskVolume,BidVolume", "02.01.2024 10:00:00.123,1.10010,1.10000,1,1",
        "02.01.2024 10:00:30.456,1.10025,1.10020,1,1", "02.01.2024 10:01:00.000,1.10005,1.09990,1,1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("family", TICKS)
def test_ticks_made_from_documentation_become_minutes(tmp_path: Path, family: str):
    path = tmp_path / "file"
    path.write_bytes(TICKS[family])
    bars = load_bars(path)
    assert bars.family.startswith(family)
    assert bars.times.tolist() == [
        np.datetime64(f"2024-01-02T10:0{m}", "ns").item() for m in (0, 1)
    ]
    np.testing.assert_array_equal(bars.bid[0], [1.1, 1.1002, 1.1, 1.1002])
    np.testing.assert_array_equal(bars.ask[0], [1.1001, 1.10025, 1.1001, 1.10025])


def test_oanda_leaves_the_growing_candle_out_and_takes_both_sides(tmp_path: Path):
    path = tmp_path / "candles.json"
    path.write_bytes(oanda("bid", "ask", "mid"))
    bars = load_bars(path)
    assert len(bars.times) == 2
    np.testing.assert_allclose(bars.spread, 2.0)
    assert any("1 candles not complete" in remark for remark in bars.remarks)


@pytest.mark.parametrize("text", ["utf-16", "semicolons and decimal commas"])
def test_other_encodings_and_decimal_signs(tmp_path: Path, text: str):
    path = tmp_path / "file.csv"
    if text == "utf-16":
        path.write_text(BARS["MT5 bar export"].decode(), encoding="utf-16")
    else:
        path.write_text("time;open;high;low;close\n" + "".join(
            f"2024-01-02 1{n}:00;1,1;1,101;1,099;1,1005\n" for n in range(2)
        ))  # fmt: skip
    np.testing.assert_allclose(read_quotes(path).sides["unknown"][1], [1.1, 1.101, 1.099, 1.1005])


def test_a_record_array_of_mt5_rates(tmp_path: Path):
    table = pd.DataFrame({"time": [1704189600, 1704193200], "open": 1.1, "high": 1.2, "low": 1.0,
                          "close": 1.1, "tick_volume": 9, "spread": 12, "real_volume": 0})  # fmt: skip
    np.save(tmp_path / "rates.npy", table.to_records(index=False))
    quotes = read_quotes(tmp_path / "rates.npy")
    assert quotes.family == "MT5 rates"
    assert quotes.spread is not None
    assert (quotes.spread.tolist(), quotes.spread_unit) == ([12, 12], "points")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (hst_400()[:-5], "cut short"),
        (b'{"a": 1}', "JSON, but neither candles"),
        (b"<html><table><tr><td>hello</td></tr></table></html>", "without trades"),
        (TICKS["TrueFX ticks"].replace(b"EUR", b"GBP", 1), "keep one pair"),
        (b"0,1,1,1,1,0,1,1,1,1,0\n1000,1,1,1,1,0,1,1,1,1,0\n", "no day in the file's name"),
        (rows("time,bid,ask", *["2024-01-02 10:00,1.1001,1.1"] * 5), "check which column is which"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, content: bytes, words: str):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_quotes(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
