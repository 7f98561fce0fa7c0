"""Metrics worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from jaxexit.evaluate.metrics import (
    WEEKDAYS_A_YEAR,
    annual_sharpe,
    daily_net_pips,
    max_drawdown,
    profit_factor,
)


def trades(*rows: tuple[str, float]) -> pd.DataFrame:
    times, net = zip(*rows, strict=True)
    return pd.DataFrame({"exit_time": pd.to_datetime(list(times), utc=True), "net_pips": net})


def test_drawdown_is_the_largest_fall_from_an_earlier_peak() -> None:
    # Equity 5, 2, 4, -3, 7: the peak 5 is followed by -3.
    assert max_drawdown(np.array([5.0, -3.0, 2.0, -7.0, 10.0])) == 8.0


def test_drawdown_counts_a_loss_from_the_start() -> None:
    assert max_drawdown(np.array([-4.0, 1.0])) == 4.0


def test_profit_factor_is_gains_over_losses() -> None:
    assert profit_factor(np.array([3.0, -2.0, 1.0])) == 2.0
    assert profit_factor(np.array([3.0, 1.0])) is None


def test_days_without_a_trade_count_as_zero_and_weekends_are_left_out() -> None:
    # Friday 7 April 2017 to Wednesday 12: two exits on Friday, one on Tuesday.
    table = trades(("2017-04-07 10:00", 2.0), ("2017-04-07 20:00", 1.0), ("2017-04-11 09:00", -1.0))
    daily = daily_net_pips(table, np.datetime64("2017-04-07T01"), np.datetime64("2017-04-12T23"))
    assert daily.tolist() == [3.0, 0.0, -1.0, 0.0]


def test_a_trade_closed_on_a_sunday_evening_has_its_own_day() -> None:
    table = trades(("2017-04-09 22:00", 2.0))
    daily = daily_net_pips(table, np.datetime64("2017-04-07"), np.datetime64("2017-04-10"))
    assert daily.tolist() == [0.0, 2.0, 0.0]


def test_sharpe_is_mean_over_deviation_of_days_annualised() -> None:
    daily = np.array([3.0, 0.0, -1.0, 0.0])
    expected = 0.5 / np.sqrt((6.25 + 0.25 + 2.25 + 0.25) / 3) * np.sqrt(WEEKDAYS_A_YEAR)
    assert annual_sharpe(daily) == pytest.approx(expected)
    assert annual_sharpe(np.zeros(10)) is None
