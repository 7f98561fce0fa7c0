"""Bars as exchanges and vendors hand them out. Only documentation stood behind these files, no sample."""

import bz2
import gzip
import json
import lzma
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxexit.data.bar_files import BarReading, read_quotes
from jaxexit.data.book import load_bars
from jaxexit.errors import DataError
from tests.data.made import walk

COUNT = 60
OPENS = np.datetime64("2024-12-31T00:00", "ns") + np.arange(COUNT) * np.timedelta64(1, "h")
PRICES = walk(3, COUNT).round(5)
PRICES[:, 1], PRICES[:, 2] = PRICES.max(axis=1), PRICES.min(axis=1)
HOUR = 3_600_000


def lines(*rows: object, header: str = "", sign: str = ",") -> bytes:
    text = [sign.join(map(str, row)) for row in rows if isinstance(row, list | tuple)]
    return "\n".join([header] * bool(header) + text).encode() + b"\n"


def epochs(unit: str) -> list[int]:
    return OPENS.astype(f"datetime64[{unit}]").astype(np.int64).tolist()


def kline(at: int, price: np.ndarray, length: int) -> list[object]:
    return [at, *price, 12.5, at + length - 1, 13.75, 9, 6.1, 6.7, 0]


MILLISECONDS = [kline(at, price, HOUR) for at, price in zip(epochs("ms"), PRICES, strict=True)]
CHANGING = [  # microseconds from the first day of 2025 on
    kline(1000 * at, price, 1000 * HOUR) if at >= 1_735_689_600_000 else kline(at, price, HOUR)
    for at, price in zip(epochs("ms"), PRICES, strict=True)
]
BINANCE = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
    "taker_buy_quote_volume,ignore"
)
SEVEN = [[at, *price, 12.5, 13.75] for at, price in zip(epochs("ms"), PRICES, strict=True)]
COUNTED = [[at, *price, 12.5, 9] for at, price in zip(epochs("s"), PRICES, strict=True)]
SIX = [[at, *price, 12.5] for at, price in zip(epochs("ms"), PRICES, strict=True)]


def texts(rows: list[list[object]]) -> list[list[object]]:
    return [[row[0], *map(str, row[1:])] for row in rows]


def letters(times: Sequence[object]) -> list[dict[str, object]]:
    fields = ("o", "h", "l", "c")
    return [
        {"t": at, **dict(zip(fields, map(float, price), strict=True)), "v": 3, "n": 2, "vw": 1.1}
        for at, price in zip(times, PRICES, strict=True)
    ]


