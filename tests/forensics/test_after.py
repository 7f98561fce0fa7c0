"""What exits left behind, by hand: the bars after them, wider stops, scratches."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jaxexit.diagnosing import diagnose
from jaxexit.forensics.plays import play
from tests.forensics.hand import PIP, diagnosed, time_of, trade


def test_the_move_after_an_exit_is_that_of_the_closes_that_follow() -> None:
    after = diagnosed(trade(), after=2).after_exit
    losers = after[after["group"] == "losers"]
    # Out at 1.0990; the exit's own bar closed at 1.0995, the next ones at 1.1006 and 1.1022.
    assert losers["mean"].tolist() == pytest.approx([0.5, 1.6, 3.2])
    assert losers["trades"].tolist() == [1, 1, 1]
    assert after[after["group"] == "winners"]["trades"].tolist() == [0, 0, 0]


def test_the_extremes_after_an_exit_begin_with_the_next_bar() -> None:
    (row,) = diagnosed(trade(), after=2).trades.to_dict("records")
    assert row["best_after_r"] == pytest.approx(3.5)  # 1.1025
    assert row["worst_after_r"] == pytest.approx(0.3)  # 1.0993


def test_where_the_bars_end_nothing_followed() -> None:
    found = diagnosed(trade(), after=200)
    assert np.isnan(found.trades["best_after_r"].iloc[0])
    assert found.left_on_the_table["followed"].tolist() == [0, 0, 0]
    bar = found.after_exit.query("group == 'all' and bar == 150")
    assert bar["trades"].tolist() == [0]
    assert np.isnan(bar["mean"].to_numpy(float)).all()


def test_left_on_the_table_is_the_mean_of_the_trades() -> None:
    winner = trade(
        entry_price=1.1001, sl=1.0991, exit_time=time_of(2), exit_price=1.1012, exit_reason=""
    )
    table = diagnosed(trade(), winner, after=2).left_on_the_table.set_index("group")
    assert table.loc["all", "net_mean"] == pytest.approx((-1.0 + 1.1) / 2)
    # The winner saw 1.1006 in the bar before its exit, and its exit at 1.1012.
    assert table.loc["winners", "mfe_mean"] == pytest.approx(1.1)
    assert table.loc["winners", "capture"] == pytest.approx(1.0)
    assert table.loc["losers", "mfe_mean"] == pytest.approx(1.2)
    assert table.loc["losers", "given_up_mean"] == pytest.approx(2.2)
    assert table.loc["all", "ran_1r"] == 1.0
    assert table.loc["losers", "on_1r"] == 1.0
    assert table.loc["losers", "back_1r"] == 0.0


def test_a_stop_twice_as_wide_would_have_let_the_trade_reach_its_target() -> None:
    """The low of 1.0988 is two pips beyond the stop, and ten from one twice as wide."""
    found = diagnosed(trade(), widths=(1.1, 2.0))
    narrow, wide = found.wider_stops.to_dict("records")
    assert (wide["stopped"], wide["played"], wide["to_target"]) == (1, 1, 1)
    assert wide["saved_r"] == pytest.approx(3.0, abs=1e-3)  # from -1 to +2
    assert wide["total_same_size"] == pytest.approx(2.0, abs=1e-3)
    assert wide["total_same_risk"] == pytest.approx(1.0, abs=1e-3)
    # A tenth of R further (1.0989) it is met too, and costs as much more.
    assert narrow["worse"] == 1
    assert narrow["to_target"] == 0
    assert narrow["change_r"] == pytest.approx(-0.1, abs=1e-3)


def test_a_gap_beyond_the_wide_stop_costs_more_than_the_width() -> None:
    story = (
        (1.0999, 1.1001, 1.0997, 1.0999),
        (1.0999, 1.1000, 1.0989, 1.0991),
        (1.0970, 1.0971, 1.0969, 1.0970),  # opens beyond 1.0980
    )
    found = diagnosed(trade(exit_time=time_of(1)), story=story, widths=(2.0,))
    (wide,) = found.wider_stops.to_dict("records")
    assert wide["lost_r"] == pytest.approx(2.0, abs=1e-3)  # from -1 to -3, not to -2
    assert wide["wide_stopped"] == 1


def test_a_stop_that_the_bars_never_reached_is_not_played() -> None:
    """The list says that it was stopped in a bar whose low is above its stop."""
    found = diagnosed(trade(exit_time=time_of(2)), widths=(2.0,))
    (wide,) = found.wider_stops.to_dict("records")
    # Played, it is stopped a bar later: the bars do reach it.
    assert (wide["stopped"], wide["played"]) == (1, 1)
    story = ((1.0999, 1.1001, 1.0997, 1.0999), (1.0999, 1.1021, 1.0997, 1.1004))
    found = diagnosed(trade(exit_time=time_of(1)), story=story, widths=(2.0,))
    (wide,) = found.wider_stops.to_dict("records")
    assert (wide["stopped"], wide["played"]) == (1, 0)
    assert wide["change_mean"] is None


def test_a_scratch_that_would_have_reached_its_target() -> None:
    """Closed at the entry in the second bar; 1.1020 is reached in the third."""
    story = (*bars_of_a_scratch(), (1.1002, 1.1030, 1.0995, 1.1020))
    scratch = trade(exit_time=time_of(2), exit_price=1.1000, exit_reason="")
    everything, ran = diagnosed(scratch, story=story).scratches.to_dict("records")
    assert (everything["scratches"], everything["played"], everything["to_target"]) == (1, 1, 1)
    assert everything["played_mean"] == pytest.approx(2.0, abs=1e-3)
    assert everything["change_mean"] == pytest.approx(2.0, abs=1e-3)
    assert ran["scratches"] == 1  # with an MFE of 0.6 R


def test_a_scratch_without_a_target_is_given_two_r() -> None:
    story = (*bars_of_a_scratch(), (1.1002, 1.1019, 1.0985, 1.1015))
    scratch = trade(exit_time=time_of(2), exit_price=1.1000, exit_reason="", tp=None)
    (everything, _) = diagnosed(scratch, story=story).scratches.to_dict("records")
    assert (everything["to_target"], everything["to_stop"]) == (0, 1)  # 1.1020 was missed by a pip


def test_a_trade_that_ended_a_fifth_of_r_away_is_no_scratch() -> None:
    scratch = trade(exit_time=time_of(2), exit_price=1.1002, exit_reason="")
    assert diagnosed(scratch).scratches["scratches"].tolist() == [0, 0]
    assert diagnosed(scratch, scratch_r=0.25).scratches["scratches"].tolist() == [1, 1]


def bars_of_a_scratch() -> tuple:
    return (
        (1.0999, 1.1001, 1.0997, 1.0999),
        (1.0999, 1.1006, 1.0997, 1.1004),
        (1.1004, 1.1005, 1.0998, 1.1002),
    )


def plain_exit(table: pd.DataFrame, row: dict, stop: float, target: float, horizon: int) -> float:
    """Net R of a long or short held to stop, target or horizon: bar by bar, written out."""
    side, entry, close = row["direction"], row["entry_price"], float("nan")
    name = "bid" if side > 0 else "ask"
    for bar in range(row["entry_bar"] + 1, row["entry_bar"] + horizon + 1):
        first, high, low, close = (
            side * table[f"{name}_{each}"].iloc[bar] for each in ("open", "high", "low", "close")
        )
        high, low = max(high, low), min(high, low)
        if low <= side * stop:
            return (min(first, side * stop) - side * entry) / row["risk"]
        if high >= side * target:
            return (max(first, side * target) - side * entry) / row["risk"]
    return (close - side * entry) / row["risk"]


def test_plays_are_what_a_plain_loop_over_the_bars_finds() -> None:
    rng = np.random.default_rng(5)
    count = 400
    close = 1.1 + np.cumsum(rng.normal(0, 4 * PIP, count))
    opened = np.concatenate([[1.1], close[:-1]]) + rng.choice([0, 0, 0, 3 * PIP, -3 * PIP], count)
    table = pd.DataFrame({"time": pd.date_range("2024-01-01", periods=count, freq="1h")})
    high = np.maximum(opened, close) + rng.uniform(0, 3 * PIP, count)
    low = np.minimum(opened, close) - rng.uniform(0, 3 * PIP, count)
    for name, values in (("open", opened), ("high", high), ("low", low), ("close", close)):
        table[f"bid_{name}"], table[f"ask_{name}"] = values, values + PIP
    entries = np.arange(60, 300, 3)
    sides = np.where(np.arange(len(entries)) % 2 == 0, 1, -1)
    price = np.where(sides > 0, table["ask_close"].iloc[entries], table["bid_close"].iloc[entries])
    listed = pd.DataFrame(
        {
            "entry_time": table["time"].iloc[entries].to_numpy(),
            "direction": sides,
            "entry_price": price,
            "sl": price - sides * 8 * PIP,
            "tp": price + sides * 14 * PIP,
            "exit_time": table["time"].iloc[entries + 1].to_numpy(),
            "exit_price": table["bid_close"].iloc[entries + 1].to_numpy(),
        }
    )
    texts = ["data.bars=EURUSD", "data.filled_at=bar_close", "data.align=exact"]
    examined = diagnose(listed, table, overrides=texts).examined
    rows = np.arange(len(examined.trades))
    direction = examined.trades["direction"].to_numpy(float)
    stop = examined.trades["entry_price"].to_numpy() - direction * 16 * PIP
    target = examined.trades["target"].to_numpy()
    played = play(examined, rows, stop, target, 40)
    expected = [
        plain_exit(table, row, stop[i], target[i], 40)
        for i, row in enumerate(examined.trades.to_dict("records"))
    ]
    assert len(rows) == len(entries)
    np.testing.assert_allclose(played.net_r, expected, atol=2e-3)
    assert min(expected) < -1.9
    assert max(expected) > 1.7
