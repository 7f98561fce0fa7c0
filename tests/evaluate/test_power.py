"""What a test could see: the difference that it is said to find is the one that it does find."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from jaxexit.evaluate.power import Noise, noise, power, power_line, size
from jaxexit.evaluate.statistics import FEWEST_BLOCKS, compare
from tests.evaluate.test_statistics import held, hours, prices


def scattered(rng: np.random.Generator, trades: int, bars: int, deviation: float) -> pd.DataFrame:
    """Trades of one bar that never overlap, with independent results, spread evenly over the bars."""
    entries = np.linspace(0, bars - 2, trades).astype(int)
    times = hours(bars)
    net = deviation * rng.standard_normal(trades)
    return pd.DataFrame(
        {
            "trade_id": entries,
            "entry_time": pd.to_datetime(times[entries], utc=True),
            "exit_time": pd.to_datetime(times[entries + 1], utc=True),
            "direction": rng.choice([-1, 1], trades),
            "net_fraction": net / 1e4,
            "net_pips": net,
            "net_r": net / 20,
        }
    )


def nothing(table: pd.DataFrame) -> pd.DataFrame:
    """The same trades left at once, for nothing."""
    return table.assign(net_fraction=0.0, net_pips=0.0, net_r=0.0, exit_time=table["entry_time"])


def test_of_independent_trades_it_is_the_textbook_s() -> None:
    """(1.96 + 0.84) x deviation / sqrt(trades), however the trades to be tested lie in time."""
    deviation, trades = 10.0, 1000
    validation = scattered(np.random.default_rng(0), trades, 12_000, deviation)
    both = noise(validation, nothing(validation))
    for more_trades, more_time in ((1.0, 1.0), (4.0, 4.0), (2.0, 1.0)):
        textbook = 2.8016 * deviation / math.sqrt(more_trades * trades)
        assert both["pips"].detectable(more_trades, more_time) == pytest.approx(textbook, rel=0.1)
        assert both["r"].detectable(more_trades, more_time) == pytest.approx(textbook / 20, rel=0.1)


def test_trades_that_are_open_together_do_not_count_by_their_number() -> None:
    """Twice as many in the same time show no more; over four times the time, half the difference or less."""
    rng = np.random.default_rng(1)
    price, ones = prices(rng, 8100, "brownian"), np.ones(8000)
    table, other = (held(price, np.arange(8000), ones, np.full(8000, bars)) for bars in (40, 4))
    known = noise(table, other)["pips"]
    once = known.detectable()
    assert known.detectable(trades=2, time=1) == pytest.approx(once, rel=0.03)
    # Less by what a larger critical value costs where periods are few.
    assert once / 2 * 0.9 < known.detectable(trades=4, time=4) < once / 2


def test_so_many_trades_see_just_that_difference() -> None:
    known = Noise(standard_error=2.0, independent=3.0, excess=0.9, blocks=10.0)
    for difference in (0.1, 1.0, 5.0):
        more = known.needed(difference)
        assert known.detectable(more, more) == pytest.approx(difference)
    # However large the difference, below so many periods nothing is claimed.
    assert known.needed(1e6) == pytest.approx(FEWEST_BLOCKS / 10)
    assert known.detectable(0.79, 0.79) == math.inf


@pytest.fixture(scope="module")
def exits() -> dict[str, pd.DataFrame]:
    """Three exits of which one does what another does."""
    rng = np.random.default_rng(2)
    entries, sign = np.arange(0, 3000, 10), rng.choice([-1.0, 1.0], 300)
    price = prices(rng, 3100, "brownian")
    short, long = (held(price, entries, sign, np.full(300, bars)) for bars in (2, 20))
    tables = {"short": short, "long": long, "again": long}
    return {name: t.assign(net_fraction=t["net_pips"] / 1e4) for name, t in tables.items()}


def test_the_middle_of_all_pairs_is_said_with_its_range(exits: dict[str, pd.DataFrame]) -> None:
    here, double = size([exits["short"]]), size([exits["short"]] * 2)
    found = power({"none": nothing(exits["short"]), **exits}, {"test": here, "more": double}, 1.0)
    assert (found["exits"], found["pairs"]) == (["none", "short", "long"], 3)
    assert found["test"]["trades"] == 300
    assert found["more"]["periods"] == pytest.approx(2 * found["test"]["periods"])
    for key in ("detectable_pips_mean", "detectable_r_mean"):
        low, high = found["test"][f"{key}_range"]
        assert low < found["test"][key] < high
        assert found["more"][key] == pytest.approx(found["test"][key] / math.sqrt(2), rel=0.1)
    assert found["trades_needed"]["pips"]["difference"] == 1.0
    assert found["trades_needed"]["r"]["trades"] == pytest.approx(
        found["trades_needed"]["pips"]["trades"], rel=0.01
    )  # 1 pip is 0.05 R here
    json.dumps(found, allow_nan=False)


def test_one_line_says_what_the_test_could_have_seen(exits: dict[str, pd.DataFrame]) -> None:
    known = power(exits, {"test": size([exits["short"]])}, 1.0)
    least = known["test"]["detectable_pips_mean"]
    line = power_line({"split": "test", "power": known})
    said = f"this test could only have seen differences above {least:.1f} pips"
    assert line.startswith(said)
    assert line.endswith(" R) a trade")
    assert power_line({"split": "test"}) == ""  # of a run from before


def test_where_no_verdict_is_given_no_difference_could_be_seen(
    exits: dict[str, pd.DataFrame],
) -> None:
    week = exits["short"].iloc[:10]
    few = power(exits, {"test": size([week])}, 1.0)
    assert few["test"]["detectable_pips_mean"] is None
    line = power_line({"split": "test", "power": few})
    assert line.startswith("this test could hardly have shown any difference: about ")
    assert line.endswith(f"independent periods, at least {FEWEST_BLOCKS} needed")
    # Of a single trade, or of exits that all do the same, there is nothing to learn.
    for tables in (
        {name: table.iloc[:1] for name, table in exits.items()},
        dict.fromkeys(exits, exits["long"]),
    ):
        none = power(tables, {"test": size([exits["short"]])}, 1.0)
        assert none["trades_needed"]["pips"]["trades"] is None
        said = power_line({"split": "test", "power": none})
        assert said.startswith("this test could hardly have shown any difference")
        json.dumps(none, allow_nan=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("market", "validation", "test", "every", "long", "short", "stop"),
    [
        ("brownian", 2000, 2000, 1, 20, 2, np.inf),
        ("brownian", 1000, 4000, 1, 20, 2, np.inf),
        ("brownian", 3000, 3000, 1, 100, 10, np.inf),
        ("brownian", 6000, 6000, 30, 5, 1, np.inf),
        ("wild", 6000, 12_000, 30, 20, 2, 10.0),
    ],
)
def test_tests_of_martingales_find_it_four_times_in_five(
    market: str, validation: int, test: int, every: int, long: int, short: int, stop: float
) -> None:
    """A difference d added to a test that has none is found where its interval's lower end is above -d."""

    def pair(rng: np.random.Generator, bars: int) -> list[pd.DataFrame]:
        entries = np.arange(0, bars, every)
        price, sign = prices(rng, bars + long + 1, market), rng.choice([-1.0, 1.0], len(entries))
        return [held(price, entries, sign, np.full(len(entries), k), stop) for k in (long, short)]

    said, needed = [], []
    for seed in range(200):
        rng = np.random.default_rng([7, seed])
        (known, other), tested = pair(rng, validation), pair(rng, test)
        here, there = size([known]), size(tested[:1])
        ratios = (there.trades / here.trades, there.days / here.days)
        said.append(noise(known, other)["pips"].detectable(*ratios))
        found = compare(*tested, resamples=400, seed=seed).net
        needed.append(-found.low if found.blocks >= FEWEST_BLOCKS else math.inf)
    enough = np.isfinite(said)  # by chance a validation may seem to have too few periods
    assert enough.mean() > 0.98
    # The quantile of 200 tests is itself known to about 5%.
    ratio = np.mean(np.array(said)[enough]) / np.quantile(needed, 0.8)
    print(f"{market}, {validation} and {test} bars, every {every}: {ratio:.3f}")
    assert ratio == pytest.approx(1.0, abs=0.12)
