"""The two tables that live on the device: the bars of a market, and the trades entered in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:  # annotations only: reading a file must not wait for jax to start
    import jax

OPEN, HIGH, LOW, CLOSE = range(4)  # columns of `Market.bid` and `Market.ask`


class Market(NamedTuple):
    """T bars of both sides of the book, and what is derived from them. All float32."""

    bid: jax.Array  # [T, 4] open, high, low, close; price in quote currency
    ask: jax.Array  # [T, 4]
    features: jax.Array  # [T, F] raw facts of a bar's close, finite; see `data.features`
    atr: jax.Array  # [T] ATR 14 (TA-Lib, mid) in price units; 0 before it is defined
    nights: jax.Array  # [T] swap-weighted rollovers between the last bar's close and this open
    nights_inside: jax.Array  # [T] the same strictly inside the bar; 0 on bars of an hour or less
    # [T, 2] fractions of notional that a long and a short pay between the last bar's end and this open, and
    # inside the bar: funding and borrowing. None where neither costs anything.
    carry: jax.Array | None = None
    carry_inside: jax.Array | None = None
    # [T] bool: what is open is closed at this bar's close, before the market shuts. None: nothing ever is.
    flat: jax.Array | None = None
    # [T, 2, 3, m] the finer bars inside each bar, in order: bid and ask; open, high, low. The last is
    # repeated up to m, a bar without any is its own. No observation reads them. None: no bar is looked into.
    detail: jax.Array | None = None


class Trades(NamedTuple):
    """N trades: what is known at decision 0, the close of the entry bar; and a fill that is not."""

    entry_bar: jax.Array  # [N] int32, row of `Market`
    direction: jax.Array  # [N] float32, +1 long, -1 short
    entry_price: (
        jax.Array
    )  # [N] float32: entry-side close of the entry bar, or the price given there
    stop: jax.Array  # [N] float32: initial stop, on the losing side of `entry_price`
    target: jax.Array  # [N] float32: the entry's own target, nan where it has none
    # [N] float32: the file's price of a fill at the open of the next bar, else nan. Unknown at decision 0:
    # only the fill itself and hindsight read it.
    given_fill: jax.Array
    # [N] bool: the fill lay inside the next bar, so that a target which that bar reached may have been
    # touched before it. None: no fill does.
    inside_bar: jax.Array | None = None


def assert_market(market: Market) -> None:
    """Assert the shapes and types of `Market`, when it is made or traced: nothing is computed."""
    import chex

    bars = market.bid.shape[0]
    chex.assert_shape([market.bid, market.ask], (bars, 4))
    chex.assert_shape(market.features, (bars, None))
    chex.assert_shape([market.atr, market.nights, market.nights_inside], (bars,))
    chex.assert_type([market.bid, market.ask, market.features, market.atr, market.nights], float)
    if market.carry is not None:
        chex.assert_shape([market.carry, market.carry_inside], (bars, 2))
    if market.flat is not None:
        chex.assert_shape(market.flat, (bars,))
        chex.assert_type(market.flat, bool)
    if market.detail is not None:
        chex.assert_shape(market.detail, (bars, 2, 3, None))
        chex.assert_type(market.detail, float)


def assert_trades(trades: Trades) -> None:
    """Assert the shapes and types of `Trades`, when they are made or traced: nothing is computed."""
    import chex

    given = [leaf for leaf in trades if leaf is not None]
    chex.assert_rank(given, 1)
    chex.assert_equal_shape(given)
    chex.assert_type(trades.entry_bar, int)
    chex.assert_type([trades.direction, trades.entry_price, trades.stop, trades.target], float)


def padded_size(trades: int) -> int:
    """Trades to pad a list to: a power of two, so that lists of nearly equal length share a program."""
    return 1 << max(6, (trades - 1).bit_length())


def padded(tree: Any, size: int) -> Any:
    """Leaves [N, ...] as host arrays [size, ...], zeros behind the last trade."""
    import jax

    def pad(leaf: Any) -> np.ndarray:
        host = np.asarray(leaf)
        return np.concatenate([host, np.zeros((size - len(host), *host.shape[1:]), host.dtype)])

    return jax.tree.map(pad, tree)
