"""Looks at test that are of the same data: told apart by what was asked, not by the name of a version.

A look keeps which bars, from which entry to which, and hashes of split, costs and entries. A test split that
was moved, or other costs or entries, make another snapshot and so another look; these functions say that it
was another look at data that had been looked at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxexit.store.registry_reading import RegistryReader

ASKED = {"split": "another split", "costs": "other costs", "entries": "other entries"}
Look = Mapping[str, Any]


def sha256_of_json(value: Any) -> str:
    """SHA-256 of canonical JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def differing(one: Look, other: Look) -> list[str] | None:
    """What two looks at overlapping data asked differently, in words; None where the data do not overlap.

    Data overlap where they are of the same bars, or of a bar file of the same name, and their times meet. A
    look from before this was recorded is not known to overlap.
    """
    mine, its = one.get("looked_at"), other.get("looked_at")
    if mine is None or its is None:
        return None
    same = mine["bars"] == its["bars"] or mine["file"] == its["file"]
    if not same or mine["first"] > its["last"] or its["first"] > mine["last"]:
        return None
    return [words for name, words in ASKED.items() if mine[name] != its[name]]


def overlap_before(registry: RegistryReader, look: Look) -> str:
    """How many looks of others were at overlapping data, and with what else; follows their number."""
    own = (look["snapshot_sha256"], look["checkpoint_sha256"])
    asked = [
        words
        for other in registry.test_evaluations()
        if (other.get("snapshot_sha256"), other.get("checkpoint_sha256")) != own
        and (words := differing(look, other)) is not None
    ]
    if not asked:
        return ""
    kinds = [words for words in ASKED.values() if any(words in one for one in asked)]
    said = f", {len(asked):,} of them at data that overlap"
    return f"{said} ({', '.join(kinds)})" if kinds else said


def again(looks: Sequence[Look]) -> int:
    """How many looks asked an overlapping test something else: with another split, other costs or entries."""
    return sum(
        any(differing(look, earlier) for earlier in looks[:number])
        for number, look in enumerate(looks)
    )
