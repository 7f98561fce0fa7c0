"""freqtrade: the trades of an exported backtest (`backtest-result-*.json`, alone or in its ZIP).

Its candles are ccxt's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from jaxexit.data.formats.format import Format
from jaxexit.data.formats.source import LABELS, Source
from jaxexit.errors import DataError


def recognise(content: Any) -> bool:
    """Whether a JSON file's content is a backtest's result, or its list of trades."""
    if isinstance(content, dict):
        return isinstance(content.get("strategy"), dict)
    rows = isinstance(content, list) and bool(content) and isinstance(content[0], dict)
    return rows and "open_rate" in content[0]


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


FORMAT = Format("freqtrade trades", recognise, read)
