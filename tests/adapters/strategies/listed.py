"""A freqtrade strategy that enters what a list says. freqtrade loads it from this folder."""

from __future__ import annotations

from typing import Any

import pandas as pd
from freqtrade.strategy import IStrategy  # pyright: ignore[reportMissingImports]

from jaxexit.adapters.freqtrade import LearnedExits


class Listed(LearnedExits, IStrategy):
    """Long or short at the close of every listed candle."""

    timeframe = "15m"
    startup_candle_count = 100
    can_short = False

    def populate_indicators(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        """None: the version computes its own."""
        return dataframe

    def populate_entry_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        """A signal where the list has an entry."""
        for column, times in self.config["entries"].items():
            dataframe[column] = dataframe["date"].isin(times).astype(int)
        return dataframe

    def populate_exit_trend(
        self, dataframe: pd.DataFrame, metadata: dict[str, Any]
    ) -> pd.DataFrame:
        """None: the version exits."""
        return dataframe
