"""HistData: ASCII M1 and ASCII ticks; its MetaTrader files are those of MT4 without volume.

M1: `20230601 000000;0.651410;0.651410;0.651240;0.651250;0`, bid. Ticks:
`20120201 000003660,1.306600,1.306770,0`: bid, ask. NinjaTrader's minutes are written the same way, but have a
volume, are stamped at the end of their bars, in UTC. Layouts:
histdata.com/f-a-q/data-files-detailed-specification.
"""

from __future__ import annotations

from pathlib import Path

from jaxexit.data.files.delimited import Head, read_delimited
from jaxexit.data.files.format import Format, Layout
from jaxexit.data.files.source import Clock, Source, named_side
from jaxexit.data.zones import HISTDATA

CLOCK = Clock(HISTDATA, "as found in its files, which are not in the EST that it claims")
NINJATRADER = Clock("UTC", "NinjaTrader exports in UTC")
_PRICE = r"\d+\.?\d*"


def _sniff(head: Head) -> bool:
    return _is_bars(head) or head.all_rows(r"\d{8} \d{9}", _PRICE, _PRICE)


def _is_bars(head: Head) -> bool:
    return head.all_rows(r"\d{8} \d{6}", _PRICE, _PRICE, _PRICE, _PRICE)


def _read(file: Path, head: Head) -> Source:
    """M1 bars of the bid, or ticks of both sides."""
    if _is_bars(head) and any(row[5:] and row[5] not in ("", "0") for row in head.rows):
        return _ninjatrader(file, head)
    if _is_bars(head):
        names = ["time", "bid_open", "bid_high", "bid_low", "bid_close", "volume"]
        family = "HistData ASCII M1"
    else:
        names, family = ["time", "bid", "ask", "volume"], "HistData ASCII ticks"
    table = read_delimited(file, head, names=names[: len(head.first)])
    return Source(family, table)


def _ninjatrader(file: Path, head: Head) -> Source:
    """NinjaTrader's historical data: minutes stamped at their end, of the side that the file's name tells."""
    names = ["time", "open", "high", "low", "close", "volume"]
    table = read_delimited(file, head, names=names[: len(head.first)])
    remark = "NinjaTrader stamps a minute at its end; HistData has no volume"
    side = named_side(file)
    return Source("NinjaTrader minutes", table, NINJATRADER, side, (remark,), stamped="close")


FORMAT = Format("HistData ASCII", CLOCK, (Layout(Head, _sniff, _read),))
