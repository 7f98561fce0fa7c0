"""Lists stamped with the bar at whose open a trade was filled, or with the one at whose close."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jaxexit.config import load_experiment
from jaxexit.data import load_dataset
from jaxexit.data.entries import file_candidates, keep_sound
from jaxexit.data.matching import listed_decisions
from jaxexit.errors import ConfigError, DataError
from tests.data.made import bars_of, experiment, walk

GAP = np.array([[0.0], [30e-4]])  # pips: every other bar opens 30 pips away from the last close
BARS = bars_of(walk(0, 500) + np.tile(GAP, (250, 1)))
ENTERED = np.arange(300, 400, 3)  # bars of the trades' entry times
OPEN, CLOSE = 0, 3


def stamped(folder: Path, column: int, **more: object) -> Path:
    """A file of long trades at the ask of the opens, or closes, of the bars `ENTERED`."""
    table = pd.DataFrame(
        {
            "entry_time": BARS.times[ENTERED],
            "direction": 1,
            "entry_price": BARS.ask[ENTERED, column],
        }
    )
    path = folder / "trades.csv"
    table.assign(**more).to_csv(path, index=False)
    return path


def read(path: Path, filled_at, *, given: bool = True):
    return file_candidates(
        path,
        BARS,
        np.full(500, 0.0050),
        "UTC",
        given=given,
        stop_atr=1.1,
        filled_at=filled_at,
    )


def test_a_trade_filled_at_its_bars_close_meets_the_bar_after_it_first(tmp_path: Path):
    table, _, _ = read(stamped(tmp_path, CLOSE), "bar_close")
    assert table["entry_bar"].tolist() == ENTERED.tolist()
    assert table["entry_price"].tolist() == BARS.ask[ENTERED, CLOSE].tolist()
    assert "given_fill" not in table


def test_a_trade_filled_at_its_bars_open_meets_that_bar_first(tmp_path: Path):
    table, counts, _ = read(stamped(tmp_path, OPEN), "bar_open")
    assert table["entry_bar"].tolist() == (ENTERED - 1).tolist()
    assert table["given_fill"].tolist() == BARS.ask[ENTERED, OPEN].tolist()
    assert not any(counts.values())


def test_nothing_that_decision_0_may_know_comes_from_a_fill_at_the_open(tmp_path: Path):
    table, _, _ = read(stamped(tmp_path, OPEN), "bar_open")
    close = BARS.ask[ENTERED - 1, CLOSE]
    assert table["entry_price"].tolist() == close.tolist()
    np.testing.assert_allclose(table["stop"], close - 1.1 * 0.0050)


@pytest.mark.parametrize(
    ("column", "said", "right"),
    [(OPEN, "bar_close", "bar_open"), (CLOSE, "bar_open", "bar_close")],
)
@pytest.mark.parametrize("given", [True, False])
def test_a_setting_that_the_prices_contradict_is_refused_in_one_line(
    tmp_path: Path, column: int, said: str, right: str, given: bool
):
    with pytest.raises(DataError) as caught:
        read(stamped(tmp_path, column), said, given=given)
    assert str(caught.value).endswith(f"set data.filled_at to {right}")
    # Of 34; the others lie at both ends, within the spread.
    opens, closes = (28, 0) if column == OPEN else (0, 32)
    assert f"{opens} entry prices are the open and {closes} the close" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_prices_at_neither_end_decide_nothing(tmp_path: Path):
    middle = BARS.mid[ENTERED, 1:3].mean(axis=1)
    path = stamped(tmp_path, OPEN, entry_price=middle)
    for filled_at in ("bar_close", "bar_open"):
        table, counts, _ = read(path, filled_at)
        assert len(table) + counts["have a given price outside their bar"] == len(ENTERED)


def test_a_price_outside_the_bar_of_its_entry_time_is_still_no_fill(tmp_path: Path):
    price = BARS.ask[ENTERED, OPEN].copy()
    price[3] = BARS.ask[ENTERED[3], 1] + 200e-4
    table, counts, _ = read(stamped(tmp_path, OPEN, entry_price=price), "bar_open")
    assert counts["have a given price outside their bar"] == 1
    assert len(table) == len(ENTERED) - 1


def test_a_fill_beyond_its_own_stop_is_left_out_and_counted(tmp_path: Path):
    # The stop lies below the close before, and above the open at which the trade was filled.
    close, opened = BARS.ask[ENTERED - 1, CLOSE], BARS.ask[ENTERED, OPEN]
    path = stamped(tmp_path, OPEN, sl=(close + opened) / 2)
    down, up = np.flatnonzero(opened < close)[:2], np.flatnonzero(opened > close)[:2]
    pd.read_csv(path).iloc[np.sort([*down, *up])].to_csv(path, index=False)  # of more: last stops
    table, _, _ = read(path, "bar_open")
    sound, counts = keep_sound(table, first=100)
    assert counts["have a stop that is not on the losing side of the entry"] == 4
    assert sound.empty


def test_the_first_bar_has_no_bar_before_it(tmp_path: Path):
    path = tmp_path / "trades.csv"
    path.write_text(f"entry_time,direction\n{BARS.times[0]},1\n{BARS.times[7]},1\n")
    table, counts, _ = read(path, "bar_open", given=False)
    assert table["entry_bar"].tolist() == [6]
    assert counts["match no bar"] == 1


def test_the_real_list_is_filled_at_the_close_and_says_so(shared_data: Path, tmp_path: Path):
    overrides = [
        "data.entries=trades",
        f"data.trades={shared_data / 'audusd_m15_trades.csv'}",
        "data.filled_at=bar_open",
        "costs.spread_pips=1.4",
    ]
    bars = shared_data / "audusd_m15_mid_2020_2025.parquet"
    with pytest.raises(DataError, match=r"1,562 the close .* set data\.filled_at to bar_close"):
        load_dataset(experiment(tmp_path, *overrides, bars=bars))


def test_built_in_entries_have_no_stamp_to_interpret():
    with pytest.raises(
        ConfigError, match=r"filled_at: got 'bar_open', expected 'bar_close' with entries"
    ):
        load_experiment("v1_baseline", ["data.filled_at=bar_open"])


# --- the list's own exits --------------------------------------------------------------------------


def decisions(filled_at, entry_bar: int, exit_bar: int, price: float = np.nan) -> int:
    rows = pd.DataFrame({"exit_time": [BARS.times[exit_bar]], "exit_price": [price]})
    found, remarks = listed_decisions(rows, np.array([entry_bar]), BARS, filled_at)
    assert not remarks or found[0] == -1
    return int(found[0])


def test_a_close_stamped_exit_leaves_at_the_close_of_its_bar():
    assert decisions("bar_close", 300, 307) == 7
    assert decisions("bar_close", 300, 300) == 0


def test_an_open_stamped_exit_leaves_at_the_open_of_its_bar():
    # Stamped 301 and filled at its open, so decision 0 belongs to bar 300; an order of decision 6 fills
    # at the open of bar 307.
    assert decisions("bar_open", 300, 307) == 6
    assert decisions("bar_open", 300, 307, BARS.bid[307, OPEN]) == 6
    assert decisions("bar_open", 300, 301) == 0


def test_an_open_stamped_exit_inside_its_bar_is_left_to_stop_and_target_in_that_bar():
    inside = BARS.bid[307, OPEN] - 20e-4
    assert decisions("bar_open", 300, 307, inside) == 7


def test_exits_that_are_no_bars_or_lie_before_the_entry_are_none_and_counted():
    times = [BARS.times[307] + np.timedelta64(1, "s"), BARS.times[299], np.datetime64("NaT")]
    rows = pd.DataFrame({"exit_time": times, "exit_price": np.nan})
    found, remarks = listed_decisions(rows, np.full(3, 300), BARS, "bar_close")
    assert found.tolist() == [-1, -1, -1]
    assert remarks[0].startswith("2 exit times are no bar's open or lie before the entry")


def test_a_file_without_exits_has_no_listed_decisions(tmp_path: Path):
    table, _, _ = read(stamped(tmp_path, CLOSE), "bar_close")
    assert "listed_decision" not in table
    table, _, _ = read(stamped(tmp_path, CLOSE, exit_time=BARS.times[ENTERED + 4]), "bar_close")
    assert table["listed_decision"].tolist() == [4] * len(ENTERED)
