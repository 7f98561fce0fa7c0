"""The path of a newcomer: a file of bars and a list of trades, one look at them and one training.

Eight markets, each with the list that its traders have. Prices and trades are made up; the layouts are the
vendors', from documentation where no true file could be had.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jaxexit.data.calendars import calendar_of
from jaxexit.data.markets import MarketKind
from jaxexit.data.sample import sample_path
from tests.support import tiny

SIDES = ["open", "high", "low", "close"]
Rows = pd.DataFrame  # entry and exit: time, price; direction


@dataclass(frozen=True)
class Newcomer:
    """A market, how its bars and its list are written, and what its trader must say."""

    kind: str
    unit: str
    bars: Callable[[Path], tuple[Path, pd.DataFrame]]  # the file, and time, open, close
    trades: Callable[[Path, Rows], Path]
    said: tuple[str, ...] = ()
    digits: int = 2


def walk(price: float, times: np.ndarray, step: float, digits: int) -> pd.DataFrame:
    random = np.random.default_rng(len(times))
    close = price * np.exp(step * random.standard_normal(len(times)).cumsum())
    opened = np.concatenate([[price], close[:-1]])
    reach = step * random.exponential(0.5, (2, len(times)))
    table = pd.DataFrame({"time": pd.DatetimeIndex(times), "open": opened, "close": close})
    table["high"] = np.maximum(opened, close) * (1 + reach[0])
    table["low"] = np.minimum(opened, close) * (1 - reach[1])
    table[SIDES] = table[SIDES].round(digits)
    return table


def week(start: str, freq: str, rows: int) -> np.ndarray:
    """Opens from Sunday to Friday evening."""
    times = pd.date_range(start, periods=2 * rows, freq=freq)
    hour = 24 * times.day_of_week.to_numpy() + times.hour.to_numpy()
    return times[(hour < 118) | (hour >= 166)].to_numpy("datetime64[ns]")[:rows]


def entries(bars: pd.DataFrame, count: int = 360) -> Rows:
    """Long and short in turn, filled at an open and left at one some bars later."""
    at = np.linspace(320, len(bars) - 60, count).astype(int)
    out = at + 3 + np.arange(count) % 17
    return pd.DataFrame(
        {
            "entry_time": bars["time"].to_numpy()[at],
            "entry_price": bars["open"].to_numpy()[at],
            "exit_time": bars["time"].to_numpy()[out],
            "exit_price": bars["open"].to_numpy()[out],
            "direction": np.where(np.arange(count) % 2, -1, 1),
        }
    )


def stamped(moments: Any, form: str) -> list[str]:
    return [f"{pd.Timestamp(moment):{form}}" for moment in moments]


# --- bars ----------------------------------------------------------------------------------


def sample(folder: Path) -> tuple[Path, pd.DataFrame]:
    table = pd.read_csv(sample_path())
    table.columns = [name.lower() for name in table.columns]
    table["time"] = pd.to_datetime(table.iloc[:, 0], format="%d.%m.%Y %H:%M:%S.%f")
    return Path("sample"), table


def metatrader(name: str, price: float, digits: int) -> Callable[[Path], tuple[Path, pd.DataFrame]]:
    def write(folder: Path) -> tuple[Path, pd.DataFrame]:
        table = walk(price, week("2023-01-02", "30min", 3_000), 0.0008, digits)
        path = folder / name
        columns = {
            "<DATE>": stamped(table["time"], "%Y.%m.%d"),
            "<TIME>": stamped(table["time"], "%H:%M:%S"),
            **{f"<{side.upper()}>": table[side] for side in ("open", "high", "low", "close")},
            "<TICKVOL>": 100,
            "<VOL>": 0,
            "<SPREAD>": 15,
        }
        pd.DataFrame(columns).to_csv(path, sep="\t", index=False)
        return path, table

    return write


def binance(folder: Path) -> tuple[Path, pd.DataFrame]:
    times = pd.date_range("2024-01-01", periods=3_000, freq="1h").to_numpy("datetime64[ns]")
    table = walk(42_000.0, times, 0.004, 1)
    path = folder / "BTCUSDT-1h.csv"
    table.assign(time=pd.DatetimeIndex(times, tz="UTC"), funding_rate=0.0001).to_csv(
        path, index=False
    )
    return path, table


def yfinance(folder: Path) -> tuple[Path, pd.DataFrame]:
    times = pd.bdate_range("2010-01-04", periods=3_000).to_numpy("datetime64[ns]")
    table = walk(80.0, times, 0.012, 4)
    table.loc[2_000:, SIDES] /= 4.0  # a split that nobody adjusted for
    table[SIDES] = table[SIDES].round(4)
    path = folder / "prices.csv"
    fields = ["Close", "High", "Low", "Open"]
    lines = [f"Price,{','.join(fields)},Volume", "Ticker,ABC,ABC,ABC,ABC,ABC", "Date,,,,,"]
    for row in table.to_dict("records"):
        own = [str(row[field.lower()]) for field in fields]
        lines.append(f"{row['time']:%Y-%m-%d},{','.join(own)},1000")
    path.write_text("\n".join(lines) + "\n")
    return path, table


def alpaca(folder: Path) -> tuple[Path, pd.DataFrame]:
    around = pd.date_range("2021-01-04", "2021-12-30", freq="1h").to_numpy("datetime64[ns]")
    days = calendar_of("XNYS", MarketKind("stock", "", ""), around).sessions
    assert days is not None
    opens = pd.DatetimeIndex(days[days >= np.datetime64("2021-01-04")]) + pd.Timedelta("9h30min")
    opens = opens.tz_localize("America/New_York").tz_convert("UTC").tz_localize(None).as_unit("ns")
    times = (opens.to_numpy()[:, None] + np.arange(13) * np.timedelta64(30, "m")).ravel()
    table = walk(150.0, times, 0.002, 2)
    bars = [
        {"t": f"{row['time']:%Y-%m-%dT%H:%M:%SZ}", "n": 5, "v": 100, "vw": row["close"]}
        | {side[0]: row[side] for side in ("open", "high", "low", "close")}
        for row in table.to_dict("records")
    ]
    path = folder / "bars.json"
    path.write_text(json.dumps({"bars": {"XYZ": bars}, "next_page_token": None}))
    return path, table


def ninja_bars(folder: Path) -> tuple[Path, pd.DataFrame]:
    table = walk(4_500.0, week("2023-01-02", "30min", 3_000), 0.0012, 2)
    table[SIDES] = (4 * table[SIDES]).round() / 4
    table["high"], table["low"] = table[SIDES].max(axis=1), table[SIDES].min(axis=1)
    path = folder / "ES_continuous.csv"
    table.assign(time=table["time"].dt.tz_localize("UTC")).to_csv(path, index=False)
    return path, table


# --- lists ---------------------------------------------------------------------------------


def backtesting_py(folder: Path, rows: Rows) -> Path:
    path = folder / "list.csv"
    pd.DataFrame(
        {
            "Size": 1_000 * rows["direction"],
            "EntryBar": range(len(rows)),
            "ExitBar": range(len(rows)),
            "EntryPrice": rows["entry_price"],
            "ExitPrice": rows["exit_price"],
            "EntryTime": stamped(rows["entry_time"], "%Y-%m-%d %H:%M:%S"),
            "ExitTime": stamped(rows["exit_time"], "%Y-%m-%d %H:%M:%S"),
        }
    ).to_csv(path, index=False)
    return path


def ctrader(folder: Path, rows: Rows) -> Path:
    path = folder / "history.csv"
    side = np.where(rows["direction"] > 0, "Buy", "Sell")
    pd.DataFrame(
        {
            "ID": range(len(rows)),
            "Symbol": "GBPJPY",
            "Opening direction": side,
            "Opening time (UTC+0)": stamped(rows["entry_time"], "%d %b %Y %H:%M:%S.000"),
            "Closing time (UTC+0)": stamped(rows["exit_time"], "%d %b %Y %H:%M:%S.000"),
            "Entry price": rows["entry_price"],
            "Closing price": rows["exit_price"],
            "Net $": 0.0,
        }
    ).to_csv(path, index=False)
    return path


def myfxbook(folder: Path, rows: Rows) -> Path:
    path = folder / "statement.csv"
    pd.DataFrame(
        {
            "Tags": "",
            "Ticket": range(len(rows)),
            "Open Date": stamped(rows["entry_time"], "%m/%d/%Y %H:%M"),
            "Close Date": stamped(rows["exit_time"], "%m/%d/%Y %H:%M"),
            "Symbol": "XAUUSD",
            "Action": np.where(rows["direction"] > 0, "Buy", "Sell"),
            "Units/Lots": 0.1,
            "SL": 0.0,
            "TP": 0.0,
            "Open Price": rows["entry_price"],
            "Close Price": rows["exit_price"],
            "Commission": 0.0,
            "Swap": 0.0,
            "Pips": 0.0,
            "Profit": 0.0,
            "Gain": 0.0,
        }
    ).to_csv(path, index=False)
    return path


def tradingview(folder: Path, rows: Rows) -> Path:
    path = folder / "List_of_Trades.csv"
    lines = ["Trade #,Type,Signal,Date/Time,Price USD,Contracts,Profit USD,Profit %"]
    for number, row in enumerate(rows.to_dict("records"), 1):
        side = "long" if row["direction"] > 0 else "short"
        for word, at in (("Exit", "exit"), ("Entry", "entry")):
            when = f"{row[f'{at}_time']:%Y-%m-%d %H:%M}"
            lines.append(f"{number},{word} {side},x,{when},{row[f'{at}_price']},1,0,0")
    path.write_text("\n".join(lines) + "\n")
    return path


def freqtrade(folder: Path, rows: Rows) -> Path:
    path = folder / "backtest-result.json"
    trades = [
        {
            "pair": "BTC/USDT:USDT",
            "open_date": f"{row['entry_time']:%Y-%m-%d %H:%M:%S}+00:00",
            "close_date": f"{row['exit_time']:%Y-%m-%d %H:%M:%S}+00:00",
            "open_rate": row["entry_price"],
            "close_rate": row["exit_price"],
            "is_short": row["direction"] < 0,
            "is_open": False,
            "amount": 0.1,
            "stake_amount": 100.0,
            "fee_open": 0.0005,
            "fee_close": 0.0005,
            "profit_ratio": 0.0,
            "profit_abs": 0.0,
        }
        for row in rows.to_dict("records")
    ]
    path.write_text(json.dumps({"strategy": {"S": {"trades": trades}}, "strategy_comparison": []}))
    return path


def plain_list(folder: Path, rows: Rows) -> Path:
    path = folder / "list.csv"
    pd.DataFrame(
        {
            "Opening time": stamped(rows["entry_time"], "%Y-%m-%d %H:%M:%S"),
            "Side": np.where(rows["direction"] > 0, "long", "short"),
            "Entry": rows["entry_price"],
        }
    ).to_csv(path, index=False)
    return path


def ninjatrader(folder: Path, rows: Rows) -> Path:
    path = folder / "trades.csv"
    pd.DataFrame(
        {
            "Trade number": range(1, len(rows) + 1),
            "Instrument": "ES 06-23",
            "Account": "Sim101",
            "Strategy": "",
            "Market pos.": np.where(rows["direction"] > 0, "Long", "Short"),
            "Qty": 1,
            "Entry price": rows["entry_price"],
            "Exit price": rows["exit_price"],
            "Entry time": stamped(rows["entry_time"], "%m/%d/%Y %I:%M:%S %p"),
            "Exit time": stamped(rows["exit_time"], "%m/%d/%Y %I:%M:%S %p"),
            "Profit": "$0.00",
        }
    ).to_csv(path, index=False)
    return path


NEWCOMERS = {
    "EURUSD H1": Newcomer("currency pair", "pips", sample, backtesting_py),
    "a yen cross": Newcomer("currency pair", "pips", metatrader("GBPJPY_M30.csv", 160.0, 3), ctrader),
    "XAUUSD": Newcomer("metal", "points", metatrader("XAUUSD_M30.csv", 1_900.0, 2), myfxbook),
    "an index": Newcomer("index", "points", metatrader("US500_M30.csv", 4_300.0, 1), tradingview),
    "BTC/USDT perpetual": Newcomer(
        "crypto",
        "percent",
        binance,
        freqtrade,
        (
            "data.price_side=mid", "costs.spread=1 bps", "costs.commission=0.0005",
            "costs.funding=funding_rate",
        ),
    ),
    "a daily stock with a split": Newcomer(
        "stock", "percent", yfinance, plain_list,
        (
            "data.price_side=mid", "costs.spread=2 bps", "env.max_bars=20",
            "data.columns={entry_time: Opening time, direction: Side, entry_price: Entry}",
        ),
    ),
    "an intraday stock": Newcomer(
        "stock",
        "percent",
        alpaca,
        tradingview,
        (
            "data.price_side=mid", "costs.spread=2 bps", "data.calendar=XNYS", "env.flat_overnight=true",
            "costs.point_value=1", "costs.commission_per_lot=0.005", "costs.commission_minimum=1",
            "costs.lots=100",
        ),
    ),
    "a continuous future": Newcomer(
        "future", "ticks", ninja_bars, ninjatrader,
        ("data.price_side=mid", "costs.spread=1", "costs.point_value=50", "costs.commission_per_lot=2.25"),
    ),
}  # fmt: skip


def command(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=tiny.PATIENCE,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", NEWCOMERS)
def test_one_look_and_one_training(name: str, tmp_path: Path) -> None:
    newcomer = NEWCOMERS[name]
    bars, table = newcomer.bars(tmp_path)
    trades = newcomer.trades(tmp_path, entries(table))
    began = time.perf_counter()
    options = dict(setting.split("=", 1) for setting in newcomer.said)
    looks = [
        *(("--price-side", options["data.price_side"]) if "data.price_side" in options else ()),
        *(("--spread", options["costs.spread"]) if "costs.spread" in options else ()),
    ]
    for pair in options.get("data.columns", "{}").strip("{}").split(", "):
        if pair:
            ours, theirs = pair.split(": ")
            looks += ["--column", f"{ours}={theirs}"]
    said = command(
        "jaxexit.data", "inspect", "--trades", str(trades), "--bars", str(bars),
        "--filled-at", "bar_open", "--json", *looks, folder=tmp_path,
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert (found["trades"], found["long"], found["short"]) == (360, 180, 180)
    assert found["fills"]["at_open"] >= 300
    assert found["unit"] == newcomer.unit

    (tmp_path / "v1_mine.yaml").write_text("description: mine\nhypothesis: none\n")
    settings = [
        f"data.bars={bars}", f"data.trades={trades}", "data.entries=trades", "data.filled_at=bar_open",
        "ppo.total_timesteps=8192", "ppo.num_envs=16", "ppo.num_steps=256", "ppo.minibatch_size=1024",
        "env.max_bars=40", *newcomer.said,
    ]  # fmt: skip
    words = [word for setting in settings for word in ("--set", setting)]
    done = command("jaxexit.train", "v1_mine.yaml", *words, "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)["backtest"]
    assert summary["unit"] == newcomer.unit
    assert summary["market"].startswith(newcomer.kind)
    learned = summary["policies"]["learned"]
    assert abs(learned[f"net_{newcomer.unit}_mean"]) < {"percent": 100.0}.get(
        newcomer.unit, 5_000.0
    )
    assert "like a split" in done.stderr or "split" not in name
    seconds = time.perf_counter() - began
    told = command(
        "jaxexit.advise", "v1_mine.yaml", "--trades", str(trades), "--bars", str(bars),
        *(("--price-side", "mid") if "data.price_side" in options else ()), folder=tmp_path,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    net = f"net_{newcomer.unit}"
    advised = {line["trade"]: line[net] for line in lines if line["type"] == "closed"}
    played = pd.read_parquet(tmp_path / "v1_mine" / "results" / "test" / "trades.parquet")
    own = played[played["policy"] == "learned"]
    assert len(own) > 30
    for trade, result in zip(own["trade_id"].astype(str), own[net], strict=True):
        assert advised[trade] == pytest.approx(result, rel=1e-4, abs=1e-3)
    print(
        f"{name}: {newcomer.kind}, {newcomer.unit}, {len(newcomer.said)} settings, {seconds:.0f} s"
    )
