"""Features: mirror symmetry, no future, and a user's own columns."""

import zlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxexit.config.features import DEFAULT_FEATURES
from jaxexit.config.trading import UserFeature
from jaxexit.data.bars import Bars
from jaxexit.data.ema_bb import ema_bb_entries
from jaxexit.data.features import FEATURES, feature_columns, resolve_features
from jaxexit.errors import DataError
from tests.data.made import PIP, bars_of, walk

ALL = resolve_features(FEATURES)
MIRROR = 2.2  # prices p become MIRROR - p


def mirrored(bars: Bars) -> Bars:
    """The market in which every rise is a fall: bid and ask, high and low change places."""
    swap = [0, 2, 1, 3]
    return replace(bars, bid=MIRROR - bars.ask[:, swap], ask=MIRROR - bars.bid[:, swap])


def columns(bars: Bars, features=ALL) -> tuple[np.ndarray, int]:
    values, _, first_ready = feature_columns(features, bars)
    return values, first_ready


def test_the_default_features_are_those_of_the_first_snapshots():
    """Another set would give every experiment that names none another observation, and another hash."""
    text = ",".join(DEFAULT_FEATURES)
    assert (len(DEFAULT_FEATURES), zlib.crc32(text.encode())) == (19, 227225294)


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_mirrored_market_flips_directional_columns_and_leaves_the_others(seed: int):
    bars = bars_of(walk(seed, 400))
    (values, first), (image, _) = columns(bars), columns(mirrored(bars))
    price, image_price = bars.mid[:, 3], mirrored(bars).mid[:, 3]
    for feature in ALL:
        here, there = values[first:, feature.column_index], image[first:, feature.column_index]
        if feature.directional:
            there = -there
        if feature.column in ("atr_share", "bollinger_width_share"):  # relative to the price itself
            here, there = here * price[first:], there * image_price[first:]
        np.testing.assert_allclose(here, there, rtol=2e-3, atol=2e-4, err_msg=feature.name)


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_a_higher_price_level_changes_nothing_but_shares_of_the_price(seed: int):
    low, high = (bars_of(walk(seed, 400, price=price)) for price in (1.1, 1.6))
    (here, first), (there, _) = columns(low), columns(high)
    for feature in ALL:
        if feature.at == "now":
            index = feature.column_index
            np.testing.assert_allclose(
                here[first:, index], there[first:, index], rtol=2e-3, atol=2e-4
            )


def test_directional_features_point_up_in_a_rising_market():
    rising = np.repeat((1.1 + PIP * np.arange(400.0))[:, None], 4, axis=1)
    rising[:, 1] += PIP / 2
    rising[:, 2] -= PIP / 2
    values, _ = columns(bars_of(rising))
    for feature in ALL:
        if feature.directional:
            assert values[-1, feature.column_index] > 0, feature.name


@pytest.mark.parametrize("price", [1.1, 150.0])
def test_a_market_that_does_not_move_has_finite_neutral_features(price: float):
    values, first = columns(bars_of(np.full((300, 4), price), spread=0.0))
    assert np.isfinite(values).all()
    assert first < 100
    for feature in ALL:
        if feature.directional:
            np.testing.assert_allclose(values[first:, feature.column_index], 0, atol=1e-6)


def test_a_column_that_is_divided_by_is_never_zero():
    values, first = columns(bars_of(np.full((300, 4), 1.1), spread=0.0))
    for feature in ALL:
        if feature.ratio_to_entry:
            assert (values[first:, feature.column_index] > 0).all()


def test_features_of_one_fact_share_a_column():
    now, entry = resolve_features(["adx", "entry_adx"])
    assert now.column_index == entry.column_index == 0
    assert (now.at, entry.at) == ("now", "entry")


# --- a user's own columns ------------------------------------------------------------------------


def with_column(values: np.ndarray | list, name: str = "mine") -> Bars:
    return replace(bars_of(walk(0, 300)), table=pd.DataFrame({name: values}))


def test_a_users_column_is_centred_and_scaled():
    (feature,) = resolve_features([UserFeature(column="mine", scale=4.0, center=10.0)])
    values, _ = columns(with_column(np.arange(300.0)), (feature,))
    np.testing.assert_allclose(values[50:, 0], (np.arange(50, 300) - 10) / 4)


def test_no_trade_may_begin_before_a_users_column_does():
    (feature,) = resolve_features([UserFeature(column="mine", scale=1.0)])
    values, first = columns(with_column([np.nan] * 120 + [1.0] * 180), (feature,))
    assert first == 120
    assert (values[:120] == 0).all()


def test_a_users_column_with_a_hole_is_refused():
    (feature,) = resolve_features([UserFeature(column="mine", scale=1.0)])
    with pytest.raises(DataError, match="'mine' is not a finite number in row 201"):
        columns(with_column([1.0] * 200 + [np.nan] + [1.0] * 99), (feature,))


def test_a_users_column_that_is_not_there_names_the_nearest():
    (feature,) = resolve_features([UserFeature(column="mien", scale=1.0)])
    with pytest.raises(DataError, match="no column 'mien'; did you mean 'mine'"):
        columns(with_column([1.0] * 300), (feature,))


# --- no future -----------------------------------------------------------------------------------


def with_other_future(bars: Bars, after: int, seed: int) -> Bars:
    """The same bars up to `after`, another market from there on."""
    other = bars_of(walk(seed + 1, len(bars.bid), pips=20.0))
    bid = np.concatenate([bars.bid[: after + 1], other.bid[after + 1 :]])
    ask = np.concatenate([bars.ask[: after + 1], other.ask[after + 1 :]])
    return replace(bars, bid=bid, ask=ask)


@given(st.integers(0, 10_000), st.integers(60, 380))
@settings(max_examples=25, deadline=None)
def test_later_bars_never_change_features(seed: int, cut: int):
    bars = bars_of(walk(seed, 400))
    before, after = columns(bars)[0], columns(with_other_future(bars, cut, seed))[0]
    assert (before[: cut + 1] == after[: cut + 1]).all()


def test_the_look_ahead_check_catches_a_centred_window():
    # What the test above would see if a feature used a centred window, as a positive control.
    bars = bars_of(walk(1, 400))
    seen = [
        np.asarray(pd.Series(market.mid[:, 3]).rolling(9, center=True).mean())
        for market in (bars, with_other_future(bars, 200, 1))
    ]
    assert (seen[0][8:197] == seen[1][8:197]).all()
    assert (seen[0][197:201] != seen[1][197:201]).any()


@given(st.integers(0, 1000), st.integers(400, 2900))
@settings(max_examples=25, deadline=None)
def test_later_bars_never_change_entries(seed: int, cut: int):
    bars = bars_of(walk(seed, 3000))
    known = ["entry_bar", "direction", "entry_price", "stop", "target"]
    lists = [
        ema_bb_entries(market, 300)[known] for market in (bars, with_other_future(bars, cut, seed))
    ]
    before, after = (entries.query(f"entry_bar <= {cut}") for entries in lists)
    pd.testing.assert_frame_equal(before, after)
