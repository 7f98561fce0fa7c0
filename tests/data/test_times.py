"""Time stamps: read as written, never guessed."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxexit.data.times import to_utc
from jaxexit.errors import DataError


def read(*stamps: object, zone: str = "UTC") -> list[str]:
    times = to_utc(pd.Series(list(stamps)), zone, "made.csv")
    return [str(np.datetime_as_string(time, unit="s")) for time in times]


@pytest.mark.parametrize(
    "stamp",
    [
        "2017-02-01 22:00:00",
        "2017-02-01T22:00:00Z",
        "2017-02-01 22:00:00+00:00",
        "2017-02-02T05:00:00+07:00",
        "01.02.2017 22:00:00.000",
        "01.02.2017 22:00",
        "2017.02.01 22:00",
        "20170201 220000",
        "20170201 22:00",
        1485986400,
        1485986400000,
        pd.Timestamp("2017-02-01 22:00", tz="UTC"),
        pd.Timestamp("2017-02-01 22:00"),
    ],
)
def test_the_first_of_february_in_every_writing(stamp: object):
    assert read(stamp) == ["2017-02-01T22:00:00"]


def test_offsets_may_differ_from_stamp_to_stamp():
    assert read("2022-03-27T00:00:00+01:00", "2022-03-27T03:00:00+02:00") == [
        "2022-03-26T23:00:00",
        "2022-03-27T01:00:00",
    ]


def test_stamps_without_offset_are_read_in_the_named_zone():
    winter, summer = read("2022-01-03 17:00", "2022-07-04 17:00", zone="America/New_York")
    assert (winter, summer) == ("2022-01-03T22:00:00", "2022-07-04T21:00:00")


def test_stamps_with_offset_ignore_the_named_zone():
    assert read("2022-01-03 17:00:00+00:00", zone="America/New_York") == ["2022-01-03T17:00:00"]


def test_slashes_are_read_by_the_part_that_can_only_be_a_day():
    assert read("01/02/2017 00:00", "13/02/2017 00:00")[0] == "2017-02-01T00:00:00"
    assert read("01/02/2017 00:00", "02/13/2017 00:00")[0] == "2017-01-02T00:00:00"


@pytest.mark.parametrize(
    ("stamps", "words"),
    [
        (("01/02/2017 00:00", "03/04/2017 00:00"), "cannot be told apart"),
        (("2017-02-01 22:00", "yesterday"), "'yesterday'"),
        (("soon",), "cannot read the time 'soon'"),
        (("2017-02-01 22:00:00", "2017-02-01 23:00:00Z"), "some stamps carry an offset"),
        (("2017-02-01 22:00", None), "row 2 has no time"),
        (("01.02.2017 22:00", "32.02.2017 22:00"), "32.02.2017"),
    ],
)
def test_stamps_that_cannot_be_read_are_named_in_one_line(stamps: tuple, words: str):
    with pytest.raises(DataError) as caught:
        read(*stamps)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_hour_that_the_clock_skips_is_refused():
    with pytest.raises(DataError, match="clock change"):
        read("2022-03-13 02:30", zone="America/New_York")


def test_the_repeated_hour_is_told_apart_by_the_order_of_bars():
    hours = ["2022-11-06 00:30", "2022-11-06 01:30", "2022-11-06 01:30", "2022-11-06 02:30"]
    assert read(*hours, zone="America/New_York")[1:3] == [
        "2022-11-06T05:30:00",
        "2022-11-06T06:30:00",
    ]


def test_an_unknown_zone_is_refused():
    with pytest.raises(DataError, match=r"data\.timezone: got 'New York'"):
        read("2022-01-03 17:00", zone="New York")


@given(
    st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2100, 1, 1)),
    st.sampled_from(
        ["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%Y.%m.%d %H:%M:%S", "%Y%m%d %H%M%S"]
    ),
)
def test_what_is_written_is_what_is_read(time, layout: str):
    assert read(time.strftime(layout)) == [time.replace(microsecond=0).isoformat()]
