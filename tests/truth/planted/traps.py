"""The traps that made earlier numbers false, each planted where it once sat. For tests of the tests only.

A trap replaces an attribute of a module (or an entry of a table of functions) while a context is open.
Nothing of the product knows of it: there is no flag. Programs compiled outside are not used inside, and
none compiled inside survives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxexit.data import contents, features
from jaxexit.env import environment
from jaxexit.env.types import TRAIL_BE
from jaxexit.evaluate import backtest, lanes
from jaxexit.lab import results
from jaxexit.policies import ATR_TRAILING, DEFAULT_PARAMS, Policy

AHEAD = 0.001  # price units: scale of the planted features
BUFFER = 0.0001  # price units: one pip above the entry
TEST_BEGINS = 0.85  # share of the bars
HALF_WINDOW = 5  # bars on either side of a centred window


class Seam(NamedTuple):
    """A place where another thing can be put."""

    holder: Any  # module or class; or a dict
    name: str  # of its attribute; or a key
    make: Callable[[Any], Any]  # from the honest thing to what takes its place


class Trap(NamedTuple):
    """Something that makes numbers false, and where it is put."""

    name: str
    planted: str  # how, in words
    seams: tuple[Seam, ...]
    compiled: bool = True  # whether what is replaced is part of compiled programs


@contextmanager
def replaced(*seams: Seam) -> Iterator[None]:
    """Other things in the seams' places; the honest ones again at the end, whatever happens."""
    with ExitStack() as stack:
        for holder, name, make in seams:
            if isinstance(holder, dict):
                stack.callback(holder.__setitem__, name, holder[name])
                holder[name] = make(holder[name])
            else:
                stack.callback(setattr, holder, name, getattr(holder, name))
                setattr(holder, name, make(getattr(holder, name)))
        yield


@contextmanager
def planted(trap: Trap) -> Iterator[None]:
    """A world with one trap in it. The world is sound again at the end."""
    with ExitStack() as stack:
        if trap.compiled:
            jax.clear_caches()
            stack.callback(jax.clear_caches)  # after the seams are restored: last in, first out
        stack.enter_context(replaced(*trap.seams))
        yield


# --- features ------------------------------------------------------------------------------


def _next_return(honest: Any) -> Any:
    def column(market: Any, indicators: Any) -> np.ndarray:
        del indicators
        return np.append(np.diff(market.close), 0.0) / AHEAD

    return column


def _centred(honest: Any) -> Any:
    def column(market: Any, indicators: Any) -> np.ndarray:
        del indicators
        window = pd.Series(market.close).rolling(2 * HALF_WINDOW + 1, center=True, min_periods=1)
        return (market.close - np.asarray(window.mean())) / AHEAD

    return column


def _by_the_tests_mean(honest: Any) -> Any:
    def column(market: Any, indicators: Any) -> np.ndarray:
        values = honest(market, indicators)
        late = values[int(TEST_BEGINS * len(values)) :]
        return (values - late.mean()) / late.std()

    return column


# --- entries and fills ---------------------------------------------------------------------


def _one_bar_early(honest: Any) -> Any:
    def candidates(*arguments: Any) -> pd.DataFrame:
        table = honest(*arguments)
        return table.assign(entry_bar=table["entry_bar"] - 1)

    return candidates


def _at_the_bars_close(honest: Any) -> Any:
    def late_entry(spec: Any, bar: Any, trades: Any, trade: Any) -> tuple[jax.Array, jax.Array]:
        _, half_spread = honest(spec, bar, trades, trade)
        return bar.entry_close, half_spread

    return late_entry


def _at_its_level(honest: Any) -> Any:
    def fill_stop(stop: jax.Array, open: jax.Array, low: jax.Array) -> tuple[jax.Array, jax.Array]:
        return (open <= stop) | (low <= stop), stop

    return fill_stop


def _by_low_at_its_level(honest: Any) -> Any:
    def fill_stop(stop: jax.Array, open: jax.Array, low: jax.Array) -> tuple[jax.Array, jax.Array]:
        del open
        return low <= stop, stop

    return fill_stop


def _close_for_low(honest: Any) -> Any:
    def quote(*arguments: Any) -> Any:
        bar = honest(*arguments)
        return bar._replace(low=bar.close)

    return quote


