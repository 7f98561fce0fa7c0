"""Nights: what swap is charged for, at 17:00 New York, through clock changes and weekends."""

import datetime as dt
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxexit.data.bars import find_gaps
from jaxexit.data.market import rollover_nights

NEW_YORK = ZoneInfo("America/New_York")


def opens(*stamps: str) -> np.ndarray:
    return np.array(stamps, "datetime64[ns]")


MOMENT = np.timedelta64(1, "ns")
QUARTER, HOUR, FOUR_HOURS, DAY = (np.timedelta64(m, "m") for m in (15, 60, 240, 1440))


def nights_between(start: str, end: str) -> float:
    """Nights crossed from a bar of 15 minutes to the next one."""
    crossed, inside = rollover_nights(opens(start, end), QUARTER)
    assert not inside.any()
    return float(crossed[1])


@pytest.mark.parametrize(
    ("day", "weight"),
    [
        ("2022-01-03", 1),  # Monday
        ("2022-01-04", 1),
        ("2022-01-05", 3),  # Wednesday carries the weekend
        ("2022-01-06", 1),
        ("2022-01-07", 1),
        ("2022-01-08", 0),
        ("2022-01-09", 0),
    ],
)
def test_weight_of_each_weekday_in_winter(day: str, weight: int):
    assert nights_between(f"{day}T21:45", f"{day}T22:00") == weight


def test_rollover_is_an_hour_earlier_in_utc_in_summer():
    assert nights_between("2022-07-04T20:45", "2022-07-04T21:00") == 1
    assert nights_between("2022-07-04T21:45", "2022-07-04T22:00") == 0


def test_clock_changes_on_new_yorks_date_not_londons():
    # New York springs forward on 2022-03-13, London on 2022-03-27.
    assert nights_between("2022-03-11T21:45", "2022-03-11T22:00") == 1
    assert nights_between("2022-03-14T20:45", "2022-03-14T21:00") == 1
    # It falls back on 2022-11-06.
    assert nights_between("2022-11-04T20:45", "2022-11-04T21:00") == 1
    assert nights_between("2022-11-07T21:45", "2022-11-07T22:00") == 1


def test_a_bar_that_opens_at_the_rollover_has_crossed_it_once():
    crossed, inside = rollover_nights(
        opens("2022-01-03T21:00", "2022-01-03T22:00", "2022-01-03T23:00"), HOUR
    )
    assert crossed.tolist() == [0, 1, 0]
    assert inside.tolist() == [0, 0, 0]


def test_the_first_bar_has_crossed_nothing():
    crossed, _ = rollover_nights(opens("2022-01-05T22:00", "2022-01-05T22:15"), QUARTER)
    assert crossed.tolist() == [0, 0]


def test_the_weekend_costs_fridays_night_only():
    assert nights_between("2022-01-07T21:45", "2022-01-09T22:00") == 1


def test_a_week_has_seven_nights_whatever_the_clock_does():
    for monday in ("2022-01-03", "2022-03-07", "2022-03-14", "2022-10-31", "2022-07-04"):
        start = np.datetime64(monday, "ns")
        hours = start + np.arange(7 * 24 + 1) * np.timedelta64(1, "h")
        crossed, inside = rollover_nights(hours, HOUR)
        assert crossed.sum() == 7
        assert not inside.any()


@pytest.mark.parametrize(
    ("step", "first", "night"),
    [(FOUR_HOURS, "2022-01-03T00:00", 5), (DAY, "2022-01-03T00:00", 0)],
    ids=["H4", "D1"],
)
def test_a_rollover_inside_a_long_bar_belongs_to_that_bar_and_not_to_the_next(
    step: np.timedelta64, first: str, night: int
):
    # In winter 17:00 New York is 22:00 UTC: inside the bar of 20:00, and inside each day.
    times = np.datetime64(first, "ns") + np.arange(0, 5 * DAY, step)
    crossed, inside = rollover_nights(times, step)
    assert not crossed.any()
    assert inside[night :: int(DAY / step)].tolist() == [1, 1, 3, 1, 1]
    assert inside.sum() == 7


def test_long_bars_that_open_at_the_rollover_have_none_inside():
    times = np.datetime64("2022-01-02T22:00", "ns") + np.arange(0, 5 * DAY, FOUR_HOURS)
    crossed, inside = rollover_nights(times, FOUR_HOURS)
    assert crossed[6::6].tolist() == [1, 1, 3, 1]
    assert not inside.any()


def test_a_rollover_in_the_gap_after_a_long_bar_is_crossed_and_not_inside():
    # The Friday's last bar ends at 20:00, an hour before the bars of the next week could.
    times = opens("2022-01-07T12:00", "2022-01-07T16:00", "2022-01-10T00:00")
    crossed, inside = rollover_nights(times, FOUR_HOURS)
    assert crossed.tolist() == [0, 0, 1]
    assert not inside.any()


def test_bars_of_an_hour_and_less_are_charged_as_ever(shared_data: Path):
    """All rollovers of (last open, this open] are crossed by the open: the rule before bars had insides."""
    long = [pd.read_parquet(shared_data / "eurusd_h1_bidask_2007_2018.parquet")["time"]]
    long.append(pd.read_parquet(shared_data / "audusd_m15_mid_2020_2025.parquet")["time"])
    for times in long:
        opened = pd.DatetimeIndex(times).tz_localize(None).to_numpy("datetime64[ns]")
        crossed, inside = rollover_nights(opened, find_gaps(opened).step)
        assert not inside.any()
        whole, _ = rollover_nights(opened, MOMENT)
        np.testing.assert_array_equal(crossed, whole)


def counted_one_by_one(start: dt.datetime, end: dt.datetime) -> int:
    """Rollovers in (start, end], day by day, in plain Python."""
    count, day = 0, start.astimezone(NEW_YORK).date()
    while day <= end.astimezone(NEW_YORK).date():
        rollover = dt.datetime.combine(day, dt.time(17), NEW_YORK)
        if start < rollover.astimezone(dt.UTC) <= end:
            count += (1, 1, 3, 1, 1, 0, 0)[day.weekday()]
        day += dt.timedelta(days=1)
    return count


@given(
    st.datetimes(dt.datetime(2007, 1, 1), dt.datetime(2025, 1, 1)),
    st.lists(st.integers(1, 60 * 24 * 4), min_size=1, max_size=20),
)
@settings(deadline=None)
def test_nights_agree_with_counting_day_by_day(start: dt.datetime, minutes: list[int]):
    start = start.replace(second=0, microsecond=0, tzinfo=dt.UTC)
    times = [start]
    for step in minutes:
        times.append(times[-1] + dt.timedelta(minutes=step))
    opened = np.array([time.replace(tzinfo=None) for time in times], "datetime64[ns]")
    expected = [counted_one_by_one(a, b) for a, b in pairwise(times)]
    at_once, _ = rollover_nights(opened, MOMENT)
    assert at_once.tolist() == [0, *expected]
    # Whatever the bars' length, a position held from open to open pays each rollover once.
    crossed, inside = rollover_nights(opened, DAY)
    assert (crossed[1:] + inside[:-1]).tolist() == expected
