"""Run any policy over given trades, and say in numbers what came of it."""

from jaxexit.evaluate.backtest import Backtest, PolicyResult
from jaxexit.evaluate.bootstrap import Estimate
from jaxexit.evaluate.judgement import deflated, judge
from jaxexit.evaluate.metrics import daily_net, summarise
from jaxexit.evaluate.played import Played, StepRecords, TradeResults
from jaxexit.evaluate.run import run_policy
from jaxexit.evaluate.sharpe import DeflatedSharpe, deflated_sharpe, effective_observations
from jaxexit.evaluate.statistics import (
    Comparison,
    Superiority,
    compare,
    mean_per_trade,
    share_kept,
    sharpe_interval,
    superior,
    verdict,
)
from jaxexit.evaluate.table import guard_table, trade_table
from jaxexit.evaluate.watching import watching

__all__ = [
    "Backtest",
    "Comparison",
    "DeflatedSharpe",
    "Estimate",
    "Played",
    "PolicyResult",
    "StepRecords",
    "Superiority",
    "TradeResults",
    "compare",
    "daily_net",
    "deflated",
    "deflated_sharpe",
    "effective_observations",
    "guard_table",
    "judge",
    "mean_per_trade",
    "run_policy",
    "share_kept",
    "sharpe_interval",
    "summarise",
    "superior",
    "trade_table",
    "verdict",
    "watching",
]
