"""No list is taken with a wrong direction, in part, or with what only its end knows, without a word."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxexit.__main__ import main
from jaxexit.config import load_experiment
from jaxexit.data import Dataset, load_dataset
from jaxexit.data.trades import Reading, load_trades
from jaxexit.errors import DataError

ON_EUR = ("data.price_side=bid", "costs.spread_pips=1")
ON_BTC = ("data.price_side=mid", "data.pip=1", "costs.spread_pips=1")
LONG, SHORT = 165, 179  # of the 344 trades that all cases on EUR tell of


@pytest.fixture(scope="module")
def cases(shared_data: Path) -> Path:
    return shared_data / "cases"


def taken(cases: Path, trades: str, *overrides: str) -> Dataset:
    """What an experiment makes of a case's list, on the bars of its market."""
    eur = "freqtrade" not in trades and "two_clocks" not in trades
    bars = "eur.csv" if eur else "btc_h1_utc_epoch_ms.csv"
    return load_dataset(
        load_experiment(
            Path(__file__).parents[2] / "experiments" / "v2_exit_guards.yaml",
            [
                f"data.bars={cases / '_bars' / bars}",
                "data.entries=trades",
                f"data.trades={cases / trades}",
                "data.filled_at=bar_open",
                "env.max_bars=48",
                *(ON_EUR if eur else ON_BTC),
                *overrides,
            ],
        )
    )


def sides(path: Path, reading: Reading | str = "auto") -> tuple[int, int]:
    rows, *_ = load_trades(path, reading)
    direction = rows["direction"].to_numpy()
    return int(np.sum(direction > 0)), int(np.sum(direction < 0))


@pytest.mark.parametrize(
    "trades",
    [
        "dir_mt5_positions_get/tr_mt5_positions_nosl.csv",
        "dir_mt5_positions_get/tr_mt5_positions_get.csv",
        "dir_vectorbt_lean_codes/vectorbt_records.csv",
        "dir_vectorbt_lean_codes/lean_closed_trades.csv",
        "size_ignored/tr_btpy_partial.csv",
        "size_ignored/tr_dup.csv",
        "tradingview_trade_list/tr_tv1.csv",
        "tradingview_trade_list/tr_tv2.csv",
    ],
)
def test_every_trade_is_taken_once_with_its_direction(cases: Path, trades: str):
    assert sides(cases / trades) == (LONG, SHORT)
    dataset = taken(cases, trades)
    assert set(dataset.counts) == {"cross the end of their split"}
    # All cases tell of the same trades: an entry's direction is the same in each.
    known = taken(cases, "dir_vectorbt_lean_codes/lean_closed_trades.csv")
    for split in dataset.tables:
        for name in ("entry_time", "direction"):
            own, other = (one.tables[split][name].to_numpy() for one in (dataset, known))
            np.testing.assert_array_equal(own, other)


