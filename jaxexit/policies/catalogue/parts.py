"""What the exits of the catalogue share."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxexit.env.orders import order_from_action
from jaxexit.env.types import EXIT, HOLD, Order
from jaxexit.policies.types import View

Array = jax.Array


class Columns(NamedTuple):
    """What the bars say at their closes, [T] float32 each: the indicators and clocks of some exits."""

    rsi: Array  # 0..100, 14 bars (Wilder 1978)
    ema_gap: Array  # EMA of 30 bars less EMA of 50, in ATRs
    band_place: Array  # (close - mean) / standard deviation, 20 bars: 2 is Bollinger's upper band
    hour: Array  # New York time of the close since midnight, hours
    day: Array  # its days since 1970
    week_hour: Array  # its hours since Monday 0:00


class Numbers(NamedTuple):
    """The params of a catalogue's policy."""

    settings: Any  # the policy's own NamedTuple of scalars
    columns: Columns


class Best(NamedTuple):
    """The highest price that a position has met, and the ATR at its entry."""

    high: Array
    atr: Array


def nothing_met(params: Any) -> Best:
    """Before the first decision."""
    del params
    return Best(jnp.float32(-jnp.inf), jnp.float32(0.0))


def met(best: Best, view: View) -> Best:
    """The same with the last bar. Of the entry bar only the close was met."""
    first = view.now.k == 0
    high = jnp.where(first, view.now.close, view.bar.high)
    return Best(jnp.maximum(best.high, high), jnp.where(first, view.atr, best.atr))


def resting(*, stop: Array | None = None, target: Array | None = None) -> Order:
    """HOLD with a stop that is asked for, a target, or both."""
    order = order_from_action(jnp.int32(HOLD))
    return order._replace(
        stop=order.stop if stop is None else stop,
        target=order.target if target is None else target,
    )


def exit_if(condition: Array, view: View) -> Order:
    """EXIT at the market where the condition holds; the entry's own stop and target rest."""
    own = view.now.target
    order = order_from_action(jnp.where(condition, EXIT, HOLD))
    return order._replace(target=jnp.where(jnp.isnan(own), jnp.inf, own))


def in_r(price: Array, view: View) -> Array:
    """The profit of a long-form price, in R."""
    return (price - view.now.entry) / view.now.risk
