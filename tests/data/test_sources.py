"""Bars and trades from memory: the same numbers as of a file with the same table."""

from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest

from jaxexit.config import Experiment
from jaxexit.data import Dataset, Sources, load_dataset, load_folds
from jaxexit.data.sample import experiment_bars
from jaxexit.data.sources import as_frame
from jaxexit.errors import DataError
from jaxexit.truth.audit import audit_inputs
from tests.data.made import bar_table, experiment, walk, write_bars

LISTED = ("data.entries=trades", "data.trades=mine.csv", "env.entry_fill=given")


def written(folder: Path, table: pd.DataFrame, kind: str, name: str = "eurusd") -> Path:
    path = folder / f"{name}.{kind}"
    if kind == "csv":
        table.to_csv(path, index=not isinstance(table.index, pd.RangeIndex))
    else:
        table.to_parquet(path)
    return path


def both_sides() -> pd.DataFrame:
    bid = pd.DataFrame(
        walk(1, 1500).round(5), columns=["bid_open", "bid_high", "bid_low", "bid_close"]
    )
    bid["bid_high"], bid["bid_low"] = bid.max(axis=1), bid.min(axis=1)
    ask = bid.rename(columns=lambda name: name.replace("bid", "ask")) + 0.0001
    return pd.concat([bar_table()[["time"]], bid, ask], axis=1)


def spoken() -> pd.DataFrame:
    """Stamps as text without an offset, prices as text, a spread with gaps, a column of the user's."""
    table = bar_table().astype({"open": str, "close": str})
    table["time"] = table["time"].dt.strftime("%Y-%m-%d %H:%M:%S")
    table["spread_pips"] = np.where(np.arange(len(table)) % 7 == 0, np.nan, 1.3)
    return table.assign(mine=np.arange(len(table)) / 7).astype({"time": object, "close": object})


