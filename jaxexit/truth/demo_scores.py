"""What exits are worth on the demo's market, as shares of the optimum."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from jaxexit.data.simulated import PIP, Simulated
from jaxexit.env.types import BY_BREAKEVEN_STOP, BY_STOP
from jaxexit.evaluate import TradeResults
from jaxexit.truth.demo import MARKET, MODEL, Demo
from jaxexit.truth.known_markets import HORIZON, SPREAD_PIPS
from jaxexit.truth.simple_rules import Paths, best_rules, families, fixed_hold_values

FITTED_ON = 2_000  # trades that the best simple rule is chosen on
BLOCK = 2 * HORIZON  # bars: trades of one share bars, those of different ones next to none
ENDED_INSIDE = ("STOP", "BREAKEVEN_STOP")
LEAVE, HOLD, LEARNED = "leave_at_once", "hold_to_horizon", "learned"  # policies of a backtest
RULE, BEST = "best_simple_rule", "optimum"


class Score(NamedTuple):
    """An exit on the test trades."""

    exit: str
    words: str  # what it does, where its name does not say it
    pips: float  # mean net result a trade, as it fell
    share: float  # see `Share`
    standard_error: float
    bars_held: float


class Share(NamedTuple):
    """A share of the optimum: what is expected, so the market's luck is taken off."""

    share: float
    standard_error: float  # trades that share bars taken together; 0: known exactly


class Judge:
    """The trades of one split, and what exits on them are worth."""

    def __init__(self, market: Demo, split: str) -> None:
        """Args: the market; "train", "validation" or "test"."""
        self._optimum, self.rows = market.optimum, market.rows[split]
        self._luck = MARKET.luck(_some(market.simulated, self.rows))
        self._cluster = market.entry_bar[self.rows] // BLOCK

    def share(self, net: np.ndarray, decision: np.ndarray) -> Share:
        """The mean share of the optimum.

        Args:
            net: [n] pips of each trade, in the order of the split.
            decision: [n] the decision at which it was left; of a stop the last one before.
        """
        skill = (net - self._luck[decision, np.arange(len(net))]) / self._optimum
        return Share(float(skill.mean()), clustered_error(skill, self._cluster))

    def of_played(self, results: TradeResults) -> Share:
        """The same of what a policy's play came to."""
        net = np.asarray(results.net, float) * np.asarray(results.entry, float) / PIP
        inside = np.isin(np.asarray(results.reason), (BY_STOP, BY_BREAKEVEN_STOP))
        return self.share(net, np.asarray(results.bars_held, np.int64) - inside)


def scores(market: Demo, played: pd.DataFrame) -> list[Score]:
    """Leaving at once, holding, the best simple rule, what was learned, and the best exit, on test.

    Args:
        market: whose trades they are.
        played: the backtest's trades under every policy (`trades.parquet`).
    """
    judge = Judge(market, "test")
    rows, known = judge.rows, fixed_hold_values(MODEL) / market.optimum
    exact = {LEAVE: known[0], HOLD: known[-1], BEST: 1.0}

    def score(name: str, words: str, net: np.ndarray, decision: np.ndarray) -> Score:
        found = Share(float(exact[name]), 0.0) if name in exact else judge.share(net, decision)
        return Score(name, words, float(net.mean()), *found, float(decision.mean()))

    found, of_policy = {}, played["policy"].to_numpy(str)
    for name in (LEAVE, HOLD, LEARNED):
        trades: Any = played.iloc[np.flatnonzero(of_policy == name)].sort_values(by="entry_bar")
        if not np.array_equal(trades["entry_bar"], market.entry_bar[rows]):
            raise AssertionError(f"{name}: other trades than those of the test split")
        # A stop ends a trade inside its last bar: what that bar's close brought is not its luck.
        inside = trades["exit_reason"].isin(ENDED_INSIDE).to_numpy()
        decision = trades["bars_held"].to_numpy(np.int64) - inside
        found[name] = score(name, "", trades["net_pips"].to_numpy(float), decision)
    words, decision = _simple_rule(market, rows)
    found[RULE] = score(RULE, words, market.net(decision, rows), decision)
    best = market.best[rows]
    found[BEST] = score(BEST, "", market.net(best, rows), best)
    return [found[name] for name in (LEAVE, HOLD, RULE, LEARNED, BEST)]


def _some(simulated: Simulated, rows: np.ndarray) -> Simulated:
    hidden = {name: values[rows] for name, values in simulated.hidden.items()}
    trades = simulated.trades.iloc[rows].reset_index(drop=True)
    return replace(simulated, trades=trades, hidden=hidden)


def _simple_rule(market: Demo, rows: np.ndarray) -> tuple[str, np.ndarray]:
    """The best profit target, drawdown or momentum on training trades; where it leaves these, [n]."""
    known = market.rows["train"][-FITTED_ON:]
    seen, unseen = (Paths(*(table[:, some] for table in market.paths)) for some in (known, rows))
    noise = float(np.diff(seen.gain, axis=0).std())
    everything = families(np.empty(0), SPREAD_PIPS, noise)
    fitted = best_rules(everything, seen, seen.gain - SPREAD_PIPS)
    rule = max(fitted.values(), key=lambda rule: rule.mean)
    return rule.name, rule.decision(unseen)


def clustered_error(values: np.ndarray, cluster: np.ndarray) -> float:
    """Standard error of a mean whose terms are independent between clusters only (Liang and Zeger 1986).

    Args:
        values: [n].
        cluster: [n] the number of each one's cluster.
    """
    sums = np.bincount(cluster - cluster.min(), values - values.mean())
    return float(np.sqrt(np.square(sums).sum()) / len(values))
