"""Dukascopy: bars and ticks of its website and of JForex, `15.12.2017 00:00:00.000`, day first.

`Gmt time` or `Time (EET)` name the clock, `Local time` stamps carry `GMT+0200`. Which side bars are is
only in the file's name (`EURUSD_Candlestick_1_D_BID.csv`). Weekend bars have a volume of 0.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from jaxexit.data.formats.source import LABELS, Source, named_side
from jaxexit.data.sources import InMemory
from jaxexit.data.tables import Columns, plain
from jaxexit.data.zones import AUTO

_STAMP = r"\d{2}\.\d{2}\.\d{4}[ T]\d{2}:\d{2}:\d{2}(\.\d{1,3})?( GMT[+-]\d{4})?"
_JFOREX = re.compile(r"time ?\((?P<zone>[A-Za-z/_]+)\)", re.IGNORECASE)
_ZONES = {"gmt": "UTC", "utc": "UTC", "eet": "EET"}


def by_columns(columns: Columns, path: Path | InMemory) -> Source | None:
    """Dukascopy's files by header and first stamp; None for others."""
    table = columns.table
    first = str(table.columns[0])
    stamps = pd.Series(table[first])
    jforex = _JFOREX.fullmatch(first.strip())
    dotted = re.fullmatch(_STAMP, str(stamps.iloc[0]).strip()) is not None
    if not (
        jforex or plain(first) in ("gmttime", "localtime") or (dotted and _has_prices(columns))
    ):
        return None
    zone = _ZONES.get(jforex["zone"].lower(), jforex["zone"]) if jforex else "UTC"
    clock, rule = (AUTO, LABELS) if " GMT" in str(stamps.iloc[0]) else (zone, "GMT")
    if jforex:
        rule = f"the header says '{first.strip()}'"
    table = table.rename(columns={first: "time"})
    if rule == LABELS:
        table["time"] = stamps.astype(str).str.replace(" GMT", "", regex=False)
    side = None if "bid" in columns else named_side(path)
    remarks = (f"{side} by the file's name",) if side else ()
    family = "Dukascopy ticks" if "bid" in columns else "Dukascopy bars"
    return Source(family, table, clock, rule, side, remarks)


def _has_prices(columns: Columns) -> bool:
    return ("open" in columns and "volume" in columns) or ("bid" in columns and "ask" in columns)
