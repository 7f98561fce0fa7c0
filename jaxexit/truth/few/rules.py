"""Simple rules fitted as a trader fits them: by what they would have earned on the trades that he has.

All families of `truth.simple_rules`, a fixed time, and the trailing stops of the backtest's tuned baselines
at the same settings (`evaluate.tuning`), judged at closes. Of all of them the best one is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from jaxexit.data.indicators import talib_indicators
from jaxexit.data.simulated import LEVEL, PIP, Simulated
from jaxexit.evaluate.tuning import candidates
from jaxexit.policies import ATR_TRAILING, BREAK_EVEN_THEN_TRAIL
from jaxexit.truth.known_markets import HORIZON, SPREAD_PIPS
from jaxexit.truth.simple_rules import (
    Family,
    Paths,
    best_rules,
    families,
    first_exit,
    running_max,
    value_at,
)


class Seen(NamedTuple):
    """What the rules see of n trades, pips, long form; float32."""

    paths: Paths  # gains, and as state the distance to the level
    atr: np.ndarray  # [H+1, n] ATR 14
    risk: np.ndarray  # [n] distance of the initial stop

    @property
    def net(self) -> np.ndarray:
        """[H+1, n] what leaving at each decision earns."""
        return self.paths.gain - np.float32(SPREAD_PIPS)

    def take(self, rows: np.ndarray) -> Seen:
        """Some of the trades."""
        gain, state = (table[:, rows] for table in self.paths)
        return Seen(Paths(gain, state), self.atr[:, rows], self.risk[rows])


def seen(simulated: Simulated) -> Seen:
    """What the rules see of a market's trades."""
    table, mid = simulated.trades, simulated.bars.mid
    side = table["direction"].to_numpy(float)
    bar = table["entry_bar"].to_numpy(np.int64) + np.arange(simulated.horizon + 1)[:, None]
    level = (side * (mid[:, 3][bar] - LEVEL) / PIP).astype(np.float32)
    atr = (talib_indicators(mid[:, 1], mid[:, 2], mid[:, 3]).atr / PIP).astype(np.float32)
    risk = (table["entry_price"] - table["stop"]).abs().to_numpy(float) / PIP
    return Seen(Paths(level - level[0], level), atr[bar], risk.astype(np.float32))


class FittedRule(NamedTuple):
    """A rule and what it earned where it was fitted."""

    name: str
    decision: Callable[[Seen], np.ndarray]  # where it leaves, [n]
    mean: float  # of the table by which it was chosen, pips a trade


def _fixed_time() -> Family:
    return Family(
        "fixed time",
        "leave after {:g} bars",
        lambda paths: np.broadcast_to(
            np.arange(HORIZON, dtype=np.float32)[:, None], paths.gain[:-1].shape
        ),
        np.arange(HORIZON + 1),
    )


def stopped_at_close(close: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """First decision whose close lies at or below the stop set before it; H where none does.

    Args:
        close: [H+1, n] exit-side closes.
        stop: [H+1, n] stops wanted at each decision; a stop never loosens.
    """
    leaves = np.zeros(close[:-1].shape, bool)
    leaves[1:] = close[1:-1] <= running_max(stop[:-2])
    return first_exit(leaves)


def _atr_trailing(some: Seen, multiple: float) -> np.ndarray:
    return stopped_at_close(some.net, some.net - np.float32(multiple) * some.atr)


def _break_even_then_trail(some: Seen, trigger: float, trail: float) -> np.ndarray:
    net = some.net
    stop = np.maximum(0.0, net - np.float32(trail) * some.risk)
    return stopped_at_close(net, np.where(net >= np.float32(trigger) * some.risk, stop, -np.inf))


def _stops() -> Iterator[tuple[str, Callable[[Seen], np.ndarray]]]:
    settings = candidates(HORIZON)
    for multiple in settings[ATR_TRAILING].multiple:
        yield (
            f"trail {multiple:.2g} ATR behind",
            lambda some, multiple=multiple: _atr_trailing(some, multiple),
        )
    both = settings[BREAK_EVEN_THEN_TRAIL]
    for trigger, trail in zip(both.trigger_r, both.trail_r, strict=True):
        yield (
            f"break even from {trigger:.2g} R, then trail {trail:.2g} R behind",
            lambda some, trigger=trigger, trail=trail: _break_even_then_trail(some, trigger, trail),
        )


def fit_rule(some: Seen, table: np.ndarray) -> FittedRule:
    """The best of all rules by the mean of `table` [H+1, n] where it leaves.

    The scales of its thresholds come from the same trades: levels up to two standard deviations of the
    price, moves in terms of a bar's own.

    Args:
        some: the trades.
        table: what leaving at each decision is worth: `Seen.net` for a trader; what nobody knows (the result
            less luck) for a rule that is tuned by an oracle.
    """
    paths = some.paths
    noise = float(np.diff(paths.gain, axis=0).std())
    widest = 2.0 * float(paths.state.std())
    levels = np.arange(0.0, widest + 1.0, max(1.0, np.ceil(widest / 80.0)))
    everything = (*families(levels, SPREAD_PIPS, noise), _fixed_time())
    best = [
        FittedRule(rule.name, lambda other, rule=rule: rule.decision(other.paths), rule.mean)
        for rule in best_rules(everything, paths, table).values()
    ]
    best += [
        FittedRule(name, decision, float(value_at(table, decision(some)).mean()))
        for name, decision in _stops()
    ]
    return max(best, key=lambda rule: rule.mean)
