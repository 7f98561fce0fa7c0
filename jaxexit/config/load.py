"""An experiment's file laid over what it extends, `--set` laid over that, and all of it validated.

Every error is one line: <file>: <key>: got <value>, expected <what>[; did you mean '<name>'?]. The file is
the one that sets the value, be it a parent; with `--set` the override is quoted.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from jaxexit.config.messages import worst
from jaxexit.config.schema import SET_BY_PROGRAM, Experiment
from jaxexit.config.text import backslash_hint, nearest, parse_mapping, parse_value, shown
from jaxexit.errors import ConfigError

MOST_BYTES = 1_000_000  # an experiment has a few thousand
MOST_PARENTS = 32  # files that extend one another
VERSION_NAME = re.compile(r"v[0-9]+_[a-z0-9_]+")


class _Layer(NamedTuple):
    """What one file, or one override, sets."""

    where: str
    content: dict[str, Any]


def load_experiment(
    path_or_name: str | Path, overrides: Sequence[str] = (), *, root: Path = Path("experiments")
) -> Experiment:
    """Read, resolve and validate an experiment.

    Args:
        path_or_name: a YAML file, a run folder beside its YAML file, or a version's name under `root`.
        overrides: `a.b=value`, values as in YAML; later ones win.
        root: where versions live.

    Raises:
        ConfigError: one line: the file, the key, the value, what was expected.
    """
    path = find_experiment(path_or_name, root)
    layers, parent = _layers(path, ())
    if parent is not None:
        load_parent(path)  # what a version is compared with must be an experiment by itself
    layers += [_override(path, text) for text in overrides]
    content = _merged(layers)
    facts = {"version": path.stem, "parent": parent, "overrides": tuple(overrides)}
    facts["recipe"] = _recipe(path, content)
    return validate(content | facts, lambda keys: _says(layers, keys, str(path)))


def _recipe(path: Path, content: Mapping[str, Any]) -> dict[str, str] | None:
    """The program that `data.recipe` names, read; None for a bad name, which validation reports."""
    data = content.get("data")
    name = data.get("recipe") if isinstance(data, Mapping) else None
    if not isinstance(name, str) or not name.endswith(".py") or Path(name).name != name:
        return None
    file = path.parent / name
    if not file.is_file():
        raise ConfigError(
            f"{path}: data.recipe: got {shown(name)}, expected a file beside {path.name}"
        )
    source = read_text(file)
    sha256 = hashlib.sha256(source.encode()).hexdigest()
    return {"name": name, "sha256": sha256, "source": source}


def with_overrides(experiment: Experiment, overrides: Sequence[str]) -> Experiment:
    """An experiment made by the program, changed as `--set` changes one of a file.

    Raises: as `load_experiment`.
    """
    whole = _Layer(experiment.version, experiment.model_dump())
    layers = [whole, *(_override(Path(experiment.version), text) for text in overrides)]
    return validate(_merged(layers), lambda keys: _says(layers, keys, experiment.version))


def parent_file(path: Path) -> Path | None:
    """The file that a file extends directly, or None."""
    return _base(path, parse_mapping(read_text(path), str(path)))


def load_parent(path: Path) -> Experiment | None:
    """The experiment that a file extends directly, or None."""
    base = parent_file(path)
    return None if base is None else load_experiment(base)


def find_experiment(path_or_name: str | Path, root: Path = Path("experiments")) -> Path:
    """The YAML file that is meant by a path, a run folder or a version's name."""
    given = Path(path_or_name)
    if given.suffix in (".yaml", ".yml"):
        candidates = [given]
    else:
        beside = [given.with_name(f"{given.name}.yaml")] if given.name else []
        candidates = [*beside, root / f"{given}.yaml"]
    try:
        path = next((path for path in candidates if path.is_file()), None)
    except OSError as error:  # a name too long, a folder that must not be entered
        raise ConfigError(f"{shown(str(given))}: cannot be read: {error.strerror}") from None
    if path is None:
        known = sorted(
            {p.stem for folder in (given.parent, root) for p in folder.glob("v*_*.yaml")}
        )
        raise ConfigError(
            f"{candidates[0]}: no such experiment file; give the path of a YAML file"
            f"{nearest(given.stem, known)}"
        )
    check_name(path.stem, str(path))
    return path


