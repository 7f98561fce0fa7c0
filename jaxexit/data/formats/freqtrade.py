"""freqtrade: the trades of an exported backtest (`backtest-result-*.json`, alone or in its ZIP), and candles.

Candles are rows of [milliseconds, open, high, low, close, volume], as ccxt gives them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from jaxexit.data.formats.source import LABELS, Source
from jaxexit.errors import DataError


def recognise(content: Any) -> bool:
    """Whether a JSON file's content is a backtest's result, or its list of trades."""
    if isinstance(content, dict):
        return isinstance(content.get("strategy"), dict)
    rows = isinstance(content, list) and bool(content) and isinstance(content[0], dict)
    return rows and "open_rate" in content[0]


def are_candles(content: Any) -> bool:
    """Whether a JSON file's content is ccxt's rows of numbers."""
    if not (isinstance(content, list) and content):
        return False
    return all(
        isinstance(row, list)
        and len(row) in (5, 6)
        and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in row)
        for row in content
    )


def read_candles(path: Path, content: Any) -> Source:
    """Bars of the price that was traded: which side they are the user says."""
    del path
    widths = {len(row) for row in content}
    names = ["time", "open", "high", "low", "close", "volume"][: min(widths)]
    table = pd.DataFrame([row[: len(names)] for row in content], columns=names)
    return Source("ccxt candles", table, "UTC", "epochs are UTC")


def is_result(name: str) -> bool:
    """Whether a file in freqtrade's ZIP is the result, not its settings or strategy."""
    return name.endswith(".json") and not name.endswith(("_config.json", ".meta.json"))


def read(path: Path, content: Any) -> Source:
    """The trades under the names of freqtrade's own table.

    Raises DataError where there are none, or several strategies.
    """
    if isinstance(content, dict):
        strategies = content["strategy"]
        if len(strategies) != 1:
            names = ", ".join(map(str, list(strategies)[:4]))
            raise DataError(f"{path}: {len(strategies)} strategies ({names}), export one")
        ((_, result),) = strategies.items()
        content = result.get("trades", [])
    if not content:
        raise DataError(f"{path}: a freqtrade backtest without trades")
    plain = [
        {k: v for k, v in trade.items() if not isinstance(v, list | dict)} for trade in content
    ]
    table = pd.DataFrame(plain)
    return Source("freqtrade trades", table, "UTC", LABELS)
