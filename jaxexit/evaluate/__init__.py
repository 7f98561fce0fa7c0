"""Run any policy over given trades, and say in numbers what came of it."""

from jaxexit.evaluate.backtest import Backtest
from jaxexit.evaluate.metrics import summarise
from jaxexit.evaluate.run import StepRecords, TradeResults, run_policy
from jaxexit.evaluate.table import guard_table, trade_table

__all__ = [
    "Backtest",
    "StepRecords",
    "TradeResults",
    "guard_table",
    "run_policy",
    "summarise",
    "trade_table",
]
