"""The two tables that live on the device: the bars of a market, and the trades entered in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # annotations only: reading a file must not wait for jax to start
    import jax

OPEN, HIGH, LOW, CLOSE = range(4)  # columns of `Market.bid` and `Market.ask`


class Market(NamedTuple):
    """T bars of both sides of the book, and what is derived from them. All float32."""

    bid: jax.Array  # [T, 4] open, high, low, close; price in quote currency
    ask: jax.Array  # [T, 4]
    features: jax.Array  # [T, F] raw facts of a bar's close, finite; see `data.features`
    atr: jax.Array  # [T] ATR 14 (TA-Lib, mid) in price units; 0 before it is defined
    nights: jax.Array  # [T] swap-weighted 17:00 New York rollovers in (time[t-1], time[t]]


class Trades(NamedTuple):
    """N trades: only what is known at decision 0, the close of the entry bar."""

    entry_bar: jax.Array  # [N] int32, row of `Market`
    direction: jax.Array  # [N] float32, +1 long, -1 short
    entry_price: jax.Array  # [N] float32: entry-side close of the entry bar, or the given price
    stop: jax.Array  # [N] float32: initial stop, on the losing side of `entry_price`
    target: jax.Array  # [N] float32: the entry's own target, nan where it has none
