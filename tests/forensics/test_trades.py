"""What a list's own prices give: results, costs, excursions and R, worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jaxexit.diagnosing import diagnose
from jaxexit.errors import UserError
from tests.forensics.hand import bars, diagnosed, mirrored, mirrored_bars, time_of, trade


def test_a_trade_is_worth_its_own_prices_in_its_own_risk() -> None:
    (row,) = diagnosed(trade()).trades.to_dict("records")
    assert row["risk"] == pytest.approx(0.0010)
    assert row["net_r"] == pytest.approx(-1.0)
    assert row["gross_r"] == pytest.approx(-1.0)
    assert row["net_pips"] == pytest.approx(-10.0)
    assert row["bars_held"] == 3
    assert row["at_stop"]


def test_excursions_end_with_the_exit_and_do_not_know_the_rest_of_its_bar() -> None:
    """The bar of the exit reached 1.1030: after the stop, for all that is known."""
    (row,) = diagnosed(trade()).trades.to_dict("records")
    assert row["mfe_r"] == pytest.approx(1.2)  # bid 1.1012 in the second bar
    assert row["mae_r"] == pytest.approx(-1.0)
    assert row["given_up_r"] == pytest.approx(2.2)


def test_a_bar_at_whose_close_a_trade_is_left_counts_whole() -> None:
    (row,) = diagnosed(trade(exit_price=1.0995, exit_reason="")).trades.to_dict("records")
    assert row["mfe_r"] == pytest.approx(3.0)  # 1.1030
    assert row["mae_r"] == pytest.approx(-1.2)  # 1.0988
    assert not row["at_stop"]


def test_a_trade_that_was_never_ahead_has_the_spread_as_its_best_result() -> None:
    story = ((1.0999, 1.1001, 1.0997, 1.0999), (1.0992, 1.0993, 1.0980, 1.0981))
    (row,) = diagnosed(trade(exit_time=time_of(1)), story=story).trades.to_dict("records")
    assert row["mfe_r"] == pytest.approx(-0.1)  # sold at once at 1.0999
    assert row["mae_r"] == pytest.approx(-1.0)


def test_a_short_is_a_long_in_the_mirror() -> None:
    trades = [trade(), trade(entry_time=time_of(1), entry_price=1.1005, sl=1.0995)]
    texts = ["data.bars=EURUSD", "data.filled_at=bar_close", "data.stops=file"]
    long = diagnose(pd.DataFrame(trades), bars(), overrides=texts, after=5)
    short = diagnose(
        pd.DataFrame([mirrored(one) for one in trades]),
        mirrored_bars(bars()),
        overrides=texts,
        after=5,
    )
    names = ["gross_r", "net_r", "mfe_r", "mae_r", "given_up_r", "best_after_r", "worst_after_r"]
    np.testing.assert_allclose(long.trades[names], short.trades[names], atol=1e-6)
    for name in ("left_on_the_table", "after_exit", "wider_stops", "scratches"):
        ours, theirs = (getattr(d, name).select_dtypes("number") for d in (long, short))
        np.testing.assert_allclose(ours.astype(float), theirs.astype(float), atol=2e-3)


def test_commission_is_charged_on_both_sides_and_said() -> None:
    found = diagnosed(trade(), overrides=["costs.commission=0.0001"])
    (row,) = found.trades.to_dict("records")
    paid = 0.0001 * (1.1000 + 1.0990) / 0.0010
    assert row["gross_r"] == pytest.approx(-1.0)
    assert row["cost_r"] == pytest.approx(paid, rel=1e-4)
    assert row["net_r"] == pytest.approx(-1.0 - paid, rel=1e-4)
    assert row["mfe_r"] == pytest.approx(1.2 - paid, rel=1e-3)
    assert any("less commission" in note for note in found.notes)


def test_prices_of_a_chart_pay_half_the_spread_at_either_end() -> None:
    (row,) = diagnosed(trade(), prices="chart").trades.to_dict("records")
    assert row["gross_r"] == pytest.approx(-1.0)
    assert row["net_r"] == pytest.approx(-1.1)
    assert row["risk"] == pytest.approx(0.0010)


def test_a_night_held_costs_its_swap_and_a_wednesday_three() -> None:
    """Bought on Wednesday 6 March 2024, sold after 17:00 in New York (22:00 UTC)."""
    hours = pd.date_range("2024-03-01", "2024-03-08", freq="1h", inclusive="left")
    quiet = pd.DataFrame({"time": hours})
    for side, price in (("bid", 1.1), ("ask", 1.1001)):
        for name in ("open", "high", "low", "close"):
            quiet[f"{side}_{name}"] = price
    one = trade(
        entry_time=pd.Timestamp("2024-03-06 12:00"),
        entry_price=1.1001,
        sl=1.0991,
        exit_time=pd.Timestamp("2024-03-06 23:00"),
        exit_price=1.1,
    )
    texts = ["data.bars=EURUSD", "data.filled_at=bar_close", "costs.swap_long_pips=0.5"]
    found = diagnose(pd.DataFrame([one]), quiet, overrides=texts)
    assert found.trades["cost_r"].iloc[0] == pytest.approx(3 * 0.5 / 10, rel=1e-3)


def test_without_stops_one_r_is_the_atr_s_and_nothing_is_stopped_out() -> None:
    found = diagnosed(trade(), overrides=["data.stops=ignore"])
    (row,) = found.trades.to_dict("records")
    # The quiet bars range over 4 pips: ATR 4 pips, 1.1 of them.
    assert row["risk"] == pytest.approx(1.1 * 0.0004, rel=1e-6)
    assert row["net_r"] == pytest.approx(-10 / 4.4, rel=1e-6)
    assert row["risk_from"] == "atr"
    assert not row["at_stop"]
    assert found.wider_stops["stopped"].tolist() == [0, 0, 0]
    assert any("R is assumed: the list has no stops" in note for note in found.notes)
    assert found.words["wider_stops"].startswith("The list has no stops")


def test_what_is_left_out_is_counted() -> None:
    kept = [trade(entry_price=1.1 + i * 1e-6) for i in range(40)]
    found = diagnosed(*kept, trade(entry_price=1.0999, exit_time=None, exit_price=None))
    assert len(found.trades) == 40
    assert "40 of 41 trades examined; left out: 1 have no exit time or price." in found.notes


@pytest.mark.parametrize(
    ("changed", "more", "said"),
    [
        ({"exit_price": None}, {}, "no trade has an exit time and an exit price"),
        ({"exit_time": time_of(-3)}, {}, "1 have an exit that lies in no bar or before the entry"),
        ({}, {"tag": "setup"}, "no column 'setup'"),
        ({}, {"prices": "mid"}, "expected 'paid' or 'chart'"),
        ({}, {"size": 1.5}, "size: got 1.5, expected a share above 0 and below 1"),
        ({}, {"after": 0}, "after: got 0"),
        ({}, {"widths": (1.0,)}, "widths: got 1, expected multiples above 1"),
        ({}, {"depth": 3}, "depth: is no setting"),
        ({}, {"overrides": ["env.entry_fill=next_open"]}, "cannot be set"),
        ({}, {"overrides": ["costs.comission=0.1"]}, "did you mean 'commission'"),
    ],
)
def test_a_mistake_is_one_line(changed: dict, more: dict, said: str) -> None:
    with pytest.raises(UserError, match=said) as error:
        diagnosed(trade(**changed), **more)
    assert "\n" not in str(error.value)


def test_entries_at_opens_are_found_by_their_prices_and_said() -> None:
    """backtesting.py stamps the bar at whose open a trade was filled."""
    many = [trade(entry_time=time_of(0), entry_price=1.1000 + i * 1e-7) for i in range(6)]
    opened = [one | {"entry_time": time_of(2), "entry_price": 1.1005, "sl": 1.0995} for one in many]
    for i, one in enumerate(opened):
        one["size"] = i + 1
        one["entry_price"] += i * 1e-7
    found = diagnose(pd.DataFrame(opened), bars(), overrides=["data.bars=EURUSD"])
    assert any("data.filled_at bar_open" in note for note in found.notes)
    assert found.trades["bars_held"].tolist() == [2] * 6