TABLES = {
    "a time column": bar_table(),
    "an index of instants": bar_table().set_index("time"),
    "an index without an offset": bar_table().set_index(bar_table()["time"].dt.tz_localize(None)).drop(
        columns="time"
    ),
    "an index in another zone": bar_table().set_index("time").tz_convert("Asia/Tokyo"),
    "epochs": bar_table().assign(time=bar_table()["time"].astype("int64") // 10**9),
    "both sides": both_sides(),
    "text": spoken(),
    "names of another case": bar_table().rename(columns=str.upper),
    "ints and float32": bar_table().assign(volume=np.arange(1500)).astype({"volume": "int32"}),
}  # fmt: skip


def same_numbers(one: Dataset, other: Dataset) -> None:
    assert one.fingerprint == other.fingerprint
    assert (one.times == other.times).all()
    assert (one.unit, one.features, one.counts, one.calendar, one.market_told) == (
        other.unit, other.features, other.counts, other.calendar, other.market_told,
    )  # fmt: skip
    for a, b in zip(
        jax.tree.leaves((one.market, one.splits)),
        jax.tree.leaves((other.market, other.splits)),
        strict=True,
    ):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_bars_of_a_frame_are_those_of_its_file(tmp_path: Path, table: pd.DataFrame, kind: str):
    own = ("data.price_side=auto",) if "bid_open" in table else ()
    clock = ("data.timezone=America/New_York",)
    made = experiment(tmp_path, *clock, *own, bars=written(tmp_path, table, kind))
    filed, kept = experiment_bars(made), table.copy(deep=True)
    given = experiment_bars(made, Sources(bars=table))
    for name in ("times", "bid", "ask"):
        assert getattr(given, name).tobytes() == getattr(filed, name).tobytes()
    assert (given.unit, given.market, given.family, given.clock, given.origin, given.side) == (
        filed.unit, filed.market, filed.family, filed.clock, filed.origin, filed.side,
    )  # fmt: skip
    assert given.where == "bars (DataFrame)"
    pd.testing.assert_frame_equal(table, kept, check_freq=False)


def test_a_whole_experiment_on_frames(tmp_path: Path):
    table = bar_table().assign(mine=np.sin(np.arange(1500)))
    options = ("env.features=[rsi, ema_spread, {column: mine, scale: 1}]",)
    made = experiment(tmp_path, *options, bars=write_bars(tmp_path, table))
    given = load_dataset(made, Sources(bars=table))
    same_numbers(load_dataset(made), given)
    assert given.summary[0].startswith("bars (DataFrame): bars, clock: as the stamps")
    folds = (
        load_folds(made, 2, rolling=False),
        load_folds(made, 2, rolling=False, sources=Sources(bars=table)),
    )
    assert folds[0].fingerprint == folds[1].fingerprint
    for one, other in zip(folds[0].datasets, folds[1].datasets, strict=True):
        same_numbers(one, other)


def entries() -> pd.DataFrame:
    table = bar_table()
    at = np.arange(120, 1450, 11)
    return pd.DataFrame(
        {
            "entry_time": table["time"].dt.tz_localize(None).to_numpy()[at],
            "direction": np.where(at % 2 == 0, "long", "short"),
            "entry_price": table["close"].to_numpy()[at],
            "exit_time": table["time"].dt.tz_localize(None).to_numpy()[at + 5],
            "exit_price": table["close"].to_numpy()[at + 5],
            "tag": "a",
        }
    )


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_list_of_a_frame_is_that_of_its_file(tmp_path: Path, kind: str):
    table, listed = bar_table(), entries()
    path = written(tmp_path, listed, kind, "mine")
    made = experiment(tmp_path, *LISTED, f"data.trades={path}", bars=write_bars(tmp_path, table))
    filed, kept = load_dataset(made), listed.copy(deep=True)
    given = load_dataset(made, Sources(bars=table, trades=listed))
    same_numbers(filed, given)
    for name, rows in filed.tables.items():
        pd.testing.assert_frame_equal(rows, given.tables[name], check_exact=True)
    assert given.origin.entries == "entries of trades (DataFrame)"
    pd.testing.assert_frame_equal(listed, kept)


def test_the_name_in_the_experiment_still_says_what_market_it_is(tmp_path: Path):
    table = bar_table()
    table[["open", "high", "low", "close"]] *= 100
    yen = experiment(tmp_path, bars=tmp_path / "USDJPY.csv")
    assert experiment_bars(yen, Sources(bars=table)).pip == 0.01
    options = ("data.symbol=XAUUSD", "costs.spread=0.1 price", "data.price_side=mid")
    metal = experiment(tmp_path, *options, bars="sample")
    assert experiment_bars(metal, Sources(bars=table)).unit.name == "points"
    stock = experiment(tmp_path, bars=tmp_path / "mine.csv")
    with pytest.raises(DataError, match=r"^bars \(DataFrame\): .*set costs.spread"):
        experiment_bars(stock, Sources(bars=table.assign(**{"Adj Close": table["close"]})))


def refused(made: Experiment, **tables: object) -> str:
    with pytest.raises(DataError) as caught:
        load_dataset(made, Sources(**tables))
    assert "\n" not in str(caught.value)
    return str(caught.value)


class Broken:
    def to_pandas(self) -> pd.DataFrame:
        raise RuntimeError("two\nlines")


def test_what_is_no_table_is_one_line(tmp_path: Path):
    made, table = experiment(tmp_path), bar_table()
    for bars, words in (
        ([1, 2], "bars (DataFrame): got list, expected a DataFrame"),
        (table["open"], "bars (DataFrame): got Series, expected a DataFrame"),
        (pd.DataFrame, "bars (DataFrame): got type, expected a DataFrame"),
        (Broken(), "that converts to pandas: RuntimeError: two lines"),
        (table[:0], "bars (DataFrame): has no rows"),
        (pd.DataFrame(), "bars (DataFrame): has no rows"),
        (table[["open", "high", "low", "close"]], "bars (DataFrame): no time column"),
        (table[["open", "high", "low", "close"]][5:], "bars (DataFrame): no time column"),
        (table.drop(columns="low"), "bars (DataFrame): no column low"),
        (
            table.take([0, 2, 1]),
            "is earlier than the one before it, sort the bars by time (1 such rows)",
        ),
        (table.set_index(table["time"][::-1]), "the index and a column are both called 'time'"),
    ):
        assert words in refused(made, bars=bars)
    listed = experiment(tmp_path, *LISTED)
    assert refused(listed, bars=table, trades=table).startswith(
        "trades (DataFrame): no direction, the"
    )
    assert refused(made, bars=table, trades=entries()).startswith(
        "data.entries: got every_bar, expected trades"
    )


def test_an_index_that_is_a_column_too_and_rows_that_were_picked(tmp_path: Path):
    made, table = experiment(tmp_path), bar_table()
    whole = experiment_bars(made, Sources(bars=table.set_index("time", drop=False)))
    picked = experiment_bars(made, Sources(bars=table[table["open"] > 0]))
    assert whole.bid.tobytes() == picked.bid.tobytes()
    assert list(whole.table.columns) == list(picked.table.columns) == list(table.columns)
    twice = pd.concat([table, table[["close"]] * 2], axis=1)
    bars = experiment_bars(made, Sources(bars=twice))
    assert bars.bid.tobytes() == whole.bid.tobytes()
    assert list(bars.table.columns)[-1] == "close.1"


class Exchanged:
    """A table that only another library's protocol describes."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def test_tables_of_other_libraries(tmp_path: Path):
    made, table = experiment(tmp_path), bar_table()
    expected = experiment_bars(made, Sources(bars=table))
    pyarrow = pytest.importorskip("pyarrow")
    for other in (pyarrow.Table.from_pandas(table), Exchanged(table)):
        assert experiment_bars(made, Sources(bars=other)).bid.tobytes() == expected.bid.tobytes()
    assert as_frame(table, "bars (DataFrame)") is table


def test_polars(tmp_path: Path):
    polars = pytest.importorskip("polars")
    made, table = experiment(tmp_path, *LISTED), bar_table()
    given = Sources(bars=polars.from_pandas(table), trades=polars.from_pandas(entries()))
    same_numbers(
        load_dataset(made, Sources(bars=table, trades=entries())), load_dataset(made, given)
    )


def test_an_audit_of_frames_finds_what_one_of_their_files_does(tmp_path: Path):
    table, listed = bar_table(), entries()
    path = written(tmp_path, listed, "csv", "mine")
    made = experiment(tmp_path, *LISTED, f"data.trades={path}", bars=write_bars(tmp_path, table))
    nowhere = made.model_copy(
        update={"data": made.data.model_copy(update={"bars": "eurusd.csv", "trades": "mine.csv"})}
    )
    found = audit_inputs(made, load_dataset(made))
    given = load_dataset(nowhere, Sources(bars=table, trades=listed))
    assert audit_inputs(nowhere, given) == found
    assert any(finding.check == "inputs" and "fill" in finding.what for finding in found)
