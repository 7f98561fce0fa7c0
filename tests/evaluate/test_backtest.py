"""The backtest plays each trade once, through the env's own step, and reports money only."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from jaxexit.config import load_experiment
from jaxexit.data import load_dataset
from jaxexit.env import ACTIONS
from jaxexit.evaluate import Backtest, guard_table, run_policy
from jaxexit.lab.training import learned_policy
from jaxexit.policies import (
    ATR_TRAILING,
    CLASSICAL,
    DEFAULT_PARAMS,
    FIXED_TIME,
    HOLD_TO_HORIZON,
    LEAVE_AT_ONCE,
    ORACLE,
    RANDOM,
    RandomActions,
    initial_params,
    network_spec,
)


@pytest.fixture(scope="module")
def backtest() -> Backtest:
    # Every 7th bar keeps it short; slippage off, so that a fill's price is the market's.
    experiment = load_experiment("v1_baseline", ["data.every=7"])
    return Backtest(experiment, load_dataset(experiment), "test")


def values(table: pd.DataFrame, name: str, where: np.ndarray | None = None) -> np.ndarray:
    """A column as an array, of the rows `where` something holds."""
    column = np.asarray(table[name])
    return column if where is None else column[where]


def ended_by(table: pd.DataFrame, reason: str) -> np.ndarray:
    return values(table, "exit_reason") == reason


def play(backtest: Backtest, policy) -> pd.DataFrame:
    return backtest.play(policy, DEFAULT_PARAMS[policy]).table


def test_leaving_at_once_earns_nothing_and_costs_the_spread(backtest: Backtest) -> None:
    table = play(backtest, LEAVE_AT_ONCE)
    assert ended_by(table, "EXIT").all()
    assert (values(table, "bars_held") == 0).all()
    np.testing.assert_allclose(table["gross_pips"], 0.0, atol=2e-3)
    np.testing.assert_allclose(table["net_pips"], -1.3, atol=2e-3)
    np.testing.assert_allclose(table["spread_pips"], 1.3, atol=2e-3)


def test_holding_ends_by_the_first_stop_or_the_horizon(backtest: Backtest) -> None:
    table = play(backtest, HOLD_TO_HORIZON)
    assert set(table["exit_reason"]) <= {"STOP", "TIME"}
    assert (values(table, "bars_held", ended_by(table, "TIME")) == 200).all()
    stopped = values(table, "net_r", ended_by(table, "STOP"))
    # A stop loses its planned risk, but for gaps at the entry (either way) and through the stop.
    assert np.median(stopped) == pytest.approx(-1.0, abs=0.01)
    assert (np.abs(stopped + 1.0) < 0.1).mean() > 0.9


def test_fixed_time_leaves_at_its_bar_unless_stopped_before(backtest: Backtest) -> None:
    table = play(backtest, FIXED_TIME)
    left = values(table, "bars_held", ended_by(table, "EXIT"))
    assert len(left) > 10
    assert (left == 24).all()
    assert (values(table, "bars_held", ended_by(table, "STOP")) <= 24).all()


def test_entries_at_every_bar_have_no_target_and_classical_invents_none(
    backtest: Backtest,
) -> None:
    """The initial stop alone: the same as holding."""
    classical, holding = play(backtest, CLASSICAL), play(backtest, HOLD_TO_HORIZON)
    pd.testing.assert_frame_equal(classical, holding)


def test_the_oracle_is_above_every_policy_that_uses_market_orders_and_stops(
    backtest: Backtest,
) -> None:
    oracle = backtest.play(ORACLE, backtest.world.hindsight).table
    for policy in (LEAVE_AT_ONCE, HOLD_TO_HORIZON, FIXED_TIME, ATR_TRAILING):
        assert (
            values(oracle, "net_pips") >= values(play(backtest, policy), "net_pips") - 1e-2
        ).all()


def test_net_is_what_the_recorded_fills_paid(backtest: Backtest) -> None:
    """Money worked out again from the fills' own prices, in float64."""
    even = RandomActions(jnp.full(5, 0.2))
    table, _, records, *_ = backtest.play(RANDOM, even, record=True)
    assert records is not None
    pip = backtest.dataset.unit.size
    for trade in table.to_dict("records"):
        fills = trade["fills"]
        assert sum(fill["size"] for fill in fills) == pytest.approx(1.0)
        assert fills[-1]["reason"] == trade["exit_reason"]
        gained = sum(
            fill["size"] * trade["direction"] * (fill["price"] - trade["entry_fill"])
            for fill in fills
        )
        assert gained / pip == pytest.approx(trade["net_pips"], abs=0.01)
    assert max(len(fills) for fills in table["fills"]) == 2  # a partial close and the rest


def test_marked_to_market_every_pip_is_counted_once_on_the_bar_that_earned_it(
    backtest: Backtest,
) -> None:
    """Worth of all open trades at every bar's close, worked out again from fills and bars in float64."""
    table, marks, records, *_ = backtest.play(RANDOM, RandomActions(jnp.full(5, 0.2)), record=True)
    assert records is not None
    assert marks.sum() == pytest.approx(table["net_pips"].sum(), abs=0.5)
    bid = np.asarray(backtest.dataset.market.bid, float)
    ask = np.asarray(backtest.dataset.market.ask, float)
    worth = np.zeros(len(backtest.dataset.times))
    entries = np.asarray(backtest.world.trades.entry_bar)
    for trade, entered in zip(table.to_dict("records"), entries, strict=True):
        side, open_size, realised = bid if trade["direction"] > 0 else ask, 1.0, 0.0
        fills = list(trade["fills"])
        last = fills[-1]["bar"]
        for bar in range(entered + 1, last + 1):
            for fill in (fill for fill in fills if fill["bar"] == bar):
                open_size -= fill["size"]
                realised += fill["size"] * (fill["price"] - trade["entry_fill"])
            marked = realised + open_size * (side[bar, 3] - trade["entry_fill"])
            worth[bar] += trade["direction"] * marked / backtest.dataset.unit.size
        worth[last + 1 :] += trade["direction"] * realised / backtest.dataset.unit.size
    equity = marks.cumsum().to_numpy()
    first = int(entries.min())
    np.testing.assert_allclose(equity, worth[first : first + len(equity)], atol=0.5)


