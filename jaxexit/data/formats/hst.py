"""MT4's binary history (.hst): version 401 since 2014, 400 before.

Little-endian header of 148 bytes: version, copyright[64], symbol[12], period in minutes, digits, and times;
then records. 401: `<qddddqiq` time, open, high, low, close, tick volume, spread (points), real volume.
400: `<iddddd` time, open, low, high, close, volume. Times are epochs of server time; prices are bid.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pandas as pd

from jaxexit.data.files.format import Format, Layout, Start
from jaxexit.data.files.source import SERVER, Source
from jaxexit.errors import DataError

HEADER = struct.Struct("<i64s12sii")
HEADER_BYTES = 148
_VOLUME = [("tick_volume", "<i8"), ("spread", "<i4"), ("real_volume", "<i8")]
RECORDS = {
    401: np.dtype(
        [("time", "<i8"), *((name, "<f8") for name in ("open", "high", "low", "close")), *_VOLUME]
    ),
    400: np.dtype(
        [("time", "<i4"), *((n, "<f8") for n in ("open", "low", "high", "close", "tick_volume"))]
    ),
}


def _sniff(file: Start) -> bool:
    start = file.content
    if len(start) < HEADER_BYTES:
        return False
    version, _, symbol, period, digits = HEADER.unpack_from(start)
    sound = 0 < period <= 43_200 and 0 <= digits <= 10
    return version in RECORDS and sound and symbol.rstrip(b"\0").split(b"\0")[0].isascii()


def _read(file: Path, start: Start) -> Source:
    """The file's bars. Raises DataError where the last record is cut short, or there are none."""
    del start
    content = file.read_bytes()
    version, _, symbol, period, _ = HEADER.unpack_from(content)
    record = RECORDS[version]
    rows, rest = divmod(len(content) - HEADER_BYTES, record.itemsize)
    if rest or not rows:
        raise DataError(
            f"{file}: an MT4 history file of {rows:,} bars and {rest} bytes more, it is cut short: "
            "export it again"
        )
    records = np.frombuffer(content, record, offset=HEADER_BYTES)
    table = pd.DataFrame({name: records[name] for name in ("time", "open", "high", "low", "close")})
    for name in record.names or ():
        table[name] = records[name]
    name = symbol.split(b"\0")[0].decode("ascii")
    if "spread" in table and not table["spread"].to_numpy().any():
        del table["spread"]  # MT4 leaves it blank
    return Source(f"MT4 history v{version} ({name}, {period} min)", table, side="bid")


FORMAT = Format("MT4 history", SERVER, (Layout(Start, _sniff, _read),))
