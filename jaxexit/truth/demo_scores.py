"""What exits are worth on the demo's market, as shares of the optimum."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from jaxexit.data.simulated import Simulated
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
    share: float  # of the optimum; what is expected, so the market's luck is taken off
    standard_error: float  # of the share, trades that share bars taken together; 0: known exactly
    bars_held: float


def share_on_validation(market: Demo, pips: float) -> float:
    """Share of the optimum, from a mean result on the validation trades.

    What it lacks to the best exit on the same trades, over the optimum: most of the market's luck is in both
    and drops out.

    Args:
        market: whose trades they are.
        pips: net a trade.
    """
    rows = market.rows["validation"]
    best = float(market.net(market.best[rows], rows).mean())
    return 1.0 - (best - pips) / market.optimum


def scores(market: Demo, played: pd.DataFrame) -> list[Score]:
    """Leaving at once, holding, the best simple rule, what was learned, and the best exit, on test.

    Args:
        market: whose trades they are.
        played: the backtest's trades under every policy (`trades.parquet`).
    """
    rows = market.rows["test"]
    luck = MARKET.luck(_some(market.simulated, rows))
    known = fixed_hold_values(MODEL) / market.optimum
    exact = {LEAVE: known[0], HOLD: known[-1], BEST: 1.0}

    def score(name: str, words: str, net: np.ndarray, decision: np.ndarray) -> Score:
        skill = (net - luck[decision, np.arange(len(rows))]) / market.optimum
        error = clustered_error(skill, market.entry_bar[rows] // BLOCK)
        share, error = (exact[name], 0.0) if name in exact else (skill.mean(), error)
        return Score(name, words, float(net.mean()), float(share), error, float(decision.mean()))

    found = {}
    for name in (LEAVE, HOLD, LEARNED):
        trades = played[played["policy"] == name].sort_values("entry_bar")
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
