"""Exits that leave at the market when something has happened; the trade's own stop and target stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxexit.env.types import Order
from jaxexit.policies.catalogue.parts import Best, Columns, Numbers, exit_if, in_r, met, nothing_met
from jaxexit.policies.types import Policy, View, stateless

Array = jax.Array

FRIDAY = 4 * 24.0  # hours since the week began


class TimeStop(NamedTuple):
    """Leave at decision `bars` or later where no high has reached `progress_r` R yet. Own target."""

    bars: Array  # int32
    progress_r: Array


def _time_stop(params: Numbers, best: Best, view: View) -> tuple[Order, Best]:
    numbers, best = params.settings, met(best, view)
    stuck = in_r(best.high, view) < numbers.progress_r
    return exit_if(stuck & (view.now.k >= numbers.bars), view), best


class VolatilityStop(NamedTuple):
    """Leave after a close `multiple` ATRs (of the bar before) below the last one, from `bars` bars on.

    Range expansion against the trade (Kaufman 2013, "volatility stops"). Own target.
    """

    multiple: Array
    bars: Array  # int32


class _Before(NamedTuple):
    close: Array
    atr: Array


def _nothing_before(params: Any) -> _Before:
    del params
    return _Before(jnp.float32(-jnp.inf), jnp.float32(0.0))


def _volatility_stop(params: Numbers, before: _Before, view: View) -> tuple[Order, _Before]:
    numbers, now = params.settings, view.now
    fell = now.close < before.close - numbers.multiple * before.atr
    return exit_if(fell & (now.k >= numbers.bars), view), _Before(now.close, view.atr)


class Reversal(NamedTuple):
    """Leave where an indicator has turned, with at least `least_r` R of profit at the close. Own target.

    `rsi_reversal`: RSI at `level` or above (100 - RSI for a short). `ema_cross`: EMA 30 below EMA 50 by
    `level` ATRs (above, for a short). `band_touch`: close `level` standard deviations beyond the mean in the
    trade's direction.
    """

    level: Array
    least_r: Array


def _reversal(turned: Callable[[Columns, Array, View], Array]):
    def act(params: Numbers, state: Any, view: View) -> tuple[Order, Any]:
        numbers = params.settings
        far = turned(params.columns, numbers.level, view)
        return exit_if(far & (in_r(view.now.close, view) >= numbers.least_r), view), state

    return act


def _rsi(columns: Columns, level: Array, view: View) -> Array:
    rsi = columns.rsi[view.now.bar]
    return jnp.where(view.now.direction > 0, rsi, 100.0 - rsi) >= level


def _ema(columns: Columns, level: Array, view: View) -> Array:
    return view.now.direction * columns.ema_gap[view.now.bar] < -level


def _band(columns: Columns, level: Array, view: View) -> Array:
    return view.now.direction * columns.band_place[view.now.bar] >= level


class Close(NamedTuple):
    """Leave at the first close at or after `hour`, New York time, with less than `keep_r` R. Own target.

    `session_close`: of the day of the entry, or of the next day where the entry came later.
    `weekend_flat`: of Friday.
    """

    hour: Array
    keep_r: Array


def _due(params: Any) -> Array:
    del params
    return jnp.float32(jnp.inf)


def _session_close(params: Numbers, due: Array, view: View) -> tuple[Order, Array]:
    numbers, columns, now = params.settings, params.columns, view.now
    day, hour = columns.day[now.bar], columns.hour[now.bar]
    its_day = day + jnp.where(hour < numbers.hour, 0.0, 1.0)
    due = jnp.where(now.k == 0, its_day, due)
    over = (day > due) | ((day == due) & (hour >= numbers.hour))
    return exit_if(over & (in_r(now.close, view) < numbers.keep_r), view), due


def _weekend_flat(params: Numbers, state: Any, view: View) -> tuple[Order, Any]:
    numbers, now = params.settings, view.now
    over = params.columns.week_hour[now.bar] >= FRIDAY + numbers.hour
    return exit_if(over & (in_r(now.close, view) < numbers.keep_r), view), state


class MetaLabel(NamedTuple):
    """Leave where the chance that staying is worth more is estimated below `threshold`. Own target.

    Meta-labelling (Lopez de Prado 2018, section 3.6): a logistic regression on the agent's observation,
    fitted on train to the classical exit's own decisions. Needs scikit-learn.
    """

    threshold: Array
    bias: Array
    weights: Array  # [observation_size]


def _meta_label(params: Numbers, state: Any, view: View) -> tuple[Order, Any]:
    numbers = params.settings
    odds = numbers.bias + (numbers.weights * view.observation).sum()
    return exit_if(jax.nn.sigmoid(odds) < numbers.threshold, view), state


TIME_STOP = Policy("time_stop", nothing_met, _time_stop)
VOLATILITY_STOP = Policy("volatility_stop", _nothing_before, _volatility_stop)
RSI_REVERSAL = Policy("rsi_reversal", stateless, _reversal(_rsi))
EMA_CROSS = Policy("ema_cross", stateless, _reversal(_ema))
BAND_TOUCH = Policy("band_touch", stateless, _reversal(_band))
SESSION_CLOSE = Policy("session_close", _due, _session_close)
WEEKEND_FLAT = Policy("weekend_flat", stateless, _weekend_flat)
META_LABEL = Policy("meta_label", stateless, _meta_label)
