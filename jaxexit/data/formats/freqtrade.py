"""freqtrade: the trades of an exported backtest (`backtest-result-*.json`, alone or in its ZIP).

Its candles are ccxt's.
"""

from __future__ import annotations

import pandas as pd

from jaxexit.data.files.format import File, Format, Json, Layout
from jaxexit.data.files.frames import clock_of
from jaxexit.data.files.source import LABELLED, Source
from jaxexit.data.tables import Columns
from jaxexit.errors import DataError

FAMILY = "freqtrade trades"


def _is_json(json: Json) -> bool:
    content = json.content
    if isinstance(content, dict):
        return isinstance(content.get("strategy"), dict)
    rows = isinstance(content, list) and bool(content) and isinstance(content[0], dict)
    return rows and "open_rate" in content[0]


def _read_json(file: File, json: Json) -> Source:
    """The trades under the names of freqtrade's own table.

    Raises DataError where there are none, or several strategies.
    """
    content = json.content
    if isinstance(content, dict):
        strategies = content["strategy"]
        if len(strategies) != 1:
            names = ", ".join(map(str, list(strategies)[:4]))
            raise DataError(f"{file}: {len(strategies)} strategies ({names}), export one")
        ((_, result),) = strategies.items()
        content = result.get("trades", [])
    if not content:
        raise DataError(f"{file}: a freqtrade backtest without trades")
    plain = [
        {k: v for k, v in trade.items() if not isinstance(v, list | dict)} for trade in content
    ]
    return Source(FAMILY, pd.DataFrame(plain))


def _is_table(columns: Columns) -> bool:
    return columns.has("openrate", "closerate")


def _read_table(file: File, columns: Columns) -> Source:
    del file
    return Source(FAMILY, columns.table, clock_of(columns.table))


FORMAT = Format(
    FAMILY, LABELLED, (Layout(Json, _is_json, _read_json), Layout(Columns, _is_table, _read_table))
)
