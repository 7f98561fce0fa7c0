"""Columns of numbers in a page: gzip, base64; the page's script reads them as typed arrays.

A header (JSON) names each column and gives its offset. The bytes of a column are stored plane by plane
(all first bytes, all second bytes, ...): neighbouring numbers share their high bytes, and gzip finds that.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxexit.names import texts

TYPES = {"f8": "f64", "f4": "f32", "i4": "i32", "u1": "u8"}
COMPRESSION = 6


def pack(columns: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> str:
    """Columns and JSON facts as one text that is safe anywhere in HTML.

    Layout before compression: length of the header (uint32), header, planes of each column.

    Args:
        columns: arrays of float64, float32, int32 or uint8, of any shape; the page gets them flat.
        facts: anything JSON can say; numbers that are not finite are refused, and what in a text would steer
            the reader's eye is written out.
    """
    entries: dict[str, dict[str, Any]] = {}
    parts: list[bytes] = []
    offset = 0
    for name, values in columns.items():
        flat = np.ascontiguousarray(values).ravel()
        little = flat.astype(flat.dtype.newbyteorder("<"))
        planes = little.view(np.uint8).reshape(-1, little.itemsize).T.tobytes()
        entries[name] = {
            "type": TYPES[little.dtype.str[1:]],
            "length": len(flat),
            "offset": offset,
        }
        parts.append(planes)
        offset += len(planes)
    header = json.dumps({"columns": entries, "facts": texts(dict(facts))}, allow_nan=False).encode()
    content = len(header).to_bytes(4, "little") + header + b"".join(parts)
    return compress(content)


def compress(content: bytes) -> str:
    """Gzip and base64; the same content gives the same text."""
    return base64.b64encode(gzip.compress(content, COMPRESSION, mtime=0)).decode("ascii")