def test_every_trade_is_played_once_and_no_result_depends_on_its_neighbours(
    backtest: Backtest,
) -> None:
    table = play(backtest, ATR_TRAILING)
    assert len(table) == len(backtest.world.trades.entry_bar)
    assert len(set(values(table, "trade_id"))) == len(table)
    few = Backtest.__new__(Backtest)
    few.__dict__.update(backtest.__dict__)
    keep = np.arange(0, len(table), 5)
    trades, hindsight = jax.tree.map(
        lambda leaf: leaf[keep], (backtest.world.trades, backtest.world.hindsight)
    )
    few.world = backtest.world._replace(trades=trades, hindsight=hindsight)
    few.dataset = type(backtest.dataset)(
        **{
            **backtest.dataset.__dict__,
            "splits": {"test": trades},
            "tables": {"test": backtest.dataset.tables["test"].iloc[keep]},
        }
    )
    alone = few.play(ATR_TRAILING, DEFAULT_PARAMS[ATR_TRAILING]).table
    np.testing.assert_array_equal(alone["net_pips"], table["net_pips"].to_numpy()[keep])


def test_every_usual_policy_plays_every_split_in_one_program(backtest: Backtest) -> None:
    """Which policy acts, how many trades there are, and whether rows are kept: data, not programs."""
    few = load_experiment("v1_baseline", ["data.every=7"])
    even = RandomActions(jnp.full(5, 0.2))
    play(backtest, LEAVE_AT_ONCE)
    compiled: list[str] = []

    def listen(event: str, duration_secs: float, **facts: str | int) -> None:
        if event.endswith("backend_compile_duration"):
            compiled.append(str(facts["fun_name"]))

    jax.monitoring.register_event_duration_secs_listener(listen)
    for split in backtest.dataset.splits:
        own = Backtest(few, backtest.dataset, split)
        for policy, params in DEFAULT_PARAMS.items():
            own.play(policy, params)
        own.play(RANDOM, even, record=True)
        own.play(ORACLE, own.world.hindsight)
        own.score(learned_policy(few), initial_params(network_spec(few.network), 32, [0]))
    assert [name for name in compiled if "play_bars" in name] == []


def test_trades_that_wait_for_a_lane_are_played_like_those_that_do_not(backtest: Backtest) -> None:
    """The same actions, fills and rows in 7 lanes, one after the other, as all at once."""
    even = RandomActions(jnp.full(5, 0.2))
    count = len(backtest.world.trades.entry_bar)
    few, all_at_once = (
        run_policy(
            backtest.spec,
            RANDOM,
            backtest.world,
            even,
            jax.random.key(0),
            horizon=backtest.horizon,
            record=True,
            lanes=lanes,
        )
        for lanes in (7, count)
    )
    for name in ("results", "records"):
        pairs = zip(
            *map(jax.tree.leaves, (getattr(few, name), getattr(all_at_once, name))), strict=True
        )
        for one, other in pairs:
            np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(few.marks, all_at_once.marks, atol=1e-3)  # summed in another order


def test_guard_statistics_account_for_every_decision(backtest: Backtest) -> None:
    even = RandomActions(jnp.full(5, 0.2))
    table, _, records, *_ = backtest.play(RANDOM, even, record=True)
    assert records is not None
    stats = guard_table(records)
    for action in ACTIONS:
        own, blocked = values(stats, "action") == action, values(stats, "blocked").astype(bool)
        attempts = values(table, f"chosen_{action}").sum()
        assert values(stats, "count", own).sum() == attempts
        assert (
            values(stats, "count", own & blocked).sum() == values(table, f"blocked_{action}").sum()
        )
    assert not values(stats, "blocked", values(stats, "action") == "HOLD").any()
    early = (values(stats, "action") == "PARTIAL") & (values(stats, "k") == 0)
    assert values(stats, "blocked", early).all()
    assert all("min_bars" in rules for rules in values(stats, "rules", early))


def test_classical_policy_repeats_the_strategys_own_exits(shared_data) -> None:
    """The built-in strategy's list and the env's step agree on every exit, at zero spread."""
    experiment = load_experiment(
        "v1_baseline",
        [
            f"data.bars={shared_data / 'audusd_m15_bid_2022h1.parquet'}",
            "data.price_side=mid",
            "data.entries=ema_bb",
            "costs.spread_pips=0",
            "env.entry_fill=bar_close",
        ],
    )
    dataset = load_dataset(experiment)
    compared = 0
    for split in dataset.splits:
        backtest = Backtest(experiment, dataset, split)
        table = backtest.play(CLASSICAL, DEFAULT_PARAMS[CLASSICAL]).table
        own = {"STOP": "SL", "TARGET": "TP"}
        reasons = [own[reason] for reason in values(table, "exit_reason")]
        assert reasons == values(table, "source_exit_reason").tolist()
        listed = pd.to_datetime(table["source_exit_time"], utc=True)
        assert values(table, "exit_time").tolist() == listed.tolist()
        compared += len(table)
    assert compared > 170  # the rest of the 196 cross the end of a split
