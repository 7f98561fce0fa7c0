"""Splits: chronological, and no bar is lived through by trades of two of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxexit.data.split import (
    CROSSES_DATA,
    CROSSES_SPLIT,
    IN_EMBARGO,
    SPLITS,
    assign_splits,
    split_bounds,
)
from jaxexit.errors import DataError
from tests.data.made import quarter_hours

TIMES = quarter_hours(1000)


def assigned(*entry_bar: int, max_bars: int = 10, embargo: int = 0):
    return assign_splits(np.array(entry_bar), split_bounds(TIMES, 0.7, 0.85), max_bars, embargo)


def test_fractions_are_of_the_bars():
    assert [tuple(bounds) for bounds in split_bounds(TIMES, 0.7, 0.85).values()] == [
        (0, 700),
        (700, 850),
        (850, 1000),
    ]


def test_a_date_begins_at_its_first_bar():
    bounds = split_bounds(TIMES, "2022-01-05", "2022-01-08T12:00")
    assert bounds["validation"].start == 2 * 96
    assert TIMES[bounds["test"].start] == np.datetime64("2022-01-08T12:00")


def test_the_last_bar_of_a_trade_may_be_the_last_of_its_split():
    split, counts = assigned(689, 839, 989)
    assert split.tolist() == [0, 1, 2]
    assert not any(counts.values())


def test_a_trade_that_reaches_into_the_next_split_is_purged():
    split, counts = assigned(690, 699, 840)
    assert split.tolist() == [-1, -1, -1]
    assert counts[CROSSES_SPLIT] == 3


def test_a_trade_that_the_data_cannot_finish_is_left_out():
    split, counts = assigned(990, 999)
    assert split.tolist() == [-1, -1]
    assert (counts[CROSSES_DATA], counts[CROSSES_SPLIT]) == (2, 0)


def test_entries_in_the_embargo_are_left_out():
    split, counts = assigned(3, 700, 704, 705, 852, embargo=5)
    assert split.tolist() == [0, -1, -1, 1, -1]
    assert counts[IN_EMBARGO] == 3


@pytest.mark.parametrize(
    "starts",
    [("2021-01-01", 0.9), (0.5, "2030-01-01"), ("2022-01-09", "2022-01-05"), (0.0001, 0.9)],
)
def test_a_split_without_bars_is_refused(starts: tuple):
    with pytest.raises(DataError, match="without bars"):
        split_bounds(TIMES, *starts)


@given(
    st.lists(st.integers(0, 999), min_size=1, max_size=60),
    st.integers(1, 300),
    st.integers(0, 100),
    st.floats(0.05, 0.5),
    st.floats(0.55, 0.95),
)
def test_no_bar_belongs_to_trades_of_two_splits(
    entries: list[int], max_bars: int, embargo: int, validation: float, test: float
):
    bounds = split_bounds(TIMES, validation, test)
    split, counts = assign_splits(np.array(entries), bounds, max_bars, embargo)
    owner: dict[int, int] = {}
    for entry, name in zip(entries, split.tolist(), strict=True):
        for bar in range(entry, entry + max_bars + 1) if name >= 0 else ():
            assert owner.setdefault(bar, name) == name
            assert bar < len(TIMES)
        if name > 0:
            assert entry >= bounds[SPLITS[name]].start + embargo
    assert int((split < 0).sum()) == sum(counts.values())
