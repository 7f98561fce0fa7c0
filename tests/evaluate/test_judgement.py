"""The verdict of a backtest is in words, and as strong as the data allow."""

import json

import numpy as np
import pandas as pd
import pytest

from jaxexit.evaluate import PolicyResult, judge
from tests.evaluate.test_statistics import held, prices, three


@pytest.fixture(scope="module")
def walk() -> pd.DataFrame:
    """3,000 overlapping trades on a market without any edge."""
    return held(prices(np.random.default_rng(0), 3100, "brownian"), *three(3000, 50))


def paid(table: pd.DataFrame, pips: float) -> PolicyResult:
    """The same trades with some pips added to each, give or take, at its exit."""
    noise = np.random.default_rng(1).standard_normal(len(table))
    table = table.assign(net_pips=table["net_pips"] + pips + noise)
    ends, at = np.unique(table["exit_time"].to_numpy("datetime64[s]"), return_inverse=True)
    marks = np.bincount(at, table["net_pips"].to_numpy(float))
    return PolicyResult(table, pd.Series(marks, pd.DatetimeIndex(ends)), None)


def test_the_verdict_names_what_is_better_and_what_is_worse(walk: pd.DataFrame) -> None:
    results = {
        "learned": paid(walk, 0.0),
        "dear": paid(walk, -2.0),
        "same": paid(walk, 0.0),
        "cheap": paid(walk, +2.0),
        "oracle": paid(walk, +50.0),
    }
    found, verdict = judge(results, trials=1, trial_sharpes=[])
    assert "not distinguishable from zero" in verdict
    assert verdict.endswith("; better than dear; worse than cheap")  # the oracle is no rival
    assert found["dear"]["learned_minus"]["verdict"].startswith("better: +2.00")
    assert found["same"]["learned_minus"]["verdict"].startswith("not distinguishable")
    assert "learned_minus" not in found["learned"]
    low, high = (found["learned"]["intervals"]["net_pips_mean"][end] for end in ("low", "high"))
    assert low < 0 < high
    json.dumps(found, allow_nan=False)


def test_a_loss_beyond_doubt_is_said_to_be_below_zero(walk: pd.DataFrame) -> None:
    _, verdict = judge({"learned": paid(walk, -50.0)}, trials=1, trial_sharpes=[])
    assert "below zero" in verdict
    assert "better than no baseline; worse than no baseline" in verdict


def test_the_more_was_tried_the_less_the_same_sharpe_is_worth(walk: pd.DataFrame) -> None:
    results = {"learned": paid(walk, 1.0)}
    once = judge(results, trials=1, trial_sharpes=[])[0]["learned"]["deflated_sharpe"]
    often = judge(results, trials=20, trial_sharpes=[])[0]["learned"]["deflated_sharpe"]
    assert often["trials"] == 20
    assert often["deflated"] < once["deflated"] == once["probabilistic"]
