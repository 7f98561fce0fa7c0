"""Ratios, drawdowns, months, groups and chances against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from jaxexit.evaluate.metrics import max_drawdown
from jaxexit.forensics.chance import accounts, fall, monte_carlo, underwater, wilson
from jaxexit.forensics.equity import calmar, drawdowns, sortino, sqn
from jaxexit.forensics.grouped import looks
from tests.forensics.hand import diagnosed, ratio_values, time_of, trade


def test_sqn_is_the_t_statistic_of_r_of_at_most_a_hundred_trades() -> None:
    few = np.array([2.0, -1.0, 2.0, -1.0])
    assert sqn(few) == pytest.approx(2 * 0.5 / math.sqrt(3.0))
    many = np.tile(few, 100)
    assert sqn(many) == pytest.approx(10 * 0.5 / many.std(ddof=1))
    assert sqn(np.ones(5)) is None
    assert sqn(np.ones(1)) is None


def test_sortino_counts_all_days_and_only_losses_below_the_line() -> None:
    daily = np.array([3.0, 0.0, -1.0, -2.0])
    assert sortino(daily, 252) == pytest.approx(0.0)
    assert sortino(daily + 1, 252) == pytest.approx(1.0 / math.sqrt(1 / 4) * math.sqrt(252))
    assert sortino(np.array([1.0, 2.0]), 252) is None


def test_calmar_is_a_year_s_result_over_the_deepest_fall() -> None:
    assert calmar(12.0, 4.0, 2.0) == pytest.approx(1.5)
    assert calmar(12.0, 0.0, 2.0) is None


def test_drawdowns_have_a_peak_a_trough_and_a_way_back() -> None:
    """Equity 0, 2, 1, -1, 3, 2 (a mark a day): falls of 3 and 1; the second is not over."""
    days = pd.date_range("2024-01-01", periods=5, freq="D", tz="UTC")
    marks = pd.Series([2.0, -1.0, -2.0, 4.0, -1.0], days)
    first, second = drawdowns(marks).to_dict("records")
    assert first["depth_r"] == pytest.approx(3.0)
    assert (first["peak"], first["trough"], first["recovered"]) == (days[0], days[2], days[3])
    assert (first["days_down"], first["days_back"], first["days"]) == (2.0, 1.0, 3.0)
    assert second["depth_r"] == pytest.approx(1.0)
    assert pd.isna(second["recovered"])
    assert second["peak"] == days[3]
    assert first["depth_r"] == max_drawdown(marks.to_numpy())


def test_a_fall_from_the_start_counts() -> None:
    days = pd.date_range("2024-01-01", periods=2, freq="D", tz="UTC")
    (only,) = drawdowns(pd.Series([-2.0, 1.0], days)).to_dict("records")
    assert only["depth_r"] == pytest.approx(2.0)
    assert drawdowns(pd.Series([1.0, 1.0], days)).empty


def test_marks_add_up_to_the_results_and_follow_the_bars() -> None:
    """Long at 1.1000, R 10 pips: bid closes 1.1004 and 1.1002, then out at 1.0990."""
    found = diagnosed(trade())
    marks = found.marks.to_numpy()
    assert marks.tolist() == pytest.approx([0.0, 0.4, -0.2, -1.2])
    assert marks.sum() == pytest.approx(found.trades["net_r"].sum())


def test_ratios_of_two_trades() -> None:
    winner = trade(exit_time=time_of(2), exit_price=1.1010, exit_reason="", entry_time=time_of(1))
    ratios = ratio_values(diagnosed(trade(), winner))
    assert ratios["expectancy_r"] == pytest.approx(0.0)
    assert ratios["win_rate"] == 0.5
    assert ratios["profit_factor"] == pytest.approx(1.0)
    assert (ratios["win_mean_r"], ratios["loss_mean_r"]) == pytest.approx((1.0, -1.0))
    # Bars 1 to 3 of the story have a trade open, bar 2 both; the list spans just these.
    assert ratios["exposure"] == pytest.approx(1.0)
    assert ratios["most_open"] == 2


def test_exposure_is_the_share_of_bars_with_a_trade_open() -> None:
    later = trade(
        entry_time=time_of(10), entry_price=1.1023, sl=1.1013, tp=None,
        exit_time=time_of(11), exit_price=1.1022, exit_reason="",
    )  # fmt: skip
    ratios = ratio_values(diagnosed(trade(), later))
    assert ratios["exposure"] == pytest.approx((3 + 1) / 11)
    assert ratios["most_open"] == 1


def test_months_are_those_of_the_exits() -> None:
    table = diagnosed(trade()).months
    (row,) = table.to_dict("records")
    assert row["year"] == 2024
    assert row["Mar"] == pytest.approx(-1.0)
    assert math.isnan(row["Apr"])
    assert row["year_total"] == pytest.approx(-1.0)
    assert row["trades"] == 1


def test_groups_are_by_the_bars_clock_direction_and_tags() -> None:
    trades = [trade(setup=["break", "fade"][i % 2], entry_price=1.1 + i * 1e-6) for i in range(6)]
    table = diagnosed(*trades).groups.set_index(["by", "group"])
    assert table.loc[("direction", "long"), "trades"] == 6
    assert table.loc[("weekday", "Monday"), "trades"] == 6  # 4 March 2024
    assert table.loc[("setup", "break"), "trades"] == 3
    assert ("direction", "short") not in table.index
    assert np.isnan(table["low"].to_numpy(float)).all()  # too few for an interval


def test_looks_count_what_luck_would_give() -> None:
    groups = pd.DataFrame(
        {
            "by": ["hour"] * 3 + ["exit_reason"],
            "low": [0.1, -0.1, np.nan, 1.0],
            "high": [0.3, 0.2, np.nan, 1.0],
        }
    )
    (row,) = looks(groups, 0.0).to_dict("records")
    assert (row["by"], row["groups"], row["apart"]) == ("hour", 2, 1)
    assert row["by_luck"] == pytest.approx(0.1)


def test_an_account_risks_a_share_of_itself() -> None:
    account = accounts(np.array([[1.0, -1.0, 2.0]]), 0.1)
    assert account[0].tolist() == pytest.approx([1.0, 1.1, 0.99, 1.188])
    assert fall(account)[0] == pytest.approx(0.1)
    longest, under = underwater(account)
    assert (longest[0], under[0]) == pytest.approx((1 / 3, 1 / 3))


def test_a_loss_of_everything_leaves_nothing() -> None:
    """A gap of 12 R at a tenth of the account a trade."""
    account = accounts(np.array([[-12.0, 5.0]]), 0.1)
    assert account[0].tolist() == [1.0, 0.0, 0.0]


def test_risk_of_ruin_of_two_trades_is_the_chance_that_the_first_one_loses() -> None:
    """Half of the account at risk: -1 R first leaves a half, ruin; +1 R first never comes down to it."""
    found = monte_carlo(np.array([-1.0, 1.0]), size=0.5, ruin=0.5, block=1, paths=50_000)
    assert found.low <= 0.5 <= found.high


def test_trades_that_follow_each_other_stay_together_in_a_block() -> None:
    """Losses come in runs of ten: in blocks of ten they ruin more accounts than one by one."""
    runs = np.concatenate([np.repeat(-1.0, 10), np.repeat(1.2, 10)] * 5)
    alone, together = (
        monte_carlo(runs, size=0.05, ruin=0.5, block=block).risk_of_ruin for block in (1, 10)
    )
    assert together > alone + 0.1


def test_the_same_trades_at_a_larger_size_are_ruined_more_often() -> None:
    net = np.random.default_rng(0).normal(0.05, 1.2, 300)
    sizes = monte_carlo(net).sizes
    assert sizes["risk_of_ruin"].is_monotonic_increasing
    assert sizes["max_drawdown_q95"].is_monotonic_increasing
    assert sizes["risk_of_ruin"].iloc[0] < 0.05 < sizes["risk_of_ruin"].iloc[-1]


def test_constant_results_have_one_future() -> None:
    found = monte_carlo(np.full(10, 0.5), size=0.1)
    final = found.spread.set_index("what").loc["final"]
    assert final[["q5", "q50", "q95", "as_it_was"]].tolist() == pytest.approx([1.05**10] * 4)
    assert found.risk_of_ruin == 0.0
    assert found.high > 0.0


def test_wilson_s_interval_of_a_share() -> None:
    low, high = wilson(10, 100)
    assert (low, high) == pytest.approx((0.0552, 0.1744), abs=1e-4)
