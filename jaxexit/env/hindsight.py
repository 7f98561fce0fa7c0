"""Hindsight: the best result that one market order could have had. For the reward and the oracle only.

With orders filled at the next open, no sequence of market orders and moved stops earns more on the same
trade: a stop fills no better than the open of its bar, and there a market order would have been filled. A
resting target can earn more, since it fills inside a bar; the learned policy has none.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from jaxexit.data.types import Market, Trades
from jaxexit.env.book import fill_stop, holding_fractions, late_entry, market_net, quote
from jaxexit.env.types import EnvParams, EnvSpec, Hindsight

Array = jax.Array


def _best_of_one(
    spec: EnvSpec, params: EnvParams, market: Market, trades: Trades, trade: Array
) -> Hindsight:
    costs, horizon = params.costs, params.orders.max_bars
    entry_bar, direction = trades.entry_bar[trade], trades.direction[trade]
    stop = direction * trades.stop[trade]
    entry = direction * trades.entry_price[trade]
    if spec.enters_next_bar:
        entry, _ = late_entry(spec, quote(market, entry_bar + 1, direction), trades, trade)

    def decision(k: Array, carry: tuple[Array, Array, Array, Array]):
        alive, swap, best_net, best_decision = carry
        bar = quote(market, entry_bar + k + 1, direction)
        crossed, inside = holding_fractions(costs, market, entry_bar + k + 1, direction, entry)
        fills_now = (k == 0) & spec.enters_next_bar
        swap_at_open = swap + jnp.where(fills_now, 0.0, crossed)
        price, paid = bar.open, swap_at_open
        if spec.order_fill == "bar_close":
            close = quote(market, entry_bar + k, direction).close
            price = jnp.where(fills_now, bar.open, close)
            paid = swap
        net = market_net(costs, price, entry) - paid
        better = alive & (net > best_net)
        best_net = jnp.where(better, net, best_net)
        best_decision = jnp.where(better, k, best_decision)
        stopped, _ = fill_stop(stop, bar.open, bar.low)
        alive &= ~stopped
        swap = swap_at_open + inside  # of a trade that is still alive
        if market.flat is not None:  # what is still open is closed here
            flat = market.flat[entry_bar + k + 1]
            net = market_net(costs, bar.close, entry) - swap
            better = alive & flat & (net > best_net)
            best_net = jnp.where(better, net, best_net)
            best_decision = jnp.where(better, horizon, best_decision)
            alive &= ~flat
        return alive, swap, best_net, best_decision

    start = (jnp.bool_(True), jnp.float32(0.0), jnp.float32(-jnp.inf), jnp.int32(0))
    alive, swap, best_net, best_decision = jax.lax.fori_loop(0, horizon, decision, start)
    last = quote(market, entry_bar + horizon, direction).close
    net = market_net(costs, last, entry) - swap
    better = alive & (net > best_net)
    return Hindsight(
        best_net=jnp.where(better, net, best_net),
        best_decision=jnp.where(better, horizon, best_decision),
    )


@partial(jax.jit, static_argnames="spec")
def compute_hindsight(
    spec: EnvSpec, params: EnvParams, market: Market, trades: Trades
) -> Hindsight:
    """Hindsight of every trade. Memory O(trades).

    The best net fraction that one market order for the whole position would have got at any decision
    0..H-1 that is reached before the initial stop fills, or at the horizon's close (decision H) if that
    is reached. Orders after the stop are not counted: nothing would be open.
    """
    each = jnp.arange(trades.entry_bar.shape[0], dtype=jnp.int32)
    return jax.vmap(partial(_best_of_one, spec, params, market, trades))(each)
