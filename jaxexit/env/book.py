"""Prices, fills and what a fill costs: the only place where a price becomes money.

Everything here is in long form (see `env.types`). Every stop of the package, in training, backtest,
baseline, audit and live use, is filled by `fill_stop`.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxexit.data.types import Market, Trades
from jaxexit.env.types import Costs, EnvSpec

Array = jax.Array


class Quote(NamedTuple):
    """One bar as the owner of a position sees it, long form. Scalars."""

    open: Array  # exit side
    high: Array
    low: Array
    close: Array
    entry_open: Array  # entry side
    entry_close: Array
    half_spread_open: Array  # price units
    half_spread_close: Array


def quote(market: Market, bar: Array, direction: Array) -> Quote:
    """Bar `bar` on the exit and entry side: bid and ask for a long, negated ask and bid for a short."""
    bid, ask = market.bid[bar], market.ask[bar]
    is_long = direction > 0
    return Quote(
        open=jnp.where(is_long, bid[0], -ask[0]),
        high=jnp.where(is_long, bid[1], -ask[2]),
        low=jnp.where(is_long, bid[2], -ask[1]),
        close=jnp.where(is_long, bid[3], -ask[3]),
        entry_open=jnp.where(is_long, ask[0], -bid[0]),
        entry_close=jnp.where(is_long, ask[3], -bid[3]),
        half_spread_open=0.5 * (ask[0] - bid[0]),
        half_spread_close=0.5 * (ask[3] - bid[3]),
    )


def fill_stop(stop: Array, open: Array, low: Array) -> tuple[Array, Array]:
    """Whether and where a resting stop fills in a bar, before slippage.

    A bar that opens at or beyond the stop fills at its **open**: the market never traded at the stop,
    and the gap is the trader's loss. Otherwise a bar that reaches the stop fills at the stop.

    Returns:
        (filled, price): bool and long-form price; the price means nothing where not filled.
    """
    return (open <= stop) | (low <= stop), jnp.minimum(open, stop)


def fill_target(target: Array, open: Array, high: Array) -> tuple[Array, Array]:
    """Whether and where a resting limit order fills in a bar: at its limit, or at a better open.

    The caller gives the stop precedence.
    """
    return high >= target, jnp.maximum(open, target)


def commission_fraction(costs: Costs, price: Array, entry: Array) -> Array:
    """Commission of both sides for one unit closed at `price`, as a fraction of the entry price."""
    return costs.commission * (1.0 + price / entry)


def net_fraction(costs: Costs, price: Array, entry: Array) -> Array:
    """Net result of one unit opened at `entry` and closed at `price` (after slippage).

    A fraction of the entry price, spread (in the prices) and commission of both sides paid; swap is
    charged where it is crossed, by `swap_fraction`.
    """
    return (price - entry) / jnp.abs(entry) - commission_fraction(costs, price, entry)


def market_net(costs: Costs, price: Array, entry: Array) -> Array:
    """Net result of one unit closed by a market order while the book shows `price`."""
    return net_fraction(costs, price - costs.slippage, entry)


def late_entry(spec: EnvSpec, bar: Quote, trades: Trades, trade: Array) -> tuple[Array, Array]:
    """The fill of an entry that comes into being after decision 0 (`spec.opens_late`).

    No situation of decision 0 may show it. Entries are not slipped.

    Args:
        spec: static structure.
        bar: bar e+1 of the trade.
        trades: all trades.
        trade: the row.

    Returns:
        (long-form price, price units paid over the middle of the book).
    """
    if spec.entry_fill == "next_open":
        return bar.entry_open, bar.half_spread_open
    price = trades.direction[trade] * trades.given_fill[trade]
    return price, price - 0.5 * (bar.open + bar.entry_open)


def swap_fraction(costs: Costs, nights: Array, direction: Array, entry: Array) -> Array:
    """Swap charged for one unit held over `nights` weighted rollovers, as a fraction of the entry price."""
    rate = jnp.where(direction > 0, costs.swap_long, costs.swap_short)
    return nights * rate / jnp.abs(entry)
