"""TrueFX ticks: `EUR/USD,20130401 00:00:00.123,1.28165,1.28173` without a header; GMT.

The same ticks with the header `timestamp,bid,ask`, as NautilusTrader ships them, are read by their header.
"""

from __future__ import annotations

from pathlib import Path

from jaxexit.data.files.delimited import Head, read_delimited
from jaxexit.data.files.format import Format, Layout
from jaxexit.data.files.source import Clock, Source
from jaxexit.errors import DataError

_PRICE = r"\d+\.?\d*"


def _sniff(head: Head) -> bool:
    return head.all_rows(r"[A-Z]{3}/[A-Z]{3}", r"\d{8} \d{2}:\d{2}:\d{2}(\.\d+)?", _PRICE, _PRICE)


def _read(file: Path, head: Head) -> Source:
    """Ticks of both sides. Raises DataError where the file holds several pairs."""
    table = read_delimited(file, head, names=["pair", "time", "bid", "ask"])
    pairs = sorted(set(table["pair"]))
    if len(pairs) > 1:
        raise DataError(f"{file}: ticks of {', '.join(pairs[:4])}, keep one pair in a file")
    return Source(f"TrueFX ticks ({pairs[0]})", table.drop(columns="pair"))


FORMAT = Format("TrueFX", Clock("UTC", "GMT"), (Layout(Head, _sniff, _read),))
