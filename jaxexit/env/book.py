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
from jaxexit.units import base_of

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


class Touched(NamedTuple):
    """The part of a bar that a resting stop or limit meets, long form. Scalars."""

    open: Array  # exit side
    high: Array
    low: Array


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


def first_touched(
    detail: Array, bar: Array, direction: Array, stop: Array, target: Array
) -> Touched:
    """The first of a bar's finer bars that reaches a level; the first of all where none does.

    What fills, and where, `fill_stop` and `fill_target` say of that one.

    Args:
        detail: `Market.detail`.
        bar: row of the market.
        direction: +1 or -1.
        stop: long-form price.
        target: long-form price, +inf for none.
    """
    bid, ask = detail[bar]  # [3, m] each
    is_long = direction > 0
    opens = jnp.where(is_long, bid[0], -ask[0])
    highs = jnp.where(is_long, bid[1], -ask[2])
    lows = jnp.where(is_long, bid[2], -ask[1])
    reached = fill_stop(stop, opens, lows)[0] | fill_target(target, opens, highs)[0]
    first = jnp.argmax(reached)
    return Touched(opens[first], highs[first], lows[first])


def commission_fraction(
    costs: Costs,
    price: Array,
    entry: Array,
    size: Array | float = 1.0,
    limit: Array | bool = False,
) -> Array:
    """Commission of both sides for one unit closed at `price`, as a fraction of the entry price.

    Args:
        costs: the numbers.
        price: of the close, after slippage.
        entry: of the entry.
        size: share of the position that the closing order closes: a minimum is paid by order.
        limit: whether a resting limit closes it.
    """
    more = costs.more
    if more is None:
        return costs.commission * (1.0 + price / entry)
    whole, least = jnp.abs(entry), more.commission_minimum
    rate = jnp.where(limit, more.commission_maker, costs.commission)
    opened = jnp.maximum(costs.commission * whole + more.commission_fixed, least)
    closed = rate * jnp.abs(price) + more.commission_fixed
    closed = jnp.maximum(closed, jnp.where(size > 0, least / jnp.where(size > 0, size, 1.0), 0.0))
    return (opened + closed) / whole


def net_fraction(
    costs: Costs,
    price: Array,
    entry: Array,
    size: Array | float = 1.0,
    limit: Array | bool = False,
) -> Array:
    """Net result of one unit opened at `entry` and closed at `price` (after slippage).

    A fraction of the entry price, spread (in the prices) and commission of both sides paid; swap is
    charged where it is crossed, by `holding_fractions`. Arguments as of `commission_fraction`.
    """
    commission = commission_fraction(costs, price, entry, size, limit)
    return (price - entry) / jnp.abs(entry) - commission


def slippage(costs: Costs, price: Array) -> Array:
    """Price units that a market order or a stop loses at `price`."""
    if costs.more is None:
        return costs.slippage
    return costs.slippage + costs.more.slippage_fraction * jnp.abs(price)


def market_net(costs: Costs, price: Array, entry: Array, size: Array | float = 1.0) -> Array:
    """Net result of one unit closed by a market order, of `size`, while the book shows `price`."""
    return net_fraction(costs, price - slippage(costs, price), entry, size)


def late_entry(spec: EnvSpec, bar: Quote, trades: Trades, trade: Array) -> tuple[Array, Array]:
    """The fill of an entry after decision 0 (`spec.enters_next_bar`).

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


def holding_fractions(
    costs: Costs, market: Market, bar: Array, direction: Array, entry: Array
) -> tuple[Array, Array]:
    """What holding one unit costs, as fractions of the entry price: swap, funding and borrowing.

    Returns:
        Between the end of the bar before and the open of `bar`, and inside `bar`.
    """
    rate = jnp.where(direction > 0, costs.swap_long, costs.swap_short)
    crossed = market.nights[bar] * rate / jnp.abs(entry)
    inside = market.nights_inside[bar] * rate / jnp.abs(entry)
    if costs.more is not None:
        more = costs.more
        nightly = jnp.where(direction > 0, more.swap_long_fraction, more.swap_short_fraction)
        crossed += market.nights[bar] * nightly
        inside += market.nights_inside[bar] * nightly
    if market.carry is not None and market.carry_inside is not None:
        side = jnp.where(direction > 0, 0, 1)
        notional = 0.5 * (market.bid[bar, 0] + market.ask[bar, 0]) / jnp.abs(entry)
        crossed += market.carry[bar, side] * notional
        inside += market.carry_inside[bar, side] * notional
    return crossed, inside


def in_units(spec: EnvSpec, unit: Array, fraction: Array, entry: Array, risk: Array) -> Array:
    """A fraction of the entry price in the unit of results.

    Args:
        spec: names the unit.
        unit: `World.unit`.
        fraction: of the entry price, any shape.
        entry: price of the entry, of either sign, the same shape.
        risk: distance of the initial stop, price units, the same shape.
    """
    base = base_of(spec.unit)
    if base == "price":
        return fraction * jnp.abs(entry) / unit
    if base == "entry":
        return fraction / unit
    return fraction * jnp.abs(entry) / risk


def initial_risk(trades: Trades, trade: Array) -> Array:
    """One R of a trade: the distance from its entry to its initial stop, price units."""
    return jnp.abs(trades.entry_price[trade] - trades.stop[trade])
