"""When a market shuts, as it is known beforehand, and what is done about it."""

import numpy as np
import pandas as pd
import pytest

from jaxexit.config import Experiment
from jaxexit.data.calendars import FX_CALENDAR, Calendar, calendar_of
from jaxexit.data.dataset import load_dataset
from jaxexit.data.markets import MarketKind
from jaxexit.data.sessions import session_left
from jaxexit.errors import DataError
from jaxexit.evaluate import Backtest
from jaxexit.policies import DEFAULT_PARAMS, HOLD_TO_HORIZON, LEAVE_AT_ONCE, ORACLE
from tests.data.made import experiment

HALF_HOUR = np.timedelta64(30, "m")
STOCK = MarketKind("stock", "", "")


def half_hours(first: str, last: str) -> np.ndarray:
    return pd.date_range(first, last, freq="30min").to_numpy("datetime64[ns]")


def test_an_exchange_shuts_at_its_close_and_on_half_days_earlier() -> None:
    # 2021-11-26, the day after Thanksgiving: New York shuts at 13:00, 18:00 UTC.
    times = half_hours("2021-11-24T14:30", "2021-11-26T20:30")
    calendar = calendar_of("XNYS", STOCK, times)
    left, last = session_left(calendar, times, HALF_HOUR, "test")
    assert [str(time)[:16] for time in times[last]] == ["2021-11-24T20:30", "2021-11-26T17:30"]
    opened = times == np.datetime64("2021-11-24T14:30")
    assert left[opened] == pytest.approx(12 / 13)  # thirteen half hours, the first has passed
    assert not left[
        (times > np.datetime64("2021-11-25")) & (times < np.datetime64("2021-11-26"))
    ].any()


def test_the_currency_market_shuts_on_friday_afternoon_in_new_york() -> None:
    for friday, close in (
        ("2023-07-07", "21:00"),
        ("2023-12-08", "22:00"),
    ):  # with daylight saving, without
        times = half_hours(f"{friday}T10:00", f"{friday}T23:30")
        _, last = session_left(FX_CALENDAR, times, HALF_HOUR, "test")
        (at,) = times[last]
        assert at + HALF_HOUR == np.datetime64(f"{friday}T{close}")


@pytest.mark.parametrize("name", ["24x7", "bars"])
def test_what_only_the_bars_show_is_not_known_beforehand(name: str) -> None:
    times = half_hours("2021-11-24T14:30", "2021-11-24T20:30")
    with pytest.raises(
        DataError, match=rf"env.flat_overnight: needs sessions, .* {name}: set data.calendar"
    ):
        session_left(Calendar(name, 365.25), times, HALF_HOUR, "env.flat_overnight")


def test_a_bar_as_long_as_a_session_has_no_close_inside() -> None:
    times = pd.bdate_range("2021-11-01", "2021-11-26").to_numpy("datetime64[ns]")
    calendar = calendar_of("XNYS", STOCK, times)
    with pytest.raises(DataError, match="bars that are shorter than a session"):
        session_left(calendar, times, np.timedelta64(1, "D"), "test")


def intraday(tmp_path, *overrides: str) -> Experiment:
    """Half hours of a stock in New York, 2021."""
    days = calendar_of("XNYS", STOCK, half_hours("2021-01-04", "2021-06-30")).sessions
    assert days is not None
    days = days[(days >= np.datetime64("2021-01-04")) & (days < np.datetime64("2021-07-01"))]
    winter = days < np.datetime64("2021-03-14")
    opens = days.astype("datetime64[ns]") + np.where(winter, 870, 810) * np.timedelta64(1, "m")
    times = (opens[:, None] + np.arange(13) * HALF_HOUR).ravel()
    random = np.random.default_rng(3)
    close = 150 * np.exp(0.002 * random.standard_normal(len(times)).cumsum())
    opened = np.concatenate([[150.0], close[:-1]]) * np.exp(
        0.0005 * random.standard_normal(len(times))
    )
    table = pd.DataFrame({"time": times, "open": opened, "close": close})
    table["high"] = table[["open", "close"]].max(axis=1) * 1.001
    table["low"] = table[["open", "close"]].min(axis=1) * 0.999
    path = tmp_path / "ABC.csv"
    table.to_csv(path, index=False, float_format="%.4f")
    usual = ("costs.spread=2 bps", "data.calendar=XNYS", "env.initial_stop_atr=50")
    return experiment(tmp_path, *usual, *overrides, bars=path)


