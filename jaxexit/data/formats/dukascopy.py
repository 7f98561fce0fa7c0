"""Dukascopy: bars and ticks of its website and of JForex, `15.12.2017 00:00:00.000`, day first.

`Gmt time` or `Time (EET)` name the clock, `Local time` stamps carry `GMT+0200`. Which side bars are is
only in the file's name (`EURUSD_Candlestick_1_D_BID.csv`). Weekend bars have a volume of 0.
"""

from __future__ import annotations

import re

import pandas as pd

from jaxexit.data.files.format import File, Format, Layout
from jaxexit.data.files.source import LABELS, Clock, Source, named_side
from jaxexit.data.tables import Columns, plain
from jaxexit.data.zones import AUTO

CLOCK = Clock("UTC", "GMT")
_STAMP = r"\d{2}\.\d{2}\.\d{4}[ T]\d{2}:\d{2}:\d{2}(\.\d{1,3})?( GMT[+-]\d{4})?"
_JFOREX = re.compile(r"time ?\((?P<zone>[A-Za-z/_]+)\)", re.IGNORECASE)
_ZONES = {"gmt": "UTC", "utc": "UTC", "eet": "EET"}


def _sniff(columns: Columns) -> bool:
    """Whether header and first stamp are Dukascopy's."""
    first = str(columns.table.columns[0])
    if _JFOREX.fullmatch(first.strip()) or plain(first) in ("gmttime", "localtime"):
        return True
    stamp = str(pd.Series(columns.table[first]).iloc[0]).strip()
    return re.fullmatch(_STAMP, stamp) is not None and _has_prices(columns)


def _read(file: File, columns: Columns) -> Source:
    table = columns.table
    first = str(table.columns[0])
    stamps = pd.Series(table[first])
    jforex = _JFOREX.fullmatch(first.strip())
    zone = _ZONES.get(jforex["zone"].lower(), jforex["zone"]) if jforex else "UTC"
    clock = Clock(AUTO, LABELS) if " GMT" in str(stamps.iloc[0]) else Clock(zone, CLOCK.rule)
    if jforex:
        clock = clock._replace(rule=f"the header says '{first.strip()}'")
    table = table.rename(columns={first: "time"})
    if clock.rule == LABELS:
        table["time"] = stamps.astype(str).str.replace(" GMT", "", regex=False)
    side = None if "bid" in columns else named_side(file)
    remarks = (f"{side} by the file's name",) if side else ()
    family = "Dukascopy ticks" if "bid" in columns else "Dukascopy bars"
    return Source(family, table, clock, side, remarks)


def _has_prices(columns: Columns) -> bool:
    return ("open" in columns and "volume" in columns) or ("bid" in columns and "ask" in columns)


FORMAT = Format("Dukascopy", CLOCK, (Layout(Columns, _sniff, _read),))
