"""Replay: the recorded result belongs to this snapshot and this checkpoint, and comes out again.

A result that does not replay is no result, whoever recorded it: another policy played, shaped reward was
reported as money, trades were left out, a file was edited, or the code has changed since.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from jaxexit.config import experiment_sha256
from jaxexit.truth.audit.finding import Finding
from jaxexit.truth.audit.subject import Subject
from jaxexit.units import key, of, words

CHECK = "replay"
PRECISION = 1e-6  # relative: other devices add in another order
SHOWN = 3  # numbers named, of those that differ

_AGAIN = "run the backtest again; if it still differs, report it"


def check(
    subject: Subject, summary: Mapping[str, Any], row: Mapping[str, Any], checkpoint_sha256: str
) -> list[Finding]:
    """Hashes and numbers of a recorded result.

    Args:
        subject: the recorded checkpoint's policy, played again.
        summary: `summary.json` of the split.
        row: the registry's result of the split; empty where it has none.
        checkpoint_sha256: content hash of the checkpoint that was restored.
    """
    return [_hashes(subject, summary, row, checkpoint_sha256), _numbers(subject, summary, row)]


def _hashes(
    subject: Subject, summary: Mapping[str, Any], row: Mapping[str, Any], checkpoint_sha256: str
) -> Finding:
    true = {
        "snapshot": experiment_sha256(subject.experiment),
        "checkpoint": checkpoint_sha256,
    }
    recorded_hashes = {
        ("summary.json", "snapshot"): summary.get("snapshot_sha256"),
        ("summary.json", "checkpoint"): summary["checkpoint"].get("sha256"),
        ("registry.json", "snapshot"): row.get("snapshot_sha256"),
        ("registry.json", "checkpoint"): row.get("checkpoint_sha256"),
    }
    wrong = [
        (file, part) for (file, part), sha256 in recorded_hashes.items() if sha256 != true[part]
    ]
    where = f"result on {subject.split}, step {summary['checkpoint']['step']:,}"
    if not wrong:
        what = "registry and summary name this snapshot and this checkpoint"
        return Finding(CHECK, "pass", what, where, f"SHA-256 {checkpoint_sha256[:12]}")
    size = ", ".join(f"{part} in {file}" for file, part in wrong)
    what = "the recorded result belongs to another snapshot or checkpoint"
    return Finding(CHECK, "fail", what, where, f"differs: {size}", _AGAIN)


def _numbers(subject: Subject, summary: Mapping[str, Any], row: Mapping[str, Any]) -> Finding:
    recorded = summary["policies"][subject.policy.name]
    again = subject.backtest.summary(subject.result)
    wrong = [f"{name} {_shown(old)} -> {_shown(new)}" for name, old, new in _odd(recorded, again)]
    wrong += [
        f"registry's {name} {_shown(row[name])} -> {_shown(again[name])}"
        for name in sorted(row.keys() & again.keys())
        if not _same(row[name], again[name])
    ]
    where = f"result on {subject.split}, {again['trades']:,} trades"
    if not wrong:
        net = key(of(again), "net", "mean")
        size = f"net {again[net]:+.4f} {words(of(again))} a trade, as recorded"
        return Finding(CHECK, "pass", "the recorded result replays", where, size)
    more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
    size = ", ".join(wrong[:SHOWN]) + more
    return Finding(CHECK, "fail", "the recorded result does not replay", where, size, _AGAIN)


def _odd(
    recorded: Mapping[str, Any], again: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """(name, recorded, now) of every number that differs; what only one of them has is not compared."""
    for name in (name for name in recorded if name in again):
        old, new = recorded[name], again[name]
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _odd(old, new, f"{prefix}{name}.")
        elif not _same(old, new):
            yield prefix + name, old, new


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_same, old, new))
    if isinstance(old, (int, float)) and isinstance(new, (int, float)):
        return math.isclose(old, new, rel_tol=PRECISION, abs_tol=PRECISION)
    return old == new


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"({len(value)} numbers)" if isinstance(value, list) else str(value)
