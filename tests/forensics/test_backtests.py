"""A list made of a backtest's fills is read as the backtest: the same results, by another way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jaxexit.data import load_dataset
from jaxexit.diagnosing import diagnose
from jaxexit.evaluate import Backtest
from jaxexit.forensics import Diagnosis, of_backtest
from jaxexit.policies import HOLD_TO_HORIZON
from tests.data.made import bar_table, experiment, write_bars
from tests.forensics.hand import ratio_values

COSTS = ("costs.commission=0.00005", "costs.swap_long_pips=0.4", "costs.swap_short_pips=-0.2")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Diagnosis, Diagnosis]:
    """A backtest's trades, and the list of its fills."""
    folder = tmp_path_factory.mktemp("played")
    path = write_bars(folder)
    made = experiment(
        folder,
        "data.every=4",
        "env.entry_fill=bar_close",
        "costs.spread_pips=1.3",
        *COSTS,
        bars=path,
    )
    dataset = load_dataset(made)
    backtest = Backtest(made, dataset, "train")
    table = backtest.play(HOLD_TO_HORIZON, ()).table
    ours = Diagnosis(of_backtest(backtest, table, "hold_to_horizon"))
    listed = pd.DataFrame(
        {
            "entry_time": table["entry_time"],
            "direction": table["direction"],
            "entry_price": table["entry_fill"],
            "sl": table["stop"],
            "exit_time": table["exit_time"],
            "exit_price": table["exit_price"],
            "exit_reason": table["exit_reason"],
        }
    )
    texts = ["data.bars=eurusd", "data.price_side=mid", "costs.spread_pips=1.3", *COSTS]
    texts += ["data.filled_at=bar_close", "data.align=exact"]
    return ours, diagnose(listed, bar_table(), overrides=texts)


def test_results_and_excursions_are_the_environment_s(played: tuple[Diagnosis, Diagnosis]) -> None:
    ours, theirs = (each.trades for each in played)
    assert len(ours) == len(theirs) > 200
    for name in ("risk", "net_r", "mfe_r", "mae_r", "bars_held", "net_pips"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=2e-3, atol=3e-3, err_msg=name)
    stopped = ours["at_stop"].to_numpy(bool)
    assert stopped.tolist() == theirs["at_stop"].tolist()
    assert 0.2 < stopped.mean() < 0.9
    # The list cannot know what the entry paid over the middle: its gross result is net of the spread.
    spread = (ours["gross_r"] - theirs["gross_r"]) * ours["risk"] / 0.0001
    np.testing.assert_allclose(spread, 1.3, atol=0.02)


@pytest.mark.slow
def test_what_a_wider_stop_gives_is_alike(played: tuple[Diagnosis, Diagnosis]) -> None:
    """The backtest's horizon is 20 bars, the list's longer; where the stop is met before, they agree."""
    ours, theirs = (each.wider_stops for each in played)
    assert ours["stopped"].tolist() == theirs["stopped"].tolist()
    at_wide = (each["wide_stopped"].to_numpy(int) for each in (theirs, ours))
    assert np.greater_equal(*at_wide).all()
    assert (
        ours["played"].tolist() == ours["stopped"].tolist()
    )  # its own stops: the bars reach every one
    # The wider, the fewer are stopped.
    assert ours["wide_stopped"].is_monotonic_decreasing


def test_every_result_is_the_sum_of_its_marks(played: tuple[Diagnosis, Diagnosis]) -> None:
    for found in played:
        assert found.marks.sum() == pytest.approx(found.trades["net_r"].sum(), abs=1e-6)
        assert found.drawdowns["depth_r"].tolist()[0] == pytest.approx(
            ratio_values(found)["max_drawdown_r"]
        )
