"""Random stops, targets and horizons on EURUSD bars, filled by backtesting.py and by the environment.

`pytest tests/third_party -s` prints how many trades were compared and how many differ by which rule; see
docs/third_party.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from benchmarks.peers.backtesting_py import LONG, SHORT, replay
from jaxexit.config import load_experiment
from jaxexit.data import load_dataset
from jaxexit.data.dataset import device_trades
from jaxexit.data.sample import sample_path
from jaxexit.env import REASONS, EnvSpec, World, make_world
from jaxexit.evaluate import run_policy
from jaxexit.policies import CLASSICAL
from tests.third_party.comparison import MONEY, compare, money_apart, tally
from tests.third_party.rules import UNEXPLAINED, Rule

PIP, POINT_DIGITS = 1e-4, 5
ENTRIES = 64  # bars at which a setting enters, long and short
LONGEST = 120  # bars
OPEN, CLOSE = 0, 3


class Book(NamedTuple):
    """Bars as the files say, and the environment on the same bars."""

    side: dict[int, np.ndarray]  # by direction: [T, 4] of the side on which it is closed
    spec: EnvSpec
    world: World


def book(side: dict[int, np.ndarray], *overrides: str) -> Book:
    """Bars that the test has read, and the same bars as the product reads them."""
    experiment = load_experiment("v1_baseline", [*overrides, f"env.max_bars={LONGEST}"])
    return Book(side, *make_world(experiment, load_dataset(experiment), "test"))


class Setting(NamedTuple):
    """One draw: where the entries are, how they are filled, and how all of its trades are left."""

    start: int  # bar
    every: int  # bars
    stop: float  # price units
    target: float  # price units, nan: none
    horizon: int  # bars
    on_the_grid: (
        bool  # levels are prices that the market can trade at, so that it may just touch them
    )
    at_close: bool  # entries fill at the close at which they are ordered, else at the next open

    @property
    def end(self) -> int:
        """The bar after the last one that either engine needs."""
        return self.start + (ENTRIES - 1) * self.every + self.horizon + 2


def draw(rng: np.random.Generator, bars: int) -> Setting:
    """From tight to wide, from one bar to `LONGEST`, anywhere in the bars."""
    horizon = int(np.exp(rng.uniform(0, np.log(LONGEST + 1))))
    every = int(rng.integers(1, 25))
    target = PIP * np.exp(rng.uniform(np.log(3), np.log(160)))
    return Setting(
        start=int(rng.integers(1, bars - (ENTRIES - 1) * every - horizon - 2)),
        every=every,
        stop=PIP * np.exp(rng.uniform(np.log(3), np.log(80))),
        target=target if rng.random() < 0.85 else np.nan,
        horizon=horizon,
        on_the_grid=bool(rng.random() < 0.5),
        at_close=bool(rng.random() < 0.5),
    )


def orders_of(setting: Setting, side: dict[int, np.ndarray]) -> pd.DataFrame:
    """entry_bar, direction, entry_price (close of the entry side), stop, target; long, short, long ..."""
    bar = np.repeat(setting.start + setting.every * np.arange(ENTRIES), 2)
    direction = np.tile([LONG, SHORT], ENTRIES)
    price = np.where(direction == LONG, side[SHORT][bar, CLOSE], side[LONG][bar, CLOSE])
    stop, target = price - direction * setting.stop, price + direction * setting.target
    if setting.on_the_grid:
        stop, target = stop.round(POINT_DIGITS), target.round(POINT_DIGITS)
    names = ("entry_bar", "direction", "entry_price", "stop", "target")
    return pd.DataFrame(dict(zip(names, (bar, direction, price, stop, target), strict=True)))


def our_results(book: Book, setting: Setting, orders: pd.DataFrame) -> pd.DataFrame:
    """What the environment makes of the orders."""
    params = book.world.params
    limits = params.orders._replace(max_bars=jnp.int32(setting.horizon))
    trades = device_trades(orders)
    world = book.world._replace(
        params=params._replace(orders=limits),
        trades=trades,
        # Only rewards and the oracle look at hindsight, and neither is asked for: any values will do.
        hindsight=jax.tree.map(lambda leaf: np.resize(leaf, len(orders)), book.world.hindsight),
    )
    spec = book.spec._replace(entry_fill="bar_close" if setting.at_close else "next_open")
    key = jax.random.key(0)
    played = run_policy(spec, CLASSICAL, world, (), key, horizon=LONGEST).results
    entry = np.asarray(played.entry, float)
    return pd.DataFrame(
        {
            "reason": [REASONS[reason] for reason in np.asarray(played.reason)],
            "exit_bar": np.asarray(played.exit_bar),
            "exit_price": np.asarray(played.exit_price, float),
            "entry_price": entry,
            "net": np.asarray(played.net, float) * entry,
            "ambiguous": np.asarray(played.ambiguous),
        }
    )


def their_results(book: Book, setting: Setting, orders: pd.DataFrame) -> pd.DataFrame:
    """What backtesting.py makes of them: longs on the bid, shorts on the ask."""
    first = setting.start - 1
    local = orders.assign(entry_bar=orders["entry_bar"] - first)
    parts = [
        replay(
            side[first : setting.end],
            local.loc[local["direction"] == direction],
            setting.horizon,
            at_close=setting.at_close,
        )
        for direction, side in book.side.items()
    ]
    found = pd.concat(parts).loc[orders.index]
    found["exit_bar"] += np.where(found["exit_bar"] >= 0, first, 0)
    return found


def compare_settings(book: Book, settings: list[Setting]) -> pd.DataFrame:
    """All trades of all settings, compared; asserts that identical exits earned the same."""
    tables = []
    for setting in settings:
        orders = orders_of(setting, book.side)
        ours, theirs = (results(book, setting, orders) for results in (our_results, their_results))
        compared = compare(orders, ours, theirs, horizon=setting.horizon, exit_sides=book.side)
        assert money_apart(compared, ours, theirs) < MONEY, setting
        level = np.select(
            [ours["reason"] == "STOP", ours["reason"] == "TARGET"],
            [orders["stop"], orders["target"]],
            ours["exit_price"],
        )
        tables.append(
            compared.assign(
                at_close=setting.at_close,
                ambiguous=ours["ambiguous"],
                gapped=ours["exit_price"] != level.astype(np.float32),
            )
        )
    return pd.concat(tables, ignore_index=True)


def must_agree(title: str, compared: pd.DataFrame) -> None:
    """Print the tally, and fail on whatever no rule explains."""
    for at_close, part in compared.groupby("at_close"):
        print(tally(f"\n{title}, entries at the {'close' if at_close else 'next open'}", part))
    both, gapped = (int(compared[name].to_numpy().sum()) for name in ("ambiguous", "gapped"))
    print(
        f"stop and target in one bar, the stop taken: {both:,}; filled at an open beyond: {gapped:,}"
    )
    unexplained = compared[compared["why"] == UNEXPLAINED]
    assert unexplained.empty, unexplained.head().T.to_string()
    assert set(compared["our_reason"]) == {"STOP", "TARGET", "TIME"}
    assert both > 20
    # Of the entries at the close nearly all are the same; of the others all but those that time out.
    why, at_close = compared["why"].to_numpy(), compared["at_close"].to_numpy()
    timed = compared["our_reason"].to_numpy() == "TIME"
    assert (why[at_close] == "").mean() > 0.98
    assert (why[~at_close & ~timed] == "").mean() > 0.98
    assert (why[~at_close & timed] == Rule.NEXT_OPEN.name).mean() > 0.9


@pytest.fixture(scope="module")
def sample() -> Book:
    """Hourly ask bars of 2017 and a constant spread of 1.3 pips."""
    ask = pd.read_csv(sample_path())[["Open", "High", "Low", "Close"]].to_numpy()
    return book({LONG: (ask - 1.3 * PIP).round(POINT_DIGITS), SHORT: ask})


def test_random_exits_on_the_sample(sample: Book):
    rng = np.random.default_rng(1)
    settings = [draw(rng, len(sample.side[LONG])) for _ in range(40)]
    must_agree("EURUSD H1 sample, 40 settings", compare_settings(sample, settings))


@pytest.mark.slow
def test_random_exits_on_twelve_years_with_both_sides_of_the_book(shared_data: Path):
    # Its spread widens to 10 pips and more; each bar opens at the last one's close.
    path = shared_data / "eurusd_h1_bidask_2007_2018.parquet"
    table = pd.read_parquet(path)
    bid, ask = (
        table[[f"{side}_{field}" for field in ("open", "high", "low", "close")]].to_numpy()
        for side in ("bid", "ask")
    )
    bars = book({LONG: bid, SHORT: ask}, f"data.bars={path}", "data.every=1000")
    rng = np.random.default_rng(2)
    settings = [draw(rng, len(table)) for _ in range(100)]
    must_agree("EURUSD H1 2007-2018, 100 settings", compare_settings(bars, settings))


@pytest.mark.slow
def test_random_exits_on_five_years_with_gaps(shared_data: Path):
    # Three of four bars open beside the last one's close, by up to 112 pips over a weekend.
    path = shared_data / "audusd_m15_mid_2020_2025.parquet"
    table = pd.read_parquet(path)
    mid, spread = table[["open", "high", "low", "close"]].to_numpy(), 1.4 * PIP
    bars = book(
        {LONG: mid - spread / 2, SHORT: mid + spread / 2},
        f"data.bars={path}",
        "data.price_side=mid",
        "data.every=1000",
        "costs.spread_pips=1.4",
    )
    rng = np.random.default_rng(3)
    settings = [draw(rng, len(table)) for _ in range(100)]
    compared = compare_settings(bars, settings)
    must_agree("AUDUSD M15 2020-2025, 100 settings", compared)
    assert compared["gapped"].to_numpy().sum() > 30
