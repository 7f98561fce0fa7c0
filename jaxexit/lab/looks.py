"""Which data a look at test is of, for the registry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxexit.config import Experiment, resolved
from jaxexit.data import Dataset
from jaxexit.store.looks import overlap_before, sha256_of_json
from jaxexit.store.registry import Registry
from jaxexit.store.verification import looks_before


def looked_at(
    experiment: Experiment, datasets: Sequence[Dataset], split: str = "test"
) -> dict[str, Any]:
    """Bars, their file, first and last entry, and hashes of split, costs and entries.

    Args:
        experiment: what is tested.
        datasets: its data; of a walk-forward those of each fold.
        split: whose trades.
    """
    content = resolved(experiment)
    entries = [d.times[d.tables[split]["entry_bar"].to_numpy(int)] for d in datasets]
    moments = np.concatenate(entries)
    data = content["data"]
    made = {name: data[name] for name in ("entries", "every", "warmup", "trades") if name in data}
    first = datasets[0]
    return {
        "bars": str(first.fingerprint["bars"]["sha256"]),
        "file": None if data["bars"] is None else Path(data["bars"]).name,
        "first": f"{np.datetime_as_string(moments.min(), unit='s')}Z",
        "last": f"{np.datetime_as_string(moments.max(), unit='s')}Z",
        "split": sha256_of_json(data["split"]),
        "costs": sha256_of_json(content["costs"]),
        "entries": sha256_of_json(made),
    }


def seen_before(registry: Registry, proof: dict[str, Any]) -> dict[str, Any]:
    """What `verification` must know of looks at test before a result, by its arguments' names.

    Args:
        registry: has counted them.
        proof: of the result, with `looked_at` where it is one on test.
    """
    return {
        "looks": looks_before(registry, proof),
        "doubt": registry.doubt(),
        "overlap": overlap_before(registry, proof),
    }
