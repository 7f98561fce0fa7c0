"""Many time stamps at once: what is written the same way in every row is parsed as columns of bytes.

Both functions return None where a stamp is not of the expected form; `times` then reads row by row and
says which.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_WIDTHS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}


def parse_iso(stamps: pd.Series) -> pd.DatetimeIndex | None:
    """ISO 8601 stamps, all with an offset (then in UTC) or all without."""
    text = _text(stamps)
    for kind in (pa.timestamp("ns"), pa.timestamp("ns", "UTC")):
        try:
            times = pc.cast(text, kind)
        except pa.ArrowInvalid:
            continue
        index = pd.DatetimeIndex(times.cast(pa.timestamp("ns")).to_numpy(zero_copy_only=False))
        return index.tz_localize("UTC") if kind.tz else index
    return None


def parse_fixed(stamps: pd.Series, layout: str) -> pd.DatetimeIndex | None:
    """Stamps of one width in strptime's `layout` of whole digits, e.g. "%Y.%m.%d %H:%M"."""
    letters = _letters(stamps, len(str(stamps.iloc[0])))
    if letters is None:
        return None
    fields: dict[str, np.ndarray] = {}
    place = 0
    for token in re.findall(r"%.|.", layout):
        width = 1
        if token[0] == "%":
            width = _WIDTHS.get(token[1], int(letters.shape[1]) - place)
            digits = letters[:, place : place + width]
            if digits.shape[1] != width or ((digits < ord("0")) | (digits > ord("9"))).any():
                return None
            number = np.zeros(len(letters), np.int64)
            for column in digits.T:
                number = 10 * number + (column - np.uint8(ord("0")))
            if token[1] == "f":
                number *= 10 ** (9 - width)
            fields[token[1]] = number
        elif place >= letters.shape[1] or (letters[:, place] != ord(token)).any():
            return None
        place += width
    return _assemble(fields) if place == letters.shape[1] else None


def _text(stamps: pd.Series) -> pa.LargeStringArray:
    """The stamps as one array of Arrow's."""
    text = pa.array(stamps, pa.large_string())
    return text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text


def _letters(stamps: pd.Series, width: int) -> np.ndarray | None:
    """The stamps' characters, [rows, width] uint8; None where widths differ."""
    text = _text(stamps)
    offsets = np.frombuffer(text.buffers()[1], np.int64)[text.offset : text.offset + len(text) + 1]
    if text.null_count or (np.diff(offsets) != width).any():
        return None
    data = np.frombuffer(text.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    return data.reshape(len(text), width)


def _assemble(fields: dict[str, np.ndarray]) -> pd.DatetimeIndex | None:
    """Times from their parts; None where one lies outside the calendar."""
    year, month, day = fields["Y"], fields["m"], fields["d"]
    if not (((month >= 1) & (month <= 12) & (day >= 1)).all() and (year >= 1700).all()):
        return None
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    if (days.astype("datetime64[M]") != months).any() or (year > 2200).any():
        return None
    total = days.astype("datetime64[ns]").astype(np.int64)
    for letter, limit, size in (("H", 24, 3600), ("M", 60, 60), ("S", 60, 1)):
        if letter in fields:
            if (fields[letter] >= limit).any():
                return None
            total += fields[letter] * (size * 10**9)
    if "f" in fields:
        total += fields["f"]
    return pd.DatetimeIndex(total.view("datetime64[ns]"))
