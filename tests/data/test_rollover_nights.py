"""Nights: what swap is charged for, at 17:00 New York, through clock changes and weekends."""

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxexit.data.market import rollover_nights

NEW_YORK = ZoneInfo("America/New_York")


def opens(*stamps: str) -> np.ndarray:
    return np.array(stamps, "datetime64[ns]")


def nights_between(start: str, end: str) -> float:
    return float(rollover_nights(opens(start, end))[1])


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
    assert rollover_nights(
        opens("2022-01-03T21:00", "2022-01-03T22:00", "2022-01-03T23:00")
    ).tolist() == [
        0,
        1,
        0,
    ]


def test_the_first_bar_has_crossed_nothing():
    assert rollover_nights(opens("2022-01-05T22:00", "2022-01-05T22:15")).tolist() == [0, 0]


def test_the_weekend_costs_fridays_night_only():
    assert nights_between("2022-01-07T21:45", "2022-01-09T22:00") == 1


def test_a_week_has_seven_nights_whatever_the_clock_does():
    for monday in ("2022-01-03", "2022-03-07", "2022-03-14", "2022-10-31", "2022-07-04"):
        start = np.datetime64(monday, "ns")
        hours = start + np.arange(7 * 24 + 1) * np.timedelta64(1, "h")
        assert rollover_nights(hours).sum() == 7


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
    nights = rollover_nights(
        np.array([time.replace(tzinfo=None) for time in times], "datetime64[ns]")
    )
    expected = [counted_one_by_one(a, b) for a, b in pairwise(times)]
    assert nights.tolist() == [0, *expected]
