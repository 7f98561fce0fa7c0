"""Fingerprints: what a result was computed on, for a rerun to compare with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd

from jaxexit.data.features import Feature

_TRADE_COLUMNS = ("entry_bar", "direction", "entry_price", "stop", "target")
_COLUMNS_OF_FILES = ("given_fill", "listed_decision")  # see `data.entries`


def fingerprint_bars(times: np.ndarray, bid: np.ndarray, ask: np.ndarray) -> dict[str, int | str]:
    """Rows, first and last bar open (ISO, UTC) and SHA-256 of times, bid and ask as parsed."""
    digest = _sha256(
        times.astype("datetime64[ns]").astype("<i8"), bid.astype("<f8"), ask.astype("<f8")
    )
    return _fingerprint(times, digest)


def fingerprint_trades(table: pd.DataFrame) -> dict[str, int | str]:
    """The same of trades: entry bar, direction, entry price, stop and target of each row, in order.

    Fills given for an open and listed exits count where the table has them.
    """
    names = [*_TRADE_COLUMNS, *(name for name in _COLUMNS_OF_FILES if name in table)]
    digest = _sha256(*(table[name].to_numpy(np.float64).astype("<f8") for name in names))
    return _fingerprint(table["entry_time"].to_numpy(), digest)


def fingerprint_user_columns(
    times: np.ndarray, table: pd.DataFrame, features: Sequence[Feature]
) -> dict[str, dict[str, int | str]]:
    """`columns`: the same of the bar file's columns that features are made of; nothing without any."""
    names = sorted({feature.column for feature in features if feature.from_bars})
    if not names:
        return {}
    digest = _sha256(*(table[name].to_numpy(np.float64).astype("<f8") for name in names))
    return {"columns": _fingerprint(times, digest)}


def _sha256(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _fingerprint(times: np.ndarray, digest: str) -> dict[str, int | str]:
    start, end = (f"{pd.Timestamp(time):%Y-%m-%dT%H:%M:%SZ}" for time in (times[0], times[-1]))
    return {"rows": len(times), "start": start, "end": end, "sha256": digest}
