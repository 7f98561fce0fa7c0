"""Instants beyond nanoseconds and numbers beyond float32: refused in one line, wherever they are written."""

import random
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxexit.config import load_experiment
from jaxexit.data.dataset import load_dataset
from jaxexit.data.hours import MOST_LISTED, missing_bars
from jaxexit.errors import ConfigError, DataError
from jaxexit.limits import LARGEST, float32, instant, is_held, nanoseconds
from tests.support import impossible

ATTACKS = list(impossible.attacks())
SOME = random.Random(22).sample(ATTACKS, 60)


def failures(attacks: list[impossible.Attack], folder: Path) -> list[str]:
    failed = []
    for number, attack in enumerate(attacks):
        place = folder / str(number)
        place.mkdir()
        found = impossible.outcome(attack, place)
        if not found.held:
            failed.append(f"{attack.name}: {found.words}")
    return failed


def test_impossible_values_are_refused_in_one_line_or_read_as_finite_numbers(tmp_path: Path):
    assert not failures(SOME, tmp_path)


@pytest.mark.slow
def test_all_impossible_values_are_refused_in_one_line(tmp_path: Path):
    assert len(ATTACKS) > 500
    assert not failures(ATTACKS, tmp_path)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "a bar's time: year 2300",
            ("eurusd.csv", "'time'", "row 181", "2300-01-01", "1678 to 2261"),
        ),
        ("a bar's close: 1e308", ("eurusd.csv", "row 181", "close is 1e+308", "correct or remove")),
        ("a trade's stop: 1e39", ("list.csv", "'stop'", "row 41", "1e+39", "correct it")),
        ("a trade's entry_time: year 1", ("list.csv", "'entry_time'", "row 41", "0001-01-01")),
        ("a column of the user's: 1e39", ("'own'", "row 181", "1e+39")),
        ("test_start of 9999-12-31", ("test_start", "9999-12-31", "1678 to 2261")),
    ],
)
def test_the_line_says_file_row_column_value_and_what_to_do(
    name: str, says: tuple[str, ...], tmp_path: Path
):
    attack = next(one for one in ATTACKS if one.name == name)
    found = impossible.outcome(attack, tmp_path)
    assert found.held
    for words in says:
        assert words in found.words, found.words


def test_a_pip_that_is_no_part_of_the_price_is_refused(tmp_path: Path):
    attack = next(one for one in ATTACKS if one.name == "data.pip=1.2e-38")
    with pytest.raises(DataError, match=r"data\.pip: got 1.2e-38, expected a part of the prices"):
        attack.attempt(tmp_path)


def test_bars_of_the_first_and_the_last_year_are_read(tmp_path: Path):
    for year in (1678, 2261):
        table = impossible.made_bars()
        table["time"] = [re.sub("^2022", str(year), stamp) for stamp in table["time"]]
        folder = tmp_path / str(year)
        folder.mkdir()
        assert str(load_dataset(impossible.written(folder, table)).times[0])[:4] == str(year)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("1678-01-01", "1678-01-01T00:00:00+00:00"),
        ("2261-12-31T23:00:00+02:00", "2261-12-31T21:00:00+00:00"),
    ],
)
def test_a_date_of_a_split_is_an_instant_in_utc(text: str, utc: str):
    assert instant(text).isoformat() == utc


def test_an_offset_does_not_carry_a_date_out_of_the_calendar():
    for text in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        with pytest.raises(ValueError, match="1678 to 2261"):
            instant(text)


def test_the_row_of_a_year_that_nanoseconds_do_not_hold_is_named():
    times = pd.DatetimeIndex(np.array(["2022-01-03", "2262-01-01"], "M8[s]"))
    with pytest.raises(DataError, match=r"bars\.csv: the time 2262-01-01 00:00:00 in row 2"):
        nanoseconds(times, "bars.csv")


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_a_year_of_six_digits_is_said_too(zone: str | None):
    times = pd.DatetimeIndex(np.array(["2022-01-03", "144722-05-06"], "M8[s]"), tz=zone)
    with pytest.raises(DataError, match=r"the time 144722-05-06 00:00:00Z? in row 2"):
        nanoseconds(times, "bars.csv")


def test_times_too_far_apart_to_be_subtracted_are_refused():
    times = pd.DatetimeIndex(np.array(["1700-01-01", "2022-01-03"], "M8[s]"))
    with pytest.raises(DataError, match="more than 290 years apart"):
        nanoseconds(times, "bars.csv")


def test_the_largest_number_of_the_device_is_held_and_the_next_is_not():
    assert is_held(LARGEST)
    assert not is_held(np.nextafter(LARGEST, np.inf) * 1.0001)
    assert not is_held(1e-39)
    assert float32([LARGEST, np.nan], "a", "b")[0] == np.float32(LARGEST)
    with pytest.raises(DataError, match=r"bars: a bid is inf in row 2"):
        float32(np.array([1.0, np.inf]), "bars", "a bid")


def test_two_stamps_centuries_apart_do_not_fill_memory_with_what_lies_between():
    minute = np.timedelta64(60, "s").astype("m8[ns]")
    first, last = np.datetime64("1700-01-01", "ns"), np.datetime64("2200-01-01", "ns")
    assert 0 < len(missing_bars(first, last, minute)) < MOST_LISTED


def test_a_date_outside_the_calendar_is_refused_where_it_is_written(tmp_path: Path):
    yaml = tmp_path / "v1_a.yaml"
    yaml.write_text("description: a\nhypothesis: b\ndata: {split: {test_start: '1677-09-20'}}\n")
    with pytest.raises(ConfigError, match=r"test_start: got '1677-09-20', expected a date like"):
        load_experiment(yaml)
