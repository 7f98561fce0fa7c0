"""The state of a trade at decision 0, and what may be known of it at each decision."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxexit.data.types import Market, Trades
from jaxexit.env.book import initial_risk, market_net, quote
from jaxexit.env.types import HOLD, EnvParams, EnvSpec, EnvState, Situation

Array = jax.Array

LONG_AGO = -(2**20)  # bars: "never yet", far enough, and no difference overflows


def reset(
    spec: EnvSpec, params: EnvParams, market: Market, trades: Trades, trade: Array
) -> EnvState:
    """The state of trade number `trade` at decision 0. Nothing of an earlier trade is in it."""
    direction = trades.direction[trade]
    entry = direction * trades.entry_price[trade]
    now = quote(market, trades.entry_bar[trade], direction)
    profit = jnp.float32(0.0)
    if not spec.enters_next_bar:
        profit = market_net(params.costs, now.close, entry)
    return EnvState(
        trade=jnp.asarray(trade, jnp.int32),
        k=jnp.int32(0),
        entry=entry,
        entry_half_spread=entry - 0.5 * (now.close + now.entry_close),
        stop=direction * trades.stop[trade],
        close=now.close,
        remaining=jnp.float32(1.0),
        partials_used=jnp.int32(0),
        last_action=jnp.int32(HOLD),
        last_tighten=jnp.int32(LONG_AGO),
        mfe=profit,
        mae=profit,
        realised=jnp.float32(0.0),
    )


def situation(spec: EnvSpec, params: EnvParams, trades: Trades, state: EnvState) -> Situation:
    """Everything that may be known at the state's decision."""
    profit = market_net(params.costs, state.close, state.entry, state.remaining)
    if spec.enters_next_bar:
        # At decision 0 nothing has been filled: there is no result yet, not even the spread's loss.
        profit = jnp.where(state.k == 0, 0.0, profit)
    entry_bar = trades.entry_bar[state.trade]
    direction = trades.direction[state.trade]
    return Situation(
        trade=state.trade,
        k=state.k,
        bar=entry_bar + state.k,
        entry_bar=entry_bar,
        direction=direction,
        entry=state.entry,
        stop=state.stop,
        target=direction * trades.target[state.trade],
        risk=initial_risk(trades, state.trade),
        close=state.close,
        profit=profit,
        mfe=state.mfe,
        mae=state.mae,
        remaining=state.remaining,
        partials_used=state.partials_used,
        last_action=state.last_action,
        bars_since_tighten=state.k - state.last_tighten,
    )