@pytest.mark.parametrize(
    ("trades", "overrides", "says"),
    [
        ("stop_is_the_last_one/tr_btpy_trailing.csv", (), "184 of 344 stops .* set data.stops to ignore"),
        ("times_not_on_bars/tr_2sec.csv", (), "like 06:00:02, .* set data.align to enclosing"),
        ("times_not_on_bars/positions_live.html", (), "set data.align to enclosing"),
        ("symbols_freqtrade_two_pairs/tr_ft_two.json", (), "holds BTC/USDT, ETH/USDT: set data.symbol"),
        ("symbols_freqtrade_two_pairs/tr_ft_two.json", ("data.symbol=SOL",), "data.symbol is SOL, but"),
        ("two_clocks/trb_berlin.csv", (), "check data.timezone"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_asked(cases: Path, trades: str, overrides: tuple, says: str):
    with pytest.raises(DataError, match=says) as caught:
        taken(cases, trades, *overrides)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("trades", "overrides", "count"),
    [
        ("stop_is_the_last_one/tr_btpy_trailing.csv", ("data.stops=ignore",), 335),
        ("times_not_on_bars/tr_2sec.csv", ("data.align=enclosing",), 335),
        ("times_not_on_bars/tr_offbar.csv", ("data.align=enclosing", "env.entry_fill=given"), 335),
        ("times_not_on_bars/positions_live.html", ("data.align=enclosing",), 335),
        ("symbols_freqtrade_two_pairs/tr_ft_two.json", ("data.symbol=BTC/USDT",), 282),
        ("freqtrade_candles/backtest-result-2025-01-01_00-00-00.zip", (), 282),
        ("two_clocks/trb_berlin.csv", ("data.trades_timezone=Europe/Berlin",), 282),
        ("two_clocks/trb_berlin.csv", ("data.timezone=Europe/Berlin",), 282),
    ],
)
def test_and_with_the_answer_all_trades_are_there(
    cases: Path, trades: str, overrides: tuple, count: int
):
    tables = taken(cases, trades, *overrides).tables
    assert sum(len(table) for table in tables.values()) == count


def listed(folder: Path, **columns: object) -> Path:
    """A list of 40 trades of which every second is short; columns may be replaced, None: left out."""
    n = np.arange(40)
    side = np.where(n % 2, -1, 1)
    price = 1.1 + 0.0001 * n
    table = pd.DataFrame(
        {
            "entry_time": pd.date_range("2024-01-02", periods=40, freq="3h"),
            "direction": np.where(side > 0, "long", "short"),
            "entry_price": price,
            "stop": price - side * 0.002,
            "target": price + side * 0.004,
            "exit_time": pd.date_range("2024-01-02 01:00", periods=40, freq="3h"),
            "exit_price": price + np.where(n % 3, 0.001, -0.001),
        }
    ).assign(**columns)
    table = table.drop(columns=[name for name, values in columns.items() if values is None])
    path = folder / "list.csv"
    table.to_csv(path, index=False)
    return path


N = np.arange(40)
SIDE = np.where(N % 2, -1, 1)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"direction": N % 2}, "holds 0 and 1, and which is long is not said: set data.direction_codes"),
        ({"size": np.where(N == 7, 1, SIDE) * 100}, "says short in row 8 and 'size' is 100"),
        ({"direction": np.where(SIDE > 0, "short", "long")}, "the directions are the wrong way round"),
        ({"profit": np.where(N % 3, -SIDE, SIDE)}, "the directions are the wrong way round"),
        ({"stop": 30.0}, "is a distance, not a price"),
        ({"stop": 0.002}, "is a distance, not a price"),
        ({"stop": 1.1 + 0.0001 * N + SIDE * 0.001, "target": None}, "40 of 40 stops lie on the winning"),
        ({"pair": np.where(N < 30, "EURUSD", "GBPUSD")}, "holds EURUSD, GBPUSD: set data.symbol"),
        ({"direction": None}, "data.columns say which it is"),
    ],
)  # fmt: skip
def test_a_list_that_contradicts_itself_is_refused(tmp_path: Path, columns: dict, says: str):
    with pytest.raises(DataError) as caught:
        load_trades(listed(tmp_path, **columns), "UTC")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_stops_that_are_missing_just_where_trades_lost_are_refused(tmp_path: Path):
    price = 1.1 + 0.0001 * N
    won = SIDE * np.where(N % 3, 1, -1) > 0
    gone = np.where(won, price - SIDE * 0.002, np.nan)
    with pytest.raises(DataError, match=r"stops are missing where trades lost"):
        load_trades(listed(tmp_path, stop=gone), "UTC")
    some = np.where(N % 5, price - SIDE * 0.002, np.nan)  # whatever became of them
    rows, *_ = load_trades(listed(tmp_path, stop=some), "UTC")
    assert np.isnan(rows["stop"].to_numpy(float)).sum() == 8


def test_codes_and_names_that_the_user_tells_are_taken(tmp_path: Path):
    path = listed(tmp_path, direction=N % 2)
    codes = Reading("UTC", direction_codes={"0": "long", "1": "short"})
    assert sides(path, codes) == (20, 20)
    rows, *_ = load_trades(path, codes)
    np.testing.assert_array_equal(rows["direction"], SIDE)
    table = pd.read_csv(listed(tmp_path)).rename(
        columns={"entry_time": "Opening time", "direction": "Way"}
    )
    table.to_csv(path, index=False)
    with pytest.raises(DataError, match="no entry time"):
        load_trades(path, "UTC")
    names = {"entry_time": "Opening time", "direction": "Way"}
    assert sides(path, Reading("UTC", columns=names)) == (20, 20)
    with pytest.raises(
        DataError, match=r"direction is said to be 'Side', and the file has no such"
    ):
        load_trades(path, Reading("UTC", columns={**names, "direction": "Side"}))


def test_positions_closed_in_parts_are_one_trade_that_ends_with_its_last_part(tmp_path: Path):
    table = pd.read_csv(listed(tmp_path))
    later = table.assign(exit_time="2024-02-01 00:00:00", exit_price=1.2)
    path = tmp_path / "list.csv"
    pd.concat([later, table, table.iloc[:5]]).to_csv(path, index=False)
    rows, remarks, *_ = load_trades(path, "UTC")
    assert len(rows) == 40
    assert set(rows["exit_price"]) == {1.2}
    assert remarks == (
        "5 exact duplicates left out",
        "80 rows are pieces of 40 trades (the same entry): joined, the last exit counts",
    )


