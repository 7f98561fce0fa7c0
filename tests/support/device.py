"""A reference case put on the device and played through the environment's own `step`."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxexit.config import trading as config
from jaxexit.data.bars import Bars
from jaxexit.data.detail import Detail, packed, unresolved
from jaxexit.data.types import Market, Trades
from jaxexit.env import EnvParams, EnvSpec, Order, World, compute_hindsight, reset, situation, step
from jaxexit.env.params import scalars
from jaxexit.env.types import Costs, Guards, MoreCosts, Orders, RewardWeights
from jaxexit.truth.reference.records import Bar, Rules

from .markets import Case

LONGEST = 8  # bars: cases are padded to this horizon, so that each structure compiles once
ROWS = LONGEST + 3
FINER = 12  # finer bars in a bar, at most
PIP = 1e-4


def device_params(rules: Rules, *, more: bool = False) -> EnvParams:
    """The reference's rules as the environment's traced numbers; `more`: with `MoreCosts`."""

    def real(*names: str) -> dict[str, Any]:
        return {name: np.float32(getattr(rules, name)) for name in names}

    number: Any = np.float32
    return EnvParams(
        costs=Costs(
            commission=number(rules.commission),
            slippage=number(rules.slippage_pips * rules.pip),
            swap_long=number(rules.swap_long_pips * rules.pip),
            swap_short=number(rules.swap_short_pips * rules.pip),
            more=_more_costs(rules) if more else None,
        ),
        orders=Orders(**scalars(rules, config.Env, Orders._fields)),
        guards=Guards(**scalars(rules, config.Guards, Guards._fields)),
        reward=RewardWeights(**real(*RewardWeights._fields)),
    )


def _more_costs(rules: Rules) -> MoreCosts:
    maker = rules.commission if rules.commission_maker is None else rules.commission_maker
    numbers = {name: getattr(rules, name) for name in MoreCosts._fields}
    own: dict[str, Any] = {
        name: np.float32(value) for name, value in (numbers | {"commission_maker": maker}).items()
    }
    return MoreCosts(**own)


def device_detail(bars: Sequence[Bar]) -> Any:
    """The finer bars as the product packs them, always of one width, so that it compiles once."""

    def both(many: Sequence[Bar]) -> Any:
        return np.array([[bar.bid, bar.ask] for bar in many])

    whole = both(bars)
    made = Bars(
        where="made",
        times=np.arange(len(bars)).astype("datetime64[h]").astype("datetime64[ns]"),
        bid=whole[:, 0],
        ask=whole[:, 1],
        pip=PIP,
        table=pd.DataFrame(),
        origin="made",
        widened=0,
    )
    finer = [(row, part) for row, bar in enumerate(bars) for part in bar.finer]
    if not finer:
        return unresolved(made.bid, made.ask, FINER)
    prices = both([part for _, part in finer])[:, :, :3]
    rows = np.array([row for row, _ in finer])
    found = packed(Detail(rows, prices, "", {}), made)
    last = np.repeat(found[..., -1:], FINER - found.shape[3], axis=3)
    return np.concatenate([found, last], axis=3)


def device_world(case: Case, *, more: bool = False, detail: bool = False) -> tuple[EnvSpec, World]:
    """The case as a world of one trade, its bars padded with copies of the last."""
    rules, trade = case.rules, case.trade
    spec = EnvSpec(rules.entry_fill, rules.order_fill, "penalise", features=())
    bars = [*case.bars, *[case.bars[-1]] * (ROWS - len(case.bars))]
    array: Any = np.array
    market = Market(
        bid=array([bar.bid for bar in bars], np.float32),
        ask=array([bar.ask for bar in bars], np.float32),
        features=array(np.zeros((ROWS, 0), np.float32)),
        atr=array(np.ones(ROWS, np.float32)),
        nights=array([bar.nights for bar in bars], np.float32),
        nights_inside=array([bar.nights_inside for bar in bars], np.float32),
        carry=array([bar.carry for bar in bars], np.float32) if more else None,
        carry_inside=array([bar.carry_inside for bar in bars], np.float32) if more else None,
        flat=array([bar.flat for bar in bars]) if more else None,
        detail=device_detail(bars) if detail else None,
    )
    target = np.nan if trade.target is None else trade.target
    given_fill = np.nan if trade.given_fill is None else trade.given_fill
    trades = Trades(
        entry_bar=array([trade.entry_bar], np.int32),
        direction=array([trade.direction], np.float32),
        entry_price=array([trade.entry_price], np.float32),
        stop=array([trade.stop], np.float32),
        target=array([target], np.float32),
        given_fill=array([given_fill], np.float32),
        inside_bar=array([trade.inside_bar]) if more else None,
    )
    params = device_params(rules, more=more)
    hindsight = compute_hindsight(spec, params, market, trades)
    return spec, World(params, market, trades, hindsight, array(rules.pip, np.float32))


def device_orders(case: Case) -> Order:
    """The case's orders, [LONGEST] each, in the environment's long form."""
    direction = case.trade.direction
    given = [*case.orders, *[case.orders[-1]] * (LONGEST - len(case.orders))]
    stops = [-np.inf if order.stop is None else direction * order.stop for order in given]
    targets = [np.inf if order.target is None else direction * order.target for order in given]
    array: Any = np.array
    return Order(
        action=array([order.action for order in given], np.int32),
        stop=array(stops, np.float32),
        target=array(targets, np.float32),
    )


def _play(spec: EnvSpec, world: World, orders: Order):
    state = reset(spec, world.params, world.market, world.trades, jnp.int32(0))

    def decide(state, order):
        now = situation(spec, world.params, world.trades, state)
        after, outcome = step(spec, world, state, order)
        return after, (now, outcome, after)

    return jax.lax.scan(decide, state, orders)[1]


_play_compiled = jax.jit(_play, static_argnames="spec")


def play(spec: EnvSpec, world: World, orders: Order):
    """(situations, outcomes, states after), each stacked over LONGEST decisions; on the host.

    A test reads hundreds of single numbers, and each would be a computation on the device.
    """
    return jax.device_get(_play_compiled(spec, world, orders))


@partial(jax.jit, static_argnames="spec")
def play_batch(spec: EnvSpec, worlds: World, orders: Order):
    """The same for a batch of worlds (every leaf with a leading dimension)."""
    return jax.vmap(partial(_play, spec))(worlds, orders)