def validate(content: Mapping[str, Any], where: Callable[[tuple[str, ...]], str]) -> Experiment:
    """The experiment that a complete mapping describes.

    Args:
        content: plain values by key.
        where: names the file that set a path of keys.

    Raises:
        ConfigError: one line.
    """
    try:
        return Experiment.model_validate(content)
    except ValidationError as error:
        mistake = worst(error)
        raise ConfigError(f"{where(mistake.keys)}: {mistake.words}") from None


def read_text(path: Path) -> str:
    """A text file's content, or one line about why it cannot be read."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{path}: is larger than an experiment can be; name its YAML file")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (
            error.strerror if isinstance(error, OSError) else None
        ) or "it is not UTF-8 text, write it as such"
        raise ConfigError(f"{path}: cannot be read: {reason}") from None


def check_name(name: str, where: str) -> None:
    """Refuse what is no version's name; `where` begins the line."""
    if not VERSION_NAME.fullmatch(name):
        raise ConfigError(
            f"{where}: got the name {shown(name)}, expected v<N>_<what_changed> in lower-case letters, "
            "digits and underscores"
        )


def _layers(path: Path, seen: tuple[Path, ...]) -> tuple[list[_Layer], str | None]:
    """A file and all that it extends, the first ancestor first; and the direct parent's name."""
    if path.resolve() in seen:
        chain = " -> ".join(p.name for p in (*seen, path))
        raise ConfigError(f"{path}: extends: got a cycle ({chain}), expected a chain that ends")
    if len(seen) > MOST_PARENTS:
        raise ConfigError(
            f"{seen[0]}: extends: got a chain of more than {MOST_PARENTS} files, expected a shorter one: "
            "write what they set into one file"
        )
    content = parse_mapping(read_text(path), str(path))
    for name in SET_BY_PROGRAM:
        if name in content:
            raise ConfigError(f"{path}: {name}: is set by jaxexit; remove it from the file")
    base = _base(path, content)
    content.pop("extends", None)
    if base is None:
        return [_Layer(str(path), content)], None
    below, _ = _layers(base, (*seen, path.resolve()))
    return [*below, _Layer(str(path), content)], base.stem


def _base(path: Path, content: Mapping[str, Any]) -> Path | None:
    """The file that a file's content extends; relative to the file that says it."""
    name = content.get("extends")
    if name is None:
        return None
    if not isinstance(name, str) or Path(name).suffix not in (".yaml", ".yml"):
        raise ConfigError(f"{path}: extends: got {shown(name)}, expected the name of a YAML file")
    base = path.parent / name
    try:
        there = base.is_file()
    except OSError as error:  # a name too long, a folder that must not be entered
        raise ConfigError(
            f"{path}: extends: got {shown(name)}, expected the name of a readable file "
            f"({error.strerror})"
        ) from None
    if not there:
        known = [p.name for p in path.parent.glob("v*_*.yaml") if p != path]
        raise ConfigError(
            f"{path}: extends: got {shown(name)}, expected a file beside {path.name}"
            f"{nearest(name, known) or backslash_hint(name)}"
        )
    check_name(base.stem, f"{path}: extends")
    return base


def _laid_over(below: Any, above: Any) -> Any:
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        merged = dict(below)
        for key, value in above.items():
            merged[key] = _laid_over(below.get(key), value)
        return merged
    return above


def _merged(layers: Sequence[_Layer]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for layer in layers:
        content = _laid_over(content, layer.content)
    return content


def _override(path: Path, text: str) -> _Layer:
    key, equals, value = text.partition("=")
    names = key.strip().split(".")
    if not equals or not all(names):
        raise ConfigError(f"--set {text}: expected section.key=value")
    if names[0] in (*SET_BY_PROGRAM, "extends"):
        raise ConfigError(f"--set {text}: '{names[0]}' cannot be set")
    content = parse_value(value, f"--set {text}")
    for name in reversed(names):
        content = {name: content}
    return _Layer(f"{path} with --set {text}", content)


def _says(layers: Sequence[_Layer], keys: tuple[str, ...], otherwise: str) -> str:
    """Which layer sets a path of keys, the last one if several do."""
    for layer in reversed(layers):
        value: Any = layer.content
        for key in keys:
            if isinstance(value, Mapping) and key in value:
                value = value[key]
            else:
                # The items of a list are the list's, and so is a section that is no mapping.
                has_it = value is not layer.content and not isinstance(value, Mapping)
                break
        else:
            has_it = True
        if has_it:
            return layer.where
    return otherwise
