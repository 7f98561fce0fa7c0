"""Metrics worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from jaxexit.evaluate.metrics import (
    WEEKDAYS_A_YEAR,
    annual_sharpe,
    daily_net,
    max_drawdown,
    profit_factor,
)


def marks(*rows: tuple[str, float]) -> pd.Series:
    times, net = zip(*rows, strict=True)
    return pd.Series(net, index=pd.to_datetime(list(times), utc=True))


def test_drawdown_is_the_largest_fall_from_an_earlier_peak() -> None:
    # Equity 5, 2, 4, -3, 7: the peak 5 is followed by -3.
    assert max_drawdown(np.array([5.0, -3.0, 2.0, -7.0, 10.0])) == 8.0


def test_drawdown_counts_a_loss_from_the_start() -> None:
    assert max_drawdown(np.array([-4.0, 1.0])) == 4.0


def test_profit_factor_is_gains_over_losses() -> None:
    assert profit_factor(np.array([3.0, -2.0, 1.0])) == 2.0
    assert profit_factor(np.array([3.0, 1.0])) is None


def test_days_without_a_trade_count_as_zero_and_weekends_are_left_out() -> None:
    # Friday 7 April 2017 to Wednesday 12: two bars with a result on Friday, one on Tuesday.
    bars = marks(
        ("2017-04-07 01:00", 2.0),
        ("2017-04-07 20:00", 1.0),
        ("2017-04-09 21:00", 0.0),
        ("2017-04-11 09:00", -1.0),
        ("2017-04-12 23:00", 0.0),
    )
    assert daily_net(bars).tolist() == [3.0, 0.0, -1.0, 0.0]


def test_a_sunday_evening_on_which_something_was_earned_is_a_day() -> None:
    bars = marks(("2017-04-07 01:00", 0.0), ("2017-04-09 22:00", 2.0), ("2017-04-10 00:00", 0.0))
    assert daily_net(bars).tolist() == [0.0, 2.0, 0.0]


def test_sharpe_is_mean_over_deviation_of_days_annualised() -> None:
    daily = np.array([3.0, 0.0, -1.0, 0.0])
    expected = 0.5 / np.sqrt((6.25 + 0.25 + 2.25 + 0.25) / 3) * np.sqrt(WEEKDAYS_A_YEAR)
    assert annual_sharpe(daily) == pytest.approx(expected)
    assert annual_sharpe(np.zeros(10)) is None


def test_a_random_walk_has_one_sharpe_ratio_however_long_its_overlapping_trades_are_held() -> None:
    # Two years of hourly bars, a trade opened at every bar. Held 200 bars, 200 times as much is at risk as
    # held one, which a ratio does not see; booked by day of exit it came out three times as large.
    change = np.random.default_rng(0).standard_normal(24 * 520) + 0.05
    days = pd.bdate_range("2017-01-02", periods=520, tz="UTC").repeat(24)
    bars = days + pd.to_timedelta(np.tile(np.arange(24), 520), unit="h")

    def sharpe(held: int) -> float:
        open_trades = np.minimum(np.arange(len(change)) + 1, held)
        found = annual_sharpe(daily_net(pd.Series(change * open_trades, bars)).to_numpy())
        assert found is not None
        return found

    assert sharpe(200) == pytest.approx(sharpe(1), rel=0.05)
