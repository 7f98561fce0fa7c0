"""An explanation proves something only if it can be refused."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.peers.backtesting_py import (
    LONG,
    NO_BAR,
    REFUSED,
    SHORT,
    STOP,
    TARGET,
    TIME,
    replay,
)
from tests.third_party.rules import UNEXPLAINED, Case, Exit, Rule, explanation, plain_exit

# Entered at the close of bar 1, long: held through bar 2, both levels in bar 3.
# fmt: off
BARS = np.array([
    [100.0, 101.0, 99.0, 100.0],
    [100.0, 101.0, 99.0, 100.0],
    [100.5, 102.0, 99.0, 101.0],
    [101.5, 106.0, 94.0, 103.0],
    [104.0, 104.5, 103.0, 103.5],
    [103.5, 104.0, 103.0, 103.5],
])
# fmt: on
GAP = BARS.copy()
GAP[3] = [92.0, 93.0, 91.0, 92.5]


def case(bars=BARS, *, stop=95.0, target=105.0, horizon=3, direction=LONG, spread=0.0, seen=None):
    seen = bars if seen is None else seen
    return Case(1, direction, stop, target, horizon, bars, seen, spread)


def in_backtesting_py(case: Case, *, at_close: bool = True) -> Exit:
    names = ("entry_bar", "direction", "stop", "target")
    order = pd.DataFrame({name: [getattr(case, name)] for name in names})
    row = replay(case.theirs, order, case.horizon, at_close=at_close, spread=case.spread).iloc[0]
    return Exit(row["reason"], int(row["exit_bar"]), float(np.float32(row["exit_price"])))


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (Exit(TARGET, 3, 105.0), "the target before the stop in one bar"),
        (Exit(STOP, 4, 95.0), "one bar late"),
        (Exit(STOP, 3, 94.0), "at the worst price instead of the stop"),
        (Exit(TIME, 4, 103.5), "no stop at all"),
    ],
)
def test_a_wrong_exit_of_either_engine_is_unexplained(wrong: Exit, fault: str):
    right = Exit(STOP, 3, 95.0)
    assert explanation(case(), right, right) == ""
    assert explanation(case(), wrong, right) == UNEXPLAINED, fault
    assert explanation(case(), right, wrong) == UNEXPLAINED, fault


def test_a_stop_filled_at_its_level_through_a_gap_is_unexplained():
    assert in_backtesting_py(case(GAP)) == plain_exit(case(GAP)) == Exit(STOP, 3, 92.0)
    assert explanation(case(GAP), Exit(STOP, 3, 95.0), Exit(STOP, 3, 92.0)) == UNEXPLAINED


def test_backtesting_py_takes_the_stop_where_both_levels_are_in_one_bar():
    assert in_backtesting_py(case()) == plain_exit(case()) == Exit(STOP, 3, 95.0)


def test_backtesting_py_fills_a_target_at_the_better_open():
    rising = GAP.copy()
    rising[3] = [107.0, 108.0, 94.0, 103.0]
    tight = case(rising, stop=93.0)
    assert in_backtesting_py(tight) == plain_exit(tight) == Exit(TARGET, 3, 107.0)


def test_backtesting_py_leaves_at_the_horizon_at_the_next_open_where_it_does_not_trade_on_close():
    short_lived = case(horizon=1)
    theirs = in_backtesting_py(short_lived, at_close=False)
    assert theirs == Exit(TIME, 3, 101.5)
    assert plain_exit(short_lived) == in_backtesting_py(short_lived) == Exit(TIME, 2, 101.0)
    assert explanation(short_lived, plain_exit(short_lived), theirs) == Rule.NEXT_OPEN.name


def test_backtesting_py_refuses_an_order_whose_target_its_spread_has_passed():
    near = case(target=100.5, spread=0.01)
    theirs = in_backtesting_py(near)
    assert theirs.reason == REFUSED
    assert theirs.bar == NO_BAR
    assert explanation(near, plain_exit(near), theirs) == Rule.REFUSAL.name
    # Without the spread it would not have been refused: then nothing explains it.
    assert explanation(near._replace(spread=0.0), plain_exit(near), theirs) == UNEXPLAINED


def test_backtesting_py_stops_a_short_where_its_one_series_is_not_where_the_ask_is():
    ask = BARS + 1.0
    short = case(ask, stop=102.5, target=90.0, direction=SHORT, seen=BARS)
    ours, theirs = plain_exit(short), in_backtesting_py(short)
    assert ours == Exit(STOP, 2, 102.5)
    assert theirs == Exit(STOP, 3, 102.5)
    assert explanation(short, ours, theirs) == Rule.ONE_SIDE.name


def test_prices_that_only_float64_can_tell_apart_are_explained_by_precision():
    hair = case(stop=99.0 - 1e-9)  # below the low of bar 2 in float64, equal to it in float32
    ours, theirs = plain_exit(hair), in_backtesting_py(hair)
    assert ours == Exit(STOP, 2, 99.0)
    assert theirs == Exit(STOP, 3, 99.0)
    assert explanation(hair, ours, theirs) == Rule.DOUBLES.name
