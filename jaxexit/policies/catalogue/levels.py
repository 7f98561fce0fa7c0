"""Exits that move the stop or rest a target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxexit.env.types import EXIT, HOLD, PARTIAL, Order
from jaxexit.policies.catalogue.parts import Best, Numbers, exit_if, in_r, met, nothing_met, resting
from jaxexit.policies.types import Policy, View, stateless

Array = jax.Array


class Chandelier(NamedTuple):
    """A stop `multiple` ATRs (14 bars, of now) below the highest high, from `trigger_r` R of it on.

    Le Beau's chandelier exit (Le Beau and Lucas 1992; Elder 2002), the high counted since the entry.
    """

    multiple: Array
    trigger_r: Array


def _chandelier(params: Numbers, best: Best, view: View) -> tuple[Order, Best]:
    numbers, best = params.settings, met(best, view)
    active = in_r(best.high, view) >= numbers.trigger_r
    return resting(stop=jnp.where(active, best.high - numbers.multiple * view.atr, -jnp.inf)), best


class Trailing(NamedTuple):
    """A stop `distance` below the highest high, from `activation` of profit at that high on.

    The trailing stop with an offset of trading platforms. Of `trailing_fixed` both are price units, of
    `trailing_percent` percent of the entry, of `trailing_atr` ATRs (14 bars) of the entry bar.
    """

    activation: Array
    distance: Array


def _price_unit(best: Best, view: View) -> Array:
    del best, view
    return jnp.float32(1.0)


def _percent(best: Best, view: View) -> Array:
    del best
    return 0.01 * jnp.abs(view.now.entry)


def _atr_at_entry(best: Best, view: View) -> Array:
    del view
    return best.atr


def _trailing(unit: Callable[[Best, View], Array]):
    def act(params: Numbers, best: Best, view: View) -> tuple[Order, Best]:
        numbers, best = params.settings, met(best, view)
        one = unit(best, view)
        active = best.high - view.now.entry >= numbers.activation * one
        stop = best.high - numbers.distance * one
        return resting(stop=jnp.where(active, stop, -jnp.inf)), best

    return act


class ParabolicSar(NamedTuple):
    """Wilder's parabolic stop: a factor that grows by `step` with each new high, up to `maximum`.

    Wilder 1978: SAR' = SAR + AF (EP - SAR), never above the lows of the last two bars. It begins at the
    trade's initial stop.
    """

    step: Array
    maximum: Array


class _Sar(NamedTuple):
    level: Array
    high: Array
    factor: Array
    low: Array  # of the bar before


def _sar_begins(params: Any) -> _Sar:
    del params
    return _Sar(*(jnp.float32(value) for value in (-jnp.inf, -jnp.inf, 0.0, jnp.inf)))


def _sar(params: Numbers, sar: _Sar, view: View) -> tuple[Order, _Sar]:
    numbers, now, bar = params.settings, view.now, view.bar
    first = now.k == 0
    higher = bar.high > sar.high
    factor = jnp.where(higher, jnp.minimum(sar.factor + numbers.step, numbers.maximum), sar.factor)
    high = jnp.maximum(sar.high, bar.high)
    level = sar.level + factor * (high - sar.level)
    level = jnp.minimum(level, jnp.minimum(bar.low, sar.low))
    after = _Sar(
        level=jnp.where(first, now.stop, level),
        high=jnp.where(first, now.close, high),
        factor=jnp.where(first, numbers.step, factor),
        low=jnp.where(first, jnp.inf, bar.low),
    )
    return resting(stop=after.level), after


class BreakEvenAfterR(NamedTuple):
    """From a high of `trigger_r` R on, the stop lies `lock_r` R above the entry. Own target."""

    trigger_r: Array
    lock_r: Array


def _break_even_after_r(params: Numbers, best: Best, view: View) -> tuple[Order, Best]:
    numbers, best = params.settings, met(best, view)
    locked = view.now.entry + numbers.lock_r * view.now.risk
    stop = jnp.where(in_r(best.high, view) >= numbers.trigger_r, locked, -jnp.inf)
    return exit_if(jnp.bool_(False), view)._replace(stop=stop), best


class RoiTable(NamedTuple):
    """A target of `start_r` R, half of it after `bars` bars, a quarter after twice as many, then the entry.

    The entry from four times `bars` on. Freqtrade's `minimal_roi`, as a limit order that rests in each bar.
    """

    start_r: Array
    bars: Array  # int32


def _roi_table(params: Numbers, state: Any, view: View) -> tuple[Order, Any]:
    numbers, k = params.settings, view.now.k
    shares = jnp.array([0.0, 0.25, 0.5, 1.0], jnp.float32)
    step = jnp.where(
        k >= 4 * numbers.bars,
        0,
        jnp.where(k >= 2 * numbers.bars, 1, jnp.where(k >= numbers.bars, 2, 3)),
    )
    target = view.now.entry + shares[step] * numbers.start_r * view.now.risk
    return resting(target=target), state


class TargetLadder(NamedTuple):
    """A part (`env.partial_fraction`) at a close of `first_r` R, the rest at `second_r` R more by a limit.

    After the part the stop lies at the entry.
    """

    first_r: Array
    second_r: Array


def _target_ladder(params: Numbers, state: Any, view: View) -> tuple[Order, Any]:
    numbers, now = params.settings, view.now
    first = (in_r(now.close, view) >= numbers.first_r) & (now.partials_used == 0)
    return Order(
        action=jnp.where(first, PARTIAL, HOLD),
        stop=jnp.where(first | (now.partials_used > 0), now.entry, -jnp.inf),
        target=now.entry + (numbers.first_r + numbers.second_r) * now.risk,
    ), state


class TripleBarrier(NamedTuple):
    """A target of `target_r` R, a stop at `stop_r` R (not wider than the entry's own), and out after `bars`.

    Lopez de Prado 2018, chapter 3.
    """

    target_r: Array
    stop_r: Array
    bars: Array  # int32


def _triple_barrier(params: Numbers, state: Any, view: View) -> tuple[Order, Any]:
    numbers, now = params.settings, view.now
    return Order(
        action=jnp.where(now.k >= numbers.bars, EXIT, HOLD),
        stop=now.entry - numbers.stop_r * now.risk,
        target=now.entry + numbers.target_r * now.risk,
    ), state


CHANDELIER = Policy("chandelier", nothing_met, _chandelier)
TRAILING_FIXED = Policy("trailing_fixed", nothing_met, _trailing(_price_unit))
TRAILING_PERCENT = Policy("trailing_percent", nothing_met, _trailing(_percent))
TRAILING_ATR = Policy("trailing_atr", nothing_met, _trailing(_atr_at_entry))
PARABOLIC_SAR = Policy("parabolic_sar", _sar_begins, _sar)
BREAK_EVEN_AFTER_R = Policy("break_even_after_r", nothing_met, _break_even_after_r)
ROI_TABLE = Policy("roi_table", stateless, _roi_table)
TARGET_LADDER = Policy("target_ladder", stateless, _target_ladder)
TRIPLE_BARRIER = Policy("triple_barrier", stateless, _triple_barrier)
