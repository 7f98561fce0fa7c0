"""Fixed exits do what their names say, worked out by hand on short charts."""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit.data import Market, Trades
from jaxexit.env import EnvSpec, World, compute_hindsight
from jaxexit.env.types import EXIT, HOLD, PARTIAL, REASONS
from jaxexit.evaluate import TradeResults, run_policy
from jaxexit.policies import (
    CLASSICAL,
    LISTED,
    MASKED_RANDOM,
    ORACLE,
    ListedExits,
    Policy,
    RandomActions,
)
from tests.support.device import Rules, device_params

PIP = 0.0001
HORIZON = 6
# Pips above 1.0: open, high, low, close of each bar; entries at the close of bar 0.
CHART = [
    (0, 0, 0, 0),
    (0, 5, -5, 2),
    (2, 30, -2, 6),  # the high is far above every open and close
    (6, 9, 3, 8),
    (8, 9, 4, 5),
    (5, 6, -12, -9),
    (-9, 0, -10, -4),
]
NAN = float("nan")
MANY = [NAN] * 2000


def world_of(
    targets: list[float],
    *,
    mode: Literal["penalise", "mask"] = "penalise",
    order_fill: Literal["next_open", "bar_close"] = "next_open",
    **rules: float,
) -> tuple[EnvSpec, World]:
    """A long from 1.0 for each target (pips above, nan: none), stops 20 pips below, no spread."""
    count = len(targets)
    prices = 1.0 + PIP * jnp.array(CHART, jnp.float32)
    rows = len(CHART)
    market = Market(
        bid=prices,
        ask=prices,
        features=jnp.zeros((rows, 0)),
        atr=jnp.ones(rows),
        nights=jnp.zeros(rows),
        nights_inside=jnp.zeros(rows),
    )
    trades = Trades(
        entry_bar=jnp.zeros(count, jnp.int32),
        direction=jnp.ones(count),
        entry_price=jnp.ones(count),
        stop=jnp.full(count, 1.0 - 20 * PIP),
        target=1.0 + PIP * jnp.array(targets, jnp.float32),
        given_fill=jnp.full(count, jnp.nan),
    )
    spec = EnvSpec("bar_close", order_fill, mode, features=())
    params = device_params(Rules(max_bars=HORIZON, **rules))  # type: ignore[arg-type]
    hindsight = compute_hindsight(spec, params, market, trades)
    return spec, World(params, market, trades, hindsight, jnp.float32(PIP))


def played(policy: Policy, params, spec: EnvSpec, world: World) -> TradeResults:
    return run_policy(spec, policy, world, params, jax.random.key(0), horizon=HORIZON).results


def pips(results: TradeResults) -> list[float]:
    return (np.asarray(results.net) / PIP).round(1).tolist()


def reasons(results: TradeResults) -> list[str]:
    return [REASONS[reason] for reason in np.asarray(results.reason)]


def test_classical_leaves_at_the_entrys_own_target_and_invents_none() -> None:
    spec, world = world_of([7, NAN, NAN])
    near = jnp.array([20, 20, 10])
    world = world._replace(trades=world.trades._replace(stop=1.0 - PIP * near))
    results = played(CLASSICAL, (), spec, world)
    # Without a target it is the initial stop alone, until the horizon.
    assert reasons(results) == ["TARGET", "TIME", "STOP"]
    assert pips(results) == [7.0, -4.0, -10.0]


def test_the_oracle_is_the_best_market_order_and_a_target_inside_a_bar_can_beat_it() -> None:
    spec, world = world_of([25, 25, 25])
    oracle = played(ORACLE, world.hindsight, spec, world)
    assert pips(oracle) == [8.0] * 3  # the open of bar 4
    assert pips(played(CLASSICAL, (), spec, world)) == [25.0] * 3


@pytest.mark.parametrize(
    ("order_fill", "left_at"),
    [("next_open", [2.0, 8.0, 0.0]), ("bar_close", [2.0, 8.0, 0.0])],
)
def test_listed_leaves_by_the_order_of_its_decision(order_fill, left_at: list[float]) -> None:
    # Decision 1: close of bar 1, open of bar 2; decision 3: close of bar 3, open of bar 4.
    spec, world = world_of([NAN, NAN, NAN], order_fill=order_fill)
    results = played(LISTED, ListedExits(jnp.array([1, 3, 0])), spec, world)
    assert reasons(results) == ["EXIT"] * 3
    assert pips(results) == left_at
    assert np.asarray(results.bars_held).tolist() == [1, 3, 0]


def test_listed_meets_the_entrys_own_target_and_stop_first() -> None:
    spec, world = world_of([7, NAN, 7])
    near = jnp.array([20, 10, 20])
    world = world._replace(trades=world.trades._replace(stop=1.0 - PIP * near))
    results = played(LISTED, ListedExits(jnp.array([4, 5, 0])), spec, world)
    assert reasons(results) == ["TARGET", "STOP", "EXIT"]
    assert pips(results) == [7.0, -10.0, 0.0]


def test_listed_holds_a_trade_without_a_listed_exit_and_ends_at_the_horizon() -> None:
    spec, world = world_of([NAN, NAN, NAN])
    results = played(LISTED, ListedExits(jnp.array([-1, 50, 6])), spec, world)
    assert reasons(results) == ["TIME"] * 3
    assert pips(results) == [-4.0] * 3


MOSTLY_LEAVING = RandomActions(jnp.array([0.1, 0.6, 0.0, 0.0, 0.3], jnp.float32))
GUARDED = {"min_bars_for_exit": 3, "min_profit_for_exit": -1.0, "min_profit_for_partial": -1.0}


def test_random_under_a_mask_attempts_nothing_forbidden() -> None:
    spec, world = world_of(MANY, mode="mask", **GUARDED)
    masked = played(MASKED_RANDOM, MOSTLY_LEAVING, spec, world)
    assert np.asarray(masked.blocked).sum() == 0
    assert np.asarray(masked.actions)[:, [EXIT, PARTIAL]].sum(axis=0).min() > 100
    assert np.asarray(masked.bars_held).min() == 3


def test_random_under_a_mask_draws_the_valid_actions_in_proportion() -> None:
    # At decision 1 EXIT is forbidden: HOLD 0.1 and PARTIAL 0.3 become 1/4 and 3/4.
    spec, world = world_of(MANY, mode="mask", **GUARDED)
    world = world._replace(
        params=world.params._replace(orders=world.params.orders._replace(max_bars=jnp.int32(2)))
    )
    actions = np.asarray(played(MASKED_RANDOM, MOSTLY_LEAVING, spec, world).actions)
    assert actions[:, PARTIAL].mean() == pytest.approx(0.75, abs=0.03)
    assert actions[:, EXIT].sum() == 0


def test_random_without_a_valid_action_to_draw_holds() -> None:
    spec, world = world_of(MANY, mode="mask", **GUARDED)
    only_exit = RandomActions(jnp.array([0.0, 1.0, 0.0, 0.0, 0.0], jnp.float32))
    results = played(MASKED_RANDOM, only_exit, spec, world)
    assert (np.asarray(results.actions)[:, HOLD] == 3).all()
    assert (np.asarray(results.bars_held) == 3).all()
