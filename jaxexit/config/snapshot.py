"""The resolved experiment: its hash, its frozen snapshot, and what differs between two of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxexit.config.load import read_text, validate
from jaxexit.config.schema import Experiment
from jaxexit.config.text import dump_mapping, parse_mapping
from jaxexit.errors import ConfigError

WORDS = ("version", "description", "hypothesis")  # keys that are no change of an experiment
LATER = {
    "costs.borrow": 0.0,
    "costs.commission_maker": None,
    "costs.commission_minimum": 0.0,
    "costs.commission_per_lot": 0.0,
    "costs.funding": 0.0,
    "costs.lots": 1.0,
    "costs.point_value": None,
    "costs.slippage": None,
    "costs.spread": None,
    "costs.swap_long": None,
    "costs.swap_short": None,
    "data.align": "exact",
    "data.calendar": "auto",
    "data.allow_partial": False,
    "data.columns": {},
    "data.direction_codes": {},
    "data.recipe": None,
    "data.stamps": "auto",
    "data.stops": "file",
    "data.symbol": None,
    "data.tick_size": None,
    "data.trades_timezone": None,
    "data.unit": "auto",
    "env.feature_scales": "auto",
    "env.flat_overnight": False,
    "learner": "ppo",
    "seeds": 1,
    "ppo.polyak_window": 0.0,
    "tracking.artifacts": False,
    "tracking.tensorboard": False,
}
"""Keys that came after the first snapshots were frozen, and what those were trained with."""
HEADER = "# Frozen by jaxexit: what this version was trained with. Do not edit.\n"


def resolved(experiment: Experiment) -> dict[str, Any]:
    """Everything that decides a result, complete and plain, in the schema's order; a recipe as its hash."""
    content = experiment.model_dump(mode="json")
    for name in ("parent", "overrides", "scales"):  # scales follow from the data
        content.pop(name)
    content.pop("recipe")
    return content if experiment.recipe is None else content | {"recipe": experiment.recipe.sha256}


def experiment_sha256(experiment: Experiment) -> str:
    """SHA-256 of the canonical JSON of what decides the result.

    A key of `LATER` counts only where it says something else than the time before it: what was frozen
    without it has the same hash still.
    """
    content = resolved(experiment)
    for key, before in LATER.items():
        *sections, name = key.split(".")
        section = content
        for each in sections:
            section = section[each]
        if section[name] == before:
            section.pop(name)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def dump_snapshot(experiment: Experiment) -> str:
    """The resolved experiment as YAML, with its hash."""
    content = {
        "sha256": experiment_sha256(experiment),
        "parent": experiment.parent,
        "overrides": list(experiment.overrides),
        **resolved(experiment),
    }
    if experiment.recipe is not None:
        content["recipe"] = experiment.recipe.model_dump()
    content["scales"] = experiment.scales
    return HEADER + dump_mapping(content)


def load_snapshot(path: Path) -> Experiment:
    """Read a frozen snapshot back.

    Raises:
        ConfigError: it is missing, damaged, or was edited since it was frozen.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such snapshot; train the version first")
    content = parse_mapping(read_text(path), str(path))
    frozen = content.pop("sha256", None)
    content.setdefault("scales", {})  # frozen before there were any
    experiment = validate(content, lambda keys: str(path))
    if experiment_sha256(experiment) != frozen:
        raise ConfigError(
            f"{path}: was changed after it was frozen (its SHA-256 differs); restore it, or train again "
            "with --overwrite"
        )
    return experiment


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Dotted keys whose values differ between two resolved experiments: (before, after)."""
    found: dict[str, tuple[Any, Any]] = {}
    for key in {**before, **after}:
        old, new = before.get(key), after.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            inner = differences(old, new)
            found |= {f"{key}.{name}": pair for name, pair in inner.items()}
        elif old != new:
            found[key] = (old, new)
    return found


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The same as JSON has it, without the words: {key: [value before, value now]}."""
    found = differences(before, after)
    return {key: list(pair) for key, pair in found.items() if key not in WORDS}