ISO = [f"{pd.Timestamp(at):%Y-%m-%dT%H:%M:%SZ}" for at in OPENS]
FILES = {
    "Binance klines, no header": ("Binance klines", lines(*MILLISECONDS)),
    "Binance klines, unit changing": ("Binance klines", lines(*CHANGING)),
    "Binance klines, header": ("Binance klines", lines(*MILLISECONDS, header=BINANCE)),
    "Binance klines, API": ("Binance klines", json.dumps(texts(MILLISECONDS)).encode()),
    "Bybit klines, no header": ("Bybit klines", lines(*SEVEN)),
    "Bybit klines, header": (
        "bars",
        lines(*SEVEN, header="startTime,openPrice,highPrice,lowPrice,closePrice,volume,turnover"),
    ),
    "Bybit klines, other header": (
        "bars",
        lines(*SEVEN, header="start,open,high,low,close,volume,turnover"),
    ),
    "Bybit klines, API": (
        "Bybit klines (BTCUSDT)",
        json.dumps(
            {"retCode": 0, "retMsg": "OK", "result": {"symbol": "BTCUSDT", "list": texts(SEVEN)[::-1]}}
        ).encode(),
    ),
    "Kraken OHLCVT": ("Kraken OHLCVT", lines(*COUNTED)),
    "Kraken, API": (
        "Kraken OHLCVT (XXBTZUSD)",
        json.dumps(
            {
                "error": [],
                "result": {
                    "XXBTZUSD": [
                        [*row[:5], "1.1", *row[5:]]
                        for row in [*texts(COUNTED), [COUNTED[-1][0] + 3600, *COUNTED[-1][1:]]]
                    ],
                    "last": 1,
                },
            }
        ).encode(),
    ),
    "ccxt, no header": ("ccxt candles", lines(*SIX)),
    "Polygon, API": (
        "Polygon aggregates (AAPL)",
        json.dumps({"ticker": "AAPL", "resultsCount": COUNT, "results": letters(epochs("ms"))}).encode(),
    ),
    "Polygon, flat file": (
        "bars",
        lines(
            *[["A", 3, p[0], p[3], p[1], p[2], at, 2] for at, p in zip(epochs("ns"), PRICES, strict=True)],
            header="ticker,volume,open,close,high,low,window_start,transactions",
        ),
    ),
    "Alpaca, by symbol": ("Alpaca bars (AAPL)", json.dumps({"bars": {"AAPL": letters(ISO)}}).encode()),
    "Alpaca, one symbol": (
        "Alpaca bars (AAPL)",
        json.dumps({"bars": letters(ISO), "symbol": "AAPL", "next_page_token": None}).encode(),
    ),
    "alpaca-py's frame": (
        "bars",
        lines(
            *[["AAPL", at, *price, 3] for at, price in zip(ISO, PRICES, strict=True)],
            header="symbol,timestamp,open,high,low,close,volume",
        ),
    ),
    "CryptoDataDownload's address above the header": (
        "bars",
        lines(
            *[[at // 1000, "x", *price] for at, price in zip(epochs("ms"), PRICES, strict=True)][::-1],
            header="https://www.example.com\ntime,symbol,open,high,low,close",
        ),
    ),
    "Excel's sep=;": (
        "bars",
        lines(
            *[[at, *price] for at, price in zip(ISO, PRICES, strict=True)],
            header="sep=;\ndate;open;high;low;close",
            sign=";",
        ),
    ),
}  # fmt: skip


def check(path: Path, family: str | None = None) -> None:
    quotes = read_quotes(path)
    assert family is None or quotes.family == family
    np.testing.assert_array_equal(quotes.times, OPENS)
    np.testing.assert_array_equal(quotes.sides["unknown"], PRICES)


@pytest.mark.parametrize("name", FILES)
def test_bars_are_read_with_their_opens_in_utc(tmp_path: Path, name: str):
    family, content = FILES[name]
    (tmp_path / "file").write_bytes(content)
    check(tmp_path / "file", family)


@pytest.mark.parametrize(("pack", "ending"), [(gzip, "gz"), (bz2, "bz2"), (lzma, "xz")])
@pytest.mark.parametrize("name", ["Binance klines, no header", "Polygon, API", "Alpaca, by symbol"])
def test_a_packed_file_is_the_file_itself(tmp_path: Path, pack, ending: str, name: str):
    family, content = FILES[name]
    for path in (tmp_path / f"file.csv.{ending}", tmp_path / "prices"):  # whatever it is called
        path.write_bytes(pack.compress(content))
        check(path, family)


def test_a_packed_file_that_is_damaged_is_one_line(tmp_path: Path):
    path = tmp_path / "bars.csv.gz"
    packed = gzip.compress(FILES["Kraken OHLCVT"][1])
    for content in (packed[:-20], packed[:12] + b"\xff" * 9 + packed[21:], gzip.compress(b"")):
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            read_quotes(path)
        assert "\n" not in str(caught.value)
        assert str(tmp_path) in str(caught.value)


YFINANCE = {
    "fields above tickers": ["Price,{f}", "Ticker,{t}", "Date,,,,,"],
    "no names": [",{f}", ",{t}", "Date,,,,,"],
    "tickers above fields": ["Ticker,{t}", "Price,{f}", "Date,,,,,"],
    "two rows": ["Date,{f}", ",{t}"],
}


@pytest.mark.parametrize("name", YFINANCE)
@pytest.mark.parametrize("order", [[3, 1, 2, 0], [0, 1, 2, 3]])
def test_yfinance_with_several_rows_above_the_bars(tmp_path: Path, name: str, order: list[int]):
    fields = [("Open", "High", "Low", "Close")[place] for place in order]
    words = {"f": ",".join([*fields, "Volume"]), "t": ",".join(["EURUSD=X"] * 5)}
    days = np.datetime64("2024-01-01") + np.arange(COUNT)
    rows = [[day, *price[order], 0] for day, price in zip(days, PRICES, strict=True)]
    header = "\n".join(YFINANCE[name]).format(**words)
    path = tmp_path / "file.csv"
    path.write_bytes(lines(*rows, header=header))
    quotes = read_quotes(path)
    assert quotes.family == "yfinance bars (EURUSD=X)"
    np.testing.assert_array_equal(quotes.times, days.astype("datetime64[ns]"))
    np.testing.assert_array_equal(quotes.sides["unknown"], PRICES)
    path.write_bytes(lines(*rows, header=header.replace("EURUSD=X", "GBPUSD=X", 1)))
    with pytest.raises(DataError, match="keep one ticker in a file"):
        read_quotes(path)


def test_bybits_files_for_metatrader_are_in_utc_plus_3_and_others_of_the_layout_are_not_guessed(
    tmp_path: Path,
):
    """public.bybit.com/kline_for_metatrader4; its clock is in the folder's description only."""
    stamps = [f"{pd.Timestamp(at) + pd.Timedelta(hours=3):%Y.%m.%d %H:%M}" for at in OPENS]
    content = lines(*[[at, *price, 1.5] for at, price in zip(stamps, PRICES, strict=True)])
    path = tmp_path / "BTCUSDT_60_2024-12-31_2025-01-02.csv.gz"
    path.write_bytes(gzip.compress(content))
    check(path, "Bybit klines for MetaTrader")
    other = tmp_path / "bars.csv"
    other.write_bytes(content)
    quotes = read_quotes(other)
    assert quotes.times[0] == OPENS[0] + np.timedelta64(3, "h")
    assert "taken as UTC unless you say" in quotes.clock
    assert (read_quotes(other, BarReading("UTC+3")).times == OPENS).all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"bars": {"AAPL": [], "MSFT": []}}, "bars of AAPL, MSFT, keep one symbol"),
        ({"bars": None, "symbol": "SPY"}, "JSON, but neither"),
        ({"bars": [], "symbol": "SPY"}, "has no bars"),
        ({"ticker": "AAPL", "results": []}, "has no bars"),
        ({"retCode": 10001, "retMsg": "params error", "result": {}}, "params error"),
        ({"error": [], "result": {"A": [], "B": [], "last": 1}}, "keep one pair"),
        ([[1, 2], "x"], "JSON, but neither"),
        ([["a"] * 12], "no"),
    ],
)  # fmt: skip
def test_an_answer_without_bars_of_one_symbol_is_one_line(tmp_path: Path, content, words: str):
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(DataError) as caught:
        read_quotes(tmp_path / "a.json")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_answer_that_goes_on_is_said(tmp_path: Path):
    for content in (
        {"ticker": "A", "results": letters(epochs("ms")), "next_url": "https://example.com"},
        {"bars": {"A": letters(ISO)}, "next_page_token": "x"},
    ):
        (tmp_path / "a.json").write_text(json.dumps(content))
        assert any("further pages" in remark for remark in read_quotes(tmp_path / "a.json").remarks)


def test_rows_whose_prices_stand_in_another_order_are_not_taken_for_candles(tmp_path: Path):
    """KuCoin writes time, open, close, high, low, volume."""
    rows = [[row[0], row[1], row[4], row[2], row[3], row[5]] for row in SIX]
    (tmp_path / "a.csv").write_bytes(lines(*rows))
    with pytest.raises(DataError, match="a header must name"):
        read_quotes(tmp_path / "a.csv")


def test_the_side_of_traded_prices_is_asked(tmp_path: Path):
    (tmp_path / "a.csv").write_bytes(FILES["Kraken OHLCVT"][1])
    with pytest.raises(DataError, match=r"do not say which, set data\.price_side"):
        load_bars(tmp_path / "a.csv")
    assert len(load_bars(tmp_path / "a.csv", price_side="mid", spread="1 bps").times) == COUNT