def _low_of_the_bar_passed(honest: Any) -> Any:
    def quote(market: Any, bar: jax.Array, direction: jax.Array) -> Any:
        coming, passed = honest(market, bar, direction), honest(market, bar - 1, direction)
        return coming._replace(low=jnp.minimum(coming.low, passed.low))

    return quote


def _buffer_granted(honest: Any) -> Any:
    def moved_stop(params: Any, now: Any, action: jax.Array, asked: jax.Array) -> jax.Array:
        granted = jnp.maximum(now.stop, now.entry + BUFFER)
        honestly = honest(params, now, action, asked)
        return jnp.where(action == TRAIL_BE, granted, honestly)

    return moved_stop


# --- reporting -----------------------------------------------------------------------------


def _reward_for_money(honest: Any) -> Any:
    def step(spec: Any, world: Any, state: Any, order: Any) -> Any:
        after, outcome = honest(spec, world, state, order)
        shaped = outcome.reward / world.params.reward.reward_scale
        return after._replace(realised=state.realised + shaped), outcome

    return step


def _first_half(honest: Any) -> Any:
    def trade_table(*arguments: Any) -> pd.DataFrame:
        table = honest(*arguments)
        return table.sort_values("exit_time").head(len(table) // 2).reset_index(drop=True)

    return trade_table


def _trailing_stop_instead(honest: Any) -> Any:
    def learned_policy(*arguments: Any, **options: Any) -> Policy:
        named = honest(*arguments, **options)

        def act(params: Any, state: Any, view: Any) -> Any:
            del params  # of a network that is not there
            return ATR_TRAILING.act(DEFAULT_PARAMS[ATR_TRAILING], state, view)

        return Policy(named.name, ATR_TRAILING.init, act)

    return learned_policy


NEXT_RETURN = Trap(
    "next bar's return as a feature",
    "feature return_1 is the return of the bar to come",
    (Seam(features._COLUMNS, "return_1", _next_return),),
    compiled=False,
)
CENTRED_WINDOW = Trap(
    "a feature whose warm-up reaches the future",
    "feature return_1 is the close against the mean of a window centred on it",
    (Seam(features._COLUMNS, "return_1", _centred),),
    compiled=False,
)
TESTS_MEAN = Trap(
    "normalisation with the test period's mean",
    "feature rsi is scaled by mean and deviation of the last 15% of the bars",
    (Seam(features._COLUMNS, "rsi", _by_the_tests_mean),),
    compiled=False,
)
ENTRY_OFF_BY_ONE = Trap(
    "entry bar off by one",
    "entries found by position: a bar before their time, at their own price",
    (Seam(contents, "every_bar_candidates", _one_bar_early),),
    compiled=False,
)
LATE_ENTRY = Trap(
    "an entry at a price seen one bar later",
    "a trade that is filled at the next open gets that bar's close",
    (Seam(environment, "late_entry", _at_the_bars_close),),
)
FIRST_FINISHERS = Trap(
    "first finishers only",
    "the backtest's table has the half of the trades that ended first",
    (Seam(backtest, "trade_table", _first_half),),
    compiled=False,
)
FALLBACK = Trap(
    "a fallback that evaluates another policy",
    "a trailing stop is played under the learned policy's name",
    (Seam(results, "learned_policy", _trailing_stop_instead),),
    compiled=False,  # another policy is another program
)
STOP_THROUGH_GAP = Trap(
    "stop filled at its level through a gap",
    "a bar that opens beyond the stop fills it at the stop",
    (Seam(environment, "fill_stop", _at_its_level),),
)
STOP_ON_THE_CLOSE = Trap(
    "stop detected on the close and filled at its level",
    "a bar's low is its close, and the stop beyond it fills at the stop",
    (
        Seam(environment, "quote", _close_for_low),
        Seam(environment, "fill_stop", _by_low_at_its_level),
    ),
)
FREE_BREAK_EVEN = Trap(
    "break-even buffer granted for free",
    "TRAIL_BE puts the stop a pip above the entry even below it, and fills it there",
    (
        Seam(environment, "fill_stop", _at_its_level),
        Seam(environment, "_moved_stop", _buffer_granted),
    ),
)
RETROACTIVE_STOP = Trap(
    "new stop applied to the bar just passed",
    "the bar that made the close is searched for the stop that moved by it",
    (Seam(environment, "quote", _low_of_the_bar_passed),),
)
SHAPED_REWARD = Trap(
    "shaped reward reported as return",
    "the backtest's net result is the sum of rewards",
    (Seam(lanes, "step", _reward_for_money),),
)
