"""`load_dataset`: from an experiment to device arrays, splits, and what is said about them."""

from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from jaxexit.config import load_experiment
from jaxexit.data import Dataset, load_dataset, sample
from jaxexit.data.book import load_bars
from jaxexit.data.export import as_trade_list, write_csv
from jaxexit.data.fingerprint import fingerprint_bars
from jaxexit.errors import DataError
from tests.data.made import bar_table, experiment, quarter_hours, write_bars


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Every bar of a made market, long and short."""
    return load_dataset(experiment(tmp_path_factory.mktemp("dense")))


def test_shapes_and_types_of_the_device_arrays(dense: Dataset):
    market, rows = dense.market, 1500
    assert market.bid.shape == market.ask.shape == (rows, 4)
    assert market.features.shape == (rows, 1 + max(f.column_index for f in dense.features))
    assert market.atr.shape == market.nights.shape == (rows,)
    assert market.carry is None  # no funding, nothing borrowed
    arrays = [array for array in market if array is not None]
    assert {array.dtype for array in arrays} == {jnp.dtype("float32")}
    assert all(bool(jnp.isfinite(array).all()) for array in arrays)
    trades = dense.splits["train"]
    assert trades.entry_bar.dtype == jnp.int32
    assert trades.inside_bar is None  # entries are opens of bars
    assert {array.dtype for array in trades[1:6]} == {jnp.dtype("float32")}


def test_features_are_hashable_so_that_they_can_be_static(dense: Dataset):
    assert hash(dense.features) == hash(tuple(dense.features))


def test_every_bar_enters_long_and_short_once(dense: Dataset):
    table = dense.tables["train"]
    assert table["entry_bar"].tolist() == np.repeat(np.arange(100, 1050 - 20), 2).tolist()
    assert table["direction"].tolist() == [1, -1] * (len(table) // 2)
    assert dense.counts == {
        "cross the end of their split": 80,
        "cross the end of the data": 40,
    }


def test_tables_and_device_trades_are_the_same_rows(dense: Dataset):
    for name, trades in dense.splits.items():
        table = dense.tables[name]
        assert trades.entry_bar.tolist() == table["entry_bar"].tolist()
        assert (table["entry_time"].to_numpy() == dense.times[table["entry_bar"]]).all()
        np.testing.assert_array_equal(trades.stop, table["stop"].to_numpy(np.float32))


def test_entry_price_is_the_entry_sides_close_and_stop_is_1_1_atr_away(dense: Dataset):
    trades, market = dense.splits["test"], dense.market
    long = trades.direction > 0
    bars = trades.entry_bar
    close = jnp.where(long, market.ask[bars, 3], market.bid[bars, 3])
    np.testing.assert_array_equal(trades.entry_price, close)
    risk = trades.direction * (trades.entry_price - trades.stop)
    np.testing.assert_allclose(risk, 1.1 * market.atr[bars], atol=3e-7)
    assert bool(jnp.isnan(trades.target).all())


def test_each_nth_bar(tmp_path: Path):
    data = load_dataset(experiment(tmp_path, "data.every=7"))
    assert data.tables["train"]["entry_bar"].unique()[:3].tolist() == [100, 107, 114]


def test_no_trade_begins_before_the_features_are_defined(tmp_path: Path):
    data = load_dataset(experiment(tmp_path, "data.warmup=0"))
    assert data.tables["train"]["entry_bar"].tolist()[0] == 49  # the first bar of EMA 50


def test_summary_says_what_was_read_and_left_out(dense: Dataset):
    text = "\n".join(dense.summary)
    assert "1,500 bars of 15 min, 2022-01-03 00:00 to 2022-01-18 14:45 UTC" in text
    assert "mid bars with a constant spread of 1 pips" in text
    assert "80 cross the end of their split; 40 cross the end of the data" in text
    assert "validation: 410 trades (205 long, 205 short)" in text


def test_the_same_data_have_the_same_fingerprint_and_others_another(tmp_path: Path):
    first, again, wider = (
        load_dataset(experiment(tmp_path, f"costs.spread_pips={spread}")).fingerprint
        for spread in (1.0, 1.0, 1.1)
    )
    assert first == again
    assert first["bars"]["sha256"] != wider["bars"]["sha256"]
    assert first["trades"]["sha256"] != wider["trades"]["sha256"]
    assert first["bars"]["rows"] == 1500


def test_a_single_price_changes_the_fingerprint(tmp_path: Path):
    bars = load_bars(write_bars(tmp_path), price_side="mid")
    bid = bars.bid.copy()
    bid[700, 3] += 1e-12
    other = replace(bars, bid=bid)
    one, two = (fingerprint_bars(b.times, b.bid, b.ask)["sha256"] for b in (bars, other))
    assert one != two


def test_a_users_column_reaches_the_device(tmp_path: Path):
    table = bar_table().assign(mood=np.linspace(-1, 1, 1500))
    features = "env.features=[adx, {column: mood, scale: 2.0, directional: true}]"
    data = load_dataset(experiment(tmp_path, features, bars=write_bars(tmp_path, table)))
    assert [feature.name for feature in data.features] == ["adx", "mood"]
    np.testing.assert_allclose(
        data.market.features[:, 1], (table["mood"] / 2).to_numpy(np.float32), rtol=1e-6
    )


def test_a_single_value_of_a_users_column_changes_the_fingerprint(tmp_path: Path):
    table = bar_table().assign(mood=np.linspace(-1, 1, 1500))
    other = table.assign(mood=table["mood"].where(table.index != 700, 0.0))
    features = "env.features=[adx, {column: mood, scale: 2.0}]"
    one, two = (
        load_dataset(experiment(tmp_path, features, bars=write_bars(tmp_path, which))).fingerprint
        for which in (table, other)
    )
    assert one["columns"] != two["columns"]
    assert (one["bars"], one["trades"]) == (two["bars"], two["trades"])


def test_splits_by_date(tmp_path: Path):
    dates = ["data.split.validation_start=2022-01-12", "data.split.test_start=2022-01-15"]
    data = load_dataset(experiment(tmp_path, *dates))
    assert data.tables["validation"]["entry_time"].tolist()[0] == pd.Timestamp("2022-01-12")
    assert data.tables["test"]["entry_time"].tolist()[0] == pd.Timestamp("2022-01-15")


def test_a_split_without_trades_is_named_in_one_line(tmp_path: Path):
    with pytest.raises(DataError) as caught:
        load_dataset(experiment(tmp_path, "env.max_bars=300"))
    message = str(caught.value)
    assert "no trades in the validation split (2022-01-13 22:30 to" in message
    assert "cross the end of their split" in message
    assert "\n" not in message


def test_trades_outside_the_bars_are_refused_in_one_line(tmp_path: Path):
    path = tmp_path / "trades.csv"
    path.write_text("entry_time,direction\n2031-01-01 00:00,1\n")
    with pytest.raises(DataError) as caught:
        load_dataset(experiment(tmp_path, "data.entries=trades", f"data.trades={path}"))
    assert "no entry time is the open of a bar" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_list_written_by_the_command_comes_back_as_the_same_trades(tmp_path: Path):
    times = quarter_hours(1500)[[200, 400, 1100, 1400]]
    path = tmp_path / "trades.csv"
    stamps = "".join(f"{str(time)[:19]},1\n" for time in times)
    path.write_text("entry_time,direction\n" + stamps)
    overrides = ["data.entries=trades", f"data.trades={path}"]
    once = load_dataset(experiment(tmp_path, *overrides))
    listed = pd.concat(list(once.tables.values()))
    bars = load_bars(tmp_path / "eurusd.csv", price_side="mid")
    write_csv(as_trade_list(listed, bars), path)
    again = load_dataset(experiment(tmp_path, *overrides))
    assert again.fingerprint == once.fingerprint


def test_ema_bb_brings_its_own_stops_and_targets(shared_data: Path, tmp_path: Path):
    path = shared_data / "audusd_m15_bid_2022h1.parquet"
    overrides = ["data.entries=ema_bb", "costs.spread_pips=0", "data.warmup=300"]
    data = load_dataset(experiment(tmp_path, *overrides, bars=path))
    kept = sum(len(table) for table in data.tables.values())
    assert kept + sum(data.counts.values()) == 196
    real = pd.read_csv(shared_data / "audusd_m15_trades_2022h1.csv", parse_dates=["entry_time"])
    both = data.tables["train"].merge(real, on="entry_time")
    assert len(both) == len(data.tables["train"])
    np.testing.assert_allclose(both["stop"], both["sl"], atol=1e-12)
    np.testing.assert_allclose(both["target"], both["tp"], atol=1e-12)


def test_the_real_list_on_mid_bars(shared_data: Path, tmp_path: Path):
    overrides = ["data.entries=trades", f"data.trades={shared_data / 'audusd_m15_trades.csv'}"]
    spread = "costs.spread_pips=1.4"
    bars = shared_data / "audusd_m15_mid_2020_2025.parquet"
    data = load_dataset(
        experiment(tmp_path, *overrides, spread, "data.warmup=300", "env.max_bars=200", bars=bars)
    )
    kept = sum(len(table) for table in data.tables.values())
    assert kept + sum(data.counts.values()) == 1681
    assert data.counts["match no bar"] == 2
    assert kept > 1600


def test_the_two_versions_of_the_repository_load(repository: Path):
    for name in ("v1_baseline", "v2_exit_guards"):
        data = load_dataset(load_experiment(repository / "experiments" / f"{name}.yaml"))
        assert data.times[0] == np.datetime64("2017-01-01T22:00")
        assert min(len(table) for table in data.tables.values()) > 1000


def test_a_sample_that_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sample, "_PACKAGE", "a-package-that-is-not-installed")
    with pytest.raises(DataError, match=r'pip install "jaxexit\[sample\]"'):
        sample.sample_path()