def test_deals_are_paired_by_their_position(tmp_path: Path):
    """Entry 0 in, 1 out; type 0 buy, 1 sell: a sell that closes is no short."""
    deals = pd.DataFrame(
        {
            "ticket": [1, 2, 3, 4, 5],
            "time": [1_704_186_000, 1_704_189_600, 1_704_193_200, 1_704_196_800, 1_704_200_400],
            "type": [0, 1, 1, 0, 2],
            "entry": [0, 0, 1, 1, 0],
            "position_id": [1, 2, 1, 2, 0],
            "price": [1.10, 1.11, 1.12, 1.09, 0.0],
            "symbol": "EURUSD",
        }
    )
    path = tmp_path / "deals.csv"
    deals.to_csv(path, index=False)
    rows, *_ = load_trades(path, "auto")
    assert rows[["direction", "entry_price", "exit_price"]].to_numpy().tolist() == [
        [1, 1.10, 1.12],
        [-1, 1.11, 1.09],
    ]
    server, *_ = load_trades(path, "UTC+3")  # MetaTrader's epochs are the broker's clock
    assert (rows["entry_time"] - server["entry_time"]).unique() == pd.Timedelta(hours=3)


def test_a_list_of_which_much_cannot_be_used_stops_with_the_reasons(cases: Path, tmp_path: Path):
    table = pd.read_csv(cases / "size_ignored" / "tr_dup.csv").drop_duplicates()
    at = pd.to_datetime(table["entry_time"])
    table["entry_time"] = at.where(np.arange(len(at)) % 4 > 0, at + pd.Timedelta(minutes=7))
    path = tmp_path / "list.csv"
    table.to_csv(path, index=False)
    with pytest.raises(DataError, match=r"86 of 344 trades cannot be used \(86 match no bar\)"):
        taken(cases, str(path))
    tables = taken(cases, str(path), "data.allow_partial=true").tables
    assert sum(map(len, tables.values())) > 240


def test_inspect_says_what_a_list_is_before_anything_is_trained(
    cases: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["data", "inspect", "--trades", str(cases / "times_not_on_bars" / "tr_offbar.csv")]
    bars = ["--bars", str(cases / "_bars" / "eur.csv"), "--price-side", "bid"]
    assert main([*words, *bars, "--align", "enclosing", "--filled-at", "bar_open", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["trades"], found["long"], found["short"]) == (344, LONG, SHORT)
    assert (found["used"], found["left_out"]) == (344, {})
    assert found["fills"]["inside_bars"] == 344
    assert found["fills"]["outside"] == 0
    assert 1 < found["stop"]["atr"]["median"] < 2
    assert main([*words, *bars]) == 2  # as a training would
    assert "set data.align to enclosing" in capsys.readouterr().err
    assert main(words) == 0
    assert "344 trades: 165 long, 179 short" in capsys.readouterr().out


def test_a_list_whose_winners_fall_out_is_refused(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    table = pd.read_csv(cases / "size_ignored" / "tr_dup.csv").drop_duplicates()
    side = np.where(table["direction"] == "long", 1, -1)
    won = side * (table["exit_price"] - table["entry_price"]) > 0
    moved = pd.to_datetime(table["entry_time"]) + pd.Timedelta(minutes=7)
    table["entry_time"] = moved.where(won & (np.arange(len(table)) % 2 > 0), table["entry_time"])
    path = tmp_path / "list.csv"
    table.to_csv(path, index=False)
    bars = ["--bars", str(cases / "_bars" / "eur.csv"), "--price-side", "bid"]
    words = ["data", "inspect", "--trades", str(path), *bars, "--filled-at", "bar_open"]
    assert main(words) == 2
    assert "cannot be used mostly won, where the others did not" in capsys.readouterr().err


def test_a_fill_inside_its_bar_is_known_to_be_one(cases: Path):
    """A target that its bar reaches may have been touched before it: `env` does not count it."""
    said = ("data.align=enclosing", "env.entry_fill=given")
    trades = taken(cases, "times_not_on_bars/tr_offbar.csv", *said).splits["train"]
    assert trades.inside_bar is not None
    assert np.asarray(trades.inside_bar).mean() > 0.9
    assert (
        taken(cases, "dir_vectorbt_lean_codes/lean_closed_trades.csv").splits["train"].inside_bar
        is None
    )
