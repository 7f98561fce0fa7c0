"""The resolved experiment: its hash, its frozen snapshot, and what differs between two of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jaxexit.config.load import read_text, validate
from jaxexit.config.schema import Experiment
from jaxexit.config.text import dump_mapping, parse_mapping
from jaxexit.errors import ConfigError

WORDS = ("version", "description", "hypothesis")  # keys that are no change of an experiment
_FIRST = {
    "": "version description hypothesis seed",
    "data": "bars price_side entries trades filled_at every warmup timeframe timezone pip",
    "data.split": "validation_start test_start embargo_bars",
    "costs": "spread_pips commission slippage_pips swap_long_pips swap_short_pips",
    "env": "max_bars entry_fill order_fill initial_stop_atr tighten_fraction partial_fraction "
    "max_partials breakeven_buffer min_stop_distance features",
    "guards": "mode exit_allows_loss min_profit_for_exit min_bars_for_exit min_profit_for_partial "
    "min_bars_for_partial min_profit_for_trail min_bars_for_trail tighten_cooldown",
    "reward": "w_realized w_mtm reward_scale regret_coef time_coef time_sigmoid_center tighten_sl_cost "
    "trail_sl_cost invalid_action_penalty risk_coef dd_threshold",
    "ppo": "num_envs num_steps total_timesteps num_epochs minibatch_size gamma gae_lambda clip_epsilon "
    "value_clip value_coef target_kl learning_rate learning_rate_end max_grad_norm entropy_coef_start "
    "entropy_coef_end entropy_anneal_steps",
    "network": "hidden_sizes layer_norm initial_hold_probability",
    "evaluation": "validate_every checkpoint_every score",
    "tracking": "wandb project entity group tags",
}
FIRST = frozenset(
    f"{section}.{name}".lstrip(".") for section, names in _FIRST.items() for name in names.split()
)
"""Keys of the first snapshots, which are always part of the hash. Closed: a key that came later is part of it
only where it is not at its default, so a new key must default to what was before it."""
HEADER = "# Frozen by jaxexit: what this version was trained with. Do not edit.\n"


def resolved(experiment: Experiment) -> dict[str, Any]:
    """Everything that decides a result, complete and plain, in the schema's order; a recipe as its hash."""
    content = experiment.model_dump(mode="json")
    # Scales follow from the data, the precision used from the device.
    for name in ("parent", "overrides", "scales", "precision_used"):
        content.pop(name)
    content.pop("recipe")
    return content if experiment.recipe is None else content | {"recipe": experiment.recipe.sha256}


def experiment_sha256(experiment: Experiment) -> str:
    """SHA-256 of the canonical JSON of what decides the result.

    A key that is not one of `FIRST` counts only where it is not at its default: what was frozen before the
    key existed keeps its hash.
    """
    text = json.dumps(_hashed(resolved(experiment)), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _hashed(content: Mapping[str, Any]) -> dict[str, Any]:
    def kept(values: Mapping[str, Any], defaults: Mapping[str, Any], path: str) -> dict[str, Any]:
        result = {}
        for key, value in values.items():
            default = defaults.get(key)
            if isinstance(value, Mapping) and isinstance(default, Mapping):
                if inner := kept(value, default, f"{path}{key}."):
                    result[key] = inner
            elif f"{path}{key}" in FIRST or value != default:
                result[key] = value
        return result

    return kept(content, _defaults(), "")


@lru_cache(maxsize=1)
def _defaults() -> dict[str, Any]:
    return resolved(Experiment(version=""))


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
            f"{path}: was edited after it was frozen (its SHA-256 differs); restore it, or train again "
            "with --overwrite"
        )
    return experiment


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Dotted keys whose values differ between two resolved experiments: (before, after)."""
    pairs: dict[str, tuple[Any, Any]] = {}
    for key in {**before, **after}:
        old, new = before.get(key), after.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            inner = differences(old, new)
            pairs |= {f"{key}.{name}": pair for name, pair in inner.items()}
        elif old != new:
            pairs[key] = (old, new)
    return pairs


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The same as JSON has it, without the words: {key: [value before, value now]}."""
    pairs = differences(before, after)
    return {key: list(pair) for key, pair in pairs.items() if key not in WORDS}
