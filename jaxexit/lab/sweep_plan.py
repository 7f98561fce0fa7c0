"""A sweep's file: which numbers are varied, and how. Read, checked, and its trials drawn.

    experiment: v2_exit_guards
    method: random            # or grid, optuna
    trials: 16                # of a grid: their product, and may be left out
    at_once: 4                # optuna: trials a round, the next ones learn from them
    parameters:
      ppo.learning_rate: {low: 1e-4, high: 1e-3, log: true}
      guards.min_bars_for_exit: [0, 2, 4]

Only traced numbers can be varied in one program. A learner's structure (its network, its batch sizes) needs a
program for each value: `optuna` searches across programs (`lab.search`). What defines the problem (data,
costs, horizon) is never varied.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from jaxexit.config import Experiment, find_experiment, load_experiment
from jaxexit.config.load import read_text
from jaxexit.config.text import dump_value, nearest, parse_mapping, shown
from jaxexit.env.types import Guards, Orders, RewardWeights
from jaxexit.errors import ConfigError
from jaxexit.learners import kind_of

MOST_TRIALS = 1024
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
KEYS = ("experiment", "method", "trials", "at_once", "parameters")
METHODS = ("grid", "random", "optuna")
AT_ONCE = 8  # trials a round by default
NOT_VARIED = ("reward.gamma", "env.max_bars")
"""Traced, but the learner's (gamma) or part of the problem (the horizon)."""
ENV_KEYS = tuple(
    key
    for section, numbers in (("guards", Guards), ("reward", RewardWeights), ("env", Orders))
    for key in (f"{section}.{name}" for name in numbers._fields)
    if key not in NOT_VARIED
)
"""Keys of the environment that a sweep can vary in one program."""


@dataclass(frozen=True)
class SweepPlan:
    """A sweep with its trials; or a search, whose trials are suggested while it runs.

    Attributes:
        name: of its file, without the suffix.
        base: the experiment that is varied.
        yaml: the base's file.
        method: grid, random or optuna.
        parameters: as the file has them.
        overrides: `--set` of the base.
        trials: how many there will be.
        at_once: of a search, trials a round.
        settings: the values of each trial by key; of a search none yet.
        experiments: the experiment of each trial.
    """

    name: str
    base: Experiment
    yaml: Path
    method: str
    parameters: dict[str, Any]
    overrides: tuple[str, ...]
    trials: int
    at_once: int
    settings: tuple[dict[str, Any], ...] = ()
    experiments: tuple[Experiment, ...] = ()

    def drawn(self, settings: Sequence[dict[str, Any]], name: str | None = None) -> SweepPlan:
        """The same with these trials, all of one structure, and optionally another name.

        Raises:
            ConfigError: the values of a trial do not go together.
        """
        experiments = tuple(
            load_experiment(self.yaml, [*self.overrides, *_words(setting)]) for setting in settings
        )
        structure = structure_of(self.base, settings[0])
        return replace(
            self,
            name=name or self.name,
            base=load_experiment(self.yaml, [*self.overrides, *_words(structure)]),
            trials=len(settings),
            settings=tuple(settings),
            experiments=experiments,
        )


def load_sweep(path: Path, overrides: list[str], root: Path) -> SweepPlan:
    """Read a sweep's file and draw its trials; random ones from the experiment's seed.

    Args:
        path: the YAML file.
        overrides: `--set` of the base experiment.
        root: where versions live.

    Raises:
        ConfigError: one line: the file, the key, its value and what is expected.
    """
    if not NAME.fullmatch(path.stem):  # its results are in a folder of that name
        raise ConfigError(
            f"{path}: got the name {shown(path.stem)}, expected letters, digits, '_', '-' and '.', the first "
            "one a letter or digit; rename the file"
        )
    content = parse_mapping(read_text(path), str(path))
    for key in content:
        if key not in KEYS:
            expected = ", ".join(KEYS)
            raise ConfigError(
                f"{path}: {key}: unknown key, expected {expected}{nearest(key, KEYS)}"
            )
    method = content.get("method", "grid")
    if method not in METHODS:
        raise ConfigError(
            f"{path}: method: got {shown(method)}, expected 'grid', 'random' or 'optuna'"
        )
    at_once = content.get("at_once", AT_ONCE)
    if ("at_once" in content and method != "optuna") or type(at_once) is not int or at_once < 1:
        raise ConfigError(
            f"{path}: at_once: got {shown(at_once)}, expected a whole number from 1 up, for "
            "method 'optuna' only"
        )
    named, parameters = content.get("experiment"), content.get("parameters")
    if not isinstance(named, str):
        raise ConfigError(
            f"{path}: experiment: got {shown(named)}, expected a version's name or file"
        )
    if not isinstance(parameters, Mapping) or not parameters:
        raise ConfigError(
            f"{path}: parameters: got {shown(parameters)}, expected a mapping of keys to values"
        )
    yaml = find_experiment(named, root)
    base = load_experiment(yaml, overrides)
    for key, values in parameters.items():
        _check(base, f"{path}: parameters.{key}", key, values, method)
    trials = content.get("trials")
    plan = SweepPlan(
        path.stem, base, yaml, method, dict(parameters), tuple(overrides), trials or 0, at_once
    )
    if method == "optuna":
        _check_trials(path, trials)
        return plan
    draw = _grid if method == "grid" else _random
    return plan.drawn(draw(path, dict(parameters), trials, base.seed))