def test_nothing_is_held_when_the_market_shuts(tmp_path) -> None:
    own = intraday(tmp_path, "env.flat_overnight=true")
    dataset = load_dataset(own)
    backtest = Backtest(own, dataset, "train")
    held = backtest.play(HOLD_TO_HORIZON, DEFAULT_PARAMS[HOLD_TO_HORIZON]).table
    ends = held["exit_reason"].to_numpy(str) == "TIME"
    assert ends.mean() > 0.9
    assert (held["bars_held"].to_numpy(int) <= 13).all()
    signal, exit_ = (held[name].to_numpy("datetime64[ns]") for name in ("entry_time", "exit_time"))
    overnight = signal.astype("datetime64[D]") != exit_.astype("datetime64[D]")
    shut = dataset.times[np.asarray(dataset.market.flat)]
    # A signal of the last bar is filled when the market opens again.
    np.testing.assert_array_equal(overnight, np.isin(signal, shut))
    oracle = backtest.play(ORACLE, backtest.world.hindsight).table
    assert (
        oracle["net_percent"].to_numpy(float) >= held["net_percent"].to_numpy(float) - 1e-4
    ).all()


def test_sessions_are_features_where_a_file_names_them(tmp_path) -> None:
    dataset = load_dataset(intraday(tmp_path, "env.features=[rsi, session_left, overnight]"))
    seen = np.asarray(dataset.market.features)
    columns = {feature.name: feature.column_index for feature in dataset.features}
    assert set(np.unique(seen[:, columns["overnight"]])) == {0.0, 1.0}
    assert seen[:, columns["overnight"]].mean() == pytest.approx(1 / 13, abs=0.01)
    np.testing.assert_allclose(
        seen[:13, columns["session_left"]], np.arange(12, -1, -1) / 13, atol=1e-6
    )


@pytest.mark.slow
def test_a_result_is_the_same_trade_in_every_unit(tmp_path) -> None:
    tables = {}
    for unit in ("percent", "bps", "R", "tick"):
        own = intraday(tmp_path, f"data.unit={unit}", "data.tick_size=0.01", "costs.spread=2 bps")
        backtest = Backtest(own, load_dataset(own), "train")
        result = backtest.play(LEAVE_AT_ONCE, DEFAULT_PARAMS[LEAVE_AT_ONCE])
        held = backtest.play(HOLD_TO_HORIZON, DEFAULT_PARAMS[HOLD_TO_HORIZON])
        tables[unit] = held.table
        name = {"tick": "ticks"}.get(unit, unit.lower())
        net = held.table[f"net_{name}"]
        assert held.marks.sum() == pytest.approx(net.sum(), rel=1e-3)
        assert backtest.score(HOLD_TO_HORIZON, DEFAULT_PARAMS[HOLD_TO_HORIZON]) == pytest.approx(
            net.mean()
        )
        assert backtest.summary(result)["unit"] == name
    percent = tables["percent"]
    np.testing.assert_allclose(percent["net_percent"], 100 * percent["net_fraction"])
    np.testing.assert_allclose(tables["bps"]["net_bps"], 100 * percent["net_percent"], rtol=1e-6)
    np.testing.assert_allclose(tables["R"]["net_r"], percent["net_r"], rtol=1e-6)
    ticks = percent["net_fraction"] * percent["entry_fill"] / 0.01
    np.testing.assert_allclose(tables["tick"]["net_ticks"], ticks, rtol=1e-6)


def test_money_is_told_where_the_value_of_a_point_is_known(tmp_path) -> None:
    own = intraday(
        tmp_path, "costs.point_value=1", "costs.lots=300", "costs.commission_per_lot=0.005"
    )
    backtest = Backtest(own, load_dataset(own), "train")
    result = backtest.play(LEAVE_AT_ONCE, DEFAULT_PARAMS[LEAVE_AT_ONCE])
    table, summary = result.table, backtest.summary(result)
    # 300 shares: half a cent a share and side, and the spread of two basis points.
    paid = 300 * (2 * 0.005 + 2e-4 * table["entry_fill"])
    np.testing.assert_allclose(-table["net_money"], paid, rtol=0.02)
    assert summary["net_money_total"] == pytest.approx(table["net_money"].sum())
