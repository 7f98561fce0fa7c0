"""TrueFX ticks: `EUR/USD,20130401 00:00:00.123,1.28165,1.28173` without a header; GMT.

The same ticks with the header `timestamp,bid,ask`, as NautilusTrader ships them, are read by their header.
"""

from __future__ import annotations

from pathlib import Path

from jaxexit.data.formats.delimited import Head, read_delimited
from jaxexit.data.formats.format import Format
from jaxexit.data.formats.source import Source
from jaxexit.errors import DataError

_PRICE = r"\d+\.?\d*"


def recognise(head: Head) -> bool:
    """Whether the rows are a pair, a stamp, bid and ask."""
    return head.all_rows(r"[A-Z]{3}/[A-Z]{3}", r"\d{8} \d{2}:\d{2}:\d{2}(\.\d+)?", _PRICE, _PRICE)


def read(path: Path, head: Head) -> Source:
    """Ticks of both sides. Raises DataError where the file holds several pairs."""
    table = read_delimited(path, head, names=["pair", "time", "bid", "ask"])
    pairs = sorted(set(table["pair"]))
    if len(pairs) > 1:
        raise DataError(f"{path}: ticks of {', '.join(pairs[:4])}, keep one pair in a file")
    return Source(f"TrueFX ticks ({pairs[0]})", table.drop(columns="pair"), "UTC", "GMT")


FORMAT = Format("TrueFX", recognise, read)