def _words(setting: dict[str, Any]) -> list[str]:
    return [f"{key}={dump_value(value)}" for key, value in setting.items()]


def structure_of(base: Experiment, setting: Mapping[str, Any]) -> dict[str, Any]:
    """Those values of a trial that make another program."""
    keys = kind_of(base).structure_keys
    return {key: value for key, value in setting.items() if key in keys}


def _check(base: Experiment, where: str, key: str, values: Any, method: str) -> None:
    learner = kind_of(base)
    traced = (*ENV_KEYS, *learner.traced_keys)
    if field_of(key) is None:
        raise ConfigError(f"{where}: no such key of an experiment{nearest(key, traced)}")
    if key not in traced and not (method == "optuna" and key in learner.structure_keys):
        raise ConfigError(
            f"{where}: cannot be varied within one program, it needs a run for each value; expected numbers "
            f"of guards, reward, {base.learner} and the actions in env, and with method 'optuna' "
            + ", ".join(learner.structure_keys)
        )
    if isinstance(values, tuple):
        if not values:
            raise ConfigError(f"{where}: got an empty list, expected at least one value")
        return
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"{where}: got {shown(values)}, expected a list of values, or low and high"
        )
    if method == "grid":
        raise ConfigError(f"{where}: got low and high, expected a list of values in a grid")
    for name in values:
        if name not in ("low", "high", "log"):
            raise ConfigError(f"{where}.{name}: unknown key, expected low, high, log")
    low: Any = values.get("low")
    high: Any = values.get("high")
    if not (_is_number(low) and _is_number(high) and low < high):
        raise ConfigError(
            f"{where}: got low {shown(low)} and high {shown(high)}, expected two numbers, low below high"
        )
    if not isinstance(values.get("log", False), bool):
        raise ConfigError(f"{where}.log: got {shown(values['log'])}, expected true or false")
    if values.get("log") and low <= 0:
        raise ConfigError(f"{where}.low: got {shown(low)}, expected a number above 0 with log")


def field_of(key: str) -> Any:
    """The type of an experiment's field, None where there is none."""
    model: Any = Experiment
    *sections, name = key.split(".")
    for section in sections:
        field = model.model_fields.get(section)
        model = None if field is None else field.annotation
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return None
    field = model.model_fields.get(name)
    return None if field is None else (field.annotation or object)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _grid(path: Path, parameters: dict[str, Any], trials: Any, seed: int) -> list[dict[str, Any]]:
    del seed
    count = math.prod(len(values) for values in parameters.values())
    if trials not in (None, count):
        raise ConfigError(
            f"{path}: trials: got {shown(trials)}, expected {count}, the size of this grid"
        )
    _check_trials(path, count)
    rows = itertools.product(*parameters.values())
    return [dict(zip(parameters, row, strict=True)) for row in rows]


def _random(path: Path, parameters: dict[str, Any], trials: Any, seed: int) -> list[dict[str, Any]]:
    _check_trials(path, trials)
    rng = np.random.default_rng(seed)
    return [
        {key: _draw(rng, values, field_of(key)) for key, values in parameters.items()}
        for _ in range(trials)
    ]


def _check_trials(path: Path, trials: Any) -> None:
    if type(trials) is not int or not 2 <= trials <= MOST_TRIALS:
        raise ConfigError(
            f"{path}: trials: got {shown(trials)}, expected a whole number from 2 to {MOST_TRIALS}"
        )


def _draw(rng: np.random.Generator, values: Any, kind: Any) -> Any:
    """One value: of a list any with equal chance, of a range uniform, or uniform in its logarithm."""
    if isinstance(values, tuple):
        return values[int(rng.integers(len(values)))]
    low, high = values["low"], values["high"]
    if kind is int and not values.get("log"):
        return int(rng.integers(math.ceil(low), math.floor(high) + 1))
    drawn = (
        math.exp(rng.uniform(math.log(low), math.log(high)))
        if values.get("log")
        else rng.uniform(low, high)
    )
    return round(drawn) if kind is int else float(f"{drawn:.6g}")
