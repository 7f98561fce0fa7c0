"""YAML in, `Experiment` out; and the frozen snapshot of a run. Every error is one line.

<file>: <key>: found <value>, allowed is <what>[; did you mean '<name>'?]
"""

from __future__ import annotations

import datetime
import difflib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from jaxexit.config.schema import Experiment
from jaxexit.errors import ConfigError

VERSION_NAME = re.compile(r"v\d+_[a-z0-9_]+")
NOT_IN_FILES = ("version", "parent", "overrides")  # set by the loader


class _Loader(yaml.SafeLoader):
    """YAML 1.1 made safe for experiments: 3e-4 is a number, a repeated key an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)  # type: ignore[no-untyped-call]
            if isinstance(key, str | int | float | bool) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"'{key}' is written twice", key_node.start_mark
                )
            seen.add(str(key) if not isinstance(key, str) else key)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:float"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"""[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|\.[0-9_]+(?:[eE][-+]?[0-9]+)?
        |[0-9][0-9_]*[eE][-+]?[0-9]+|\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$""",
        re.VERBOSE,
    ),
    list("-+0123456789."),
)


def load_experiment(
    path_or_name: str | Path, overrides: Sequence[str] = (), *, root: Path = Path("experiments")
) -> Experiment:
    """Read, resolve and validate an experiment.

    Args:
        path_or_name: a YAML file, a run folder beside its YAML file, or a version's name under `root`.
        overrides: `a.b=value`, values as in YAML; later ones win.
        root: where versions live.

    Raises:
        ConfigError: one line: the file, the key, what was found, what is allowed.
    """
    path = find_experiment(path_or_name, root)
    content, parent = _resolve(path, ())
    where = str(path)
    for override in overrides:
        _override(content, override)
    return _validate(
        {**content, "version": path.stem, "parent": parent, "overrides": tuple(overrides)}, where
    )


def find_experiment(path_or_name: str | Path, root: Path = Path("experiments")) -> Path:
    """The YAML file that is meant by a path, a run folder or a version's name."""
    given = Path(path_or_name)
    if given.suffix in (".yaml", ".yml"):
        candidates = [given]
    else:
        candidates = [given.with_name(given.name + ".yaml"), root / f"{given}.yaml"]
    for path in candidates:
        if path.is_file():
            if not VERSION_NAME.fullmatch(path.stem):
                raise ConfigError(
                    f"{path}: found the name '{path.stem}', allowed is v<N>_<what_changed> in small "
                    "letters, digits and underscores"
                )
            return path
    known = sorted(found.stem for found in root.glob("v*_*.yaml"))
    hint = _nearest(given.stem, known)
    raise ConfigError(
        f"{candidates[0]}: no such experiment file; give the path of a YAML file{hint}"
    )


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def parse_yaml(text: str, where: str) -> dict[str, Any]:
    """The mapping in a YAML text; dates as ISO strings, sequences as tuples."""
    try:
        content = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "cannot be read"
        raise ConfigError(f"{where}: not valid YAML{line}: {' '.join(problem.split())}") from None
    if content is None:
        raise ConfigError(f"{where}: the file is empty; write an experiment, or `extends:` one")
    if not isinstance(content, dict):
        raise ConfigError(f"{where}: found {_shown(content)}, allowed is a mapping of sections")
    return _plain(content)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_plain(item) for item in value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


def _resolve(path: Path, seen: tuple[Path, ...]) -> tuple[dict[str, Any], str | None]:
    """The content of a file laid over what it extends, and the direct parent's name."""
    if path.resolve() in seen:
        chain = " -> ".join(p.name for p in (*seen, path))
        raise ConfigError(
            f"{path}: extends: found a circle ({chain}), allowed is a chain that ends"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file; `extends` is relative to the file that says it"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
    content = parse_yaml(text, str(path))
    for name in NOT_IN_FILES:
        if name in content:
            raise ConfigError(f"{path}: {name}: is set by the program; take it out of the file")
    base = content.pop("extends", None)
    if base is None:
        return content, None
    if not isinstance(base, str):
        raise ConfigError(f"{path}: extends: found {_shown(base)}, allowed is a file name")
    parent = path.parent / base
    below, _ = _resolve(parent, (*seen, path.resolve()))
    return _laid_over(below, content), parent.stem


def _laid_over(below: Any, above: Any) -> Any:
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        merged = dict(below)
        for key, value in above.items():
            merged[key] = _laid_over(below.get(key), value)
        return merged
    return above


def _override(content: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    names = key.strip().split(".")
    if not equals or not all(names):
        raise ConfigError(f"--set {override}: allowed is section.key=value")
    if names[0] in NOT_IN_FILES or names[0] == "extends":
        raise ConfigError(f"--set {override}: '{names[0]}' cannot be set")
    try:
        value = _plain(yaml.load(text, _Loader))
    except yaml.YAMLError:
        raise ConfigError(f"--set {override}: the value is not valid YAML") from None
    section = content
    for name in names[:-1]:
        inner = section.get(name)
        section[name] = dict(inner) if isinstance(inner, Mapping) else {}
        section = section[name]
    section[names[-1]] = value


def _validate(content: dict[str, Any], where: str) -> Experiment:
    try:
        return Experiment.model_validate(content)
    except ValidationError as error:
        # Of a union's complaints the one that went deepest is about what was meant.
        worst = max(error.errors(include_url=False), key=lambda found: len(_keys(found["loc"])))
        raise ConfigError(f"{where}: {_one_line(worst)}") from None


_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "model_type": "a mapping of keys",
    "model_attributes_type": "a mapping of keys",
    "dict_type": "a mapping of keys",
    "finite_number": "a finite number",
}
_COMPARISONS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
}


def _one_line(error: ErrorDetails) -> str:
    # Pydantic adds the members of a union to the location; only names of our keys, and list
    # positions, are kept.
    keys = _keys(error["loc"])
    key = ".".join(keys)
    kind, context, found = error["type"], error.get("ctx", {}), _shown(error["input"])
    if kind == "extra_forbidden":
        section = _section(keys[:-1])
        names = [name for name in section.model_fields if name not in NOT_IN_FILES]
        hint = _nearest(keys[-1], names)
        return f"{key}: unknown key, allowed are {', '.join(names)}{hint}"
    if kind == "missing":
        return f"{key}: missing, write it"
    if kind == "value_error":
        message = str(context["error"])
        return f"{key}.{message}" if key else message
    if kind == "literal_error":
        allowed = str(context["expected"]).replace(" or ", ", ")
        hint = _nearest(str(error["input"]), [name.strip(" '") for name in allowed.split(",")])
        return f"{key}: found {found}, allowed are {allowed}{hint}"
    if kind in _COMPARISONS:
        name, words = _COMPARISONS[kind]
        return f"{key}: found {found}, allowed is {words} {context[name]}"
    if kind == "too_short":
        return f"{key}: found {found}, allowed is at least {context['min_length']} item"
    allowed = _EXPECTED.get(kind, error["msg"])
    return f"{key}: found {found}, allowed is {allowed}"


def _section(keys: Sequence[str]) -> type[BaseModel]:
    """The model of the section at a dotted path (the nearest that is one)."""
    model: type[BaseModel] = Experiment
    for key in keys:
        field = model.model_fields.get(key)
        if field is None or not isinstance(field.annotation, type):
            if key.isdigit():  # an item of env.features
                from jaxexit.config.schema import UserFeature

                return UserFeature
            continue
        if issubclass(field.annotation, BaseModel):
            model = field.annotation
    return model


def _keys(location: tuple[int | str, ...]) -> list[str]:
    """The dotted path in the file, without the names that pydantic gives to members of a union."""
    unions = {"str", "float", "int", "bool", "UserFeature", "none"}
    return [str(part) for part in location if isinstance(part, int) or not _is_union(part, unions)]


def _is_union(part: str, unions: set[str]) -> bool:
    return part in unions or "[" in part


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, tuple | list):
        return "a list"
    text = " ".join(str(value).split())
    text = text if len(text) <= 60 else text[:57] + "..."
    return f"'{text}'" if isinstance(value, str) else text


# --- snapshots -----------------------------------------------------------------------------


def resolved(experiment: Experiment) -> dict[str, Any]:
    """Everything that decides a result, complete and plain, in the schema's order."""
    content = experiment.model_dump(mode="json")
    for name in ("parent", "overrides"):
        content.pop(name)
    return content


def experiment_sha256(experiment: Experiment) -> str:
    """SHA-256 of the canonical JSON of what decides the result."""
    text = json.dumps(resolved(experiment), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def dump_snapshot(experiment: Experiment) -> str:
    """The resolved experiment as YAML, with its hash."""
    content = {
        "sha256": experiment_sha256(experiment),
        "parent": experiment.parent,
        "overrides": list(experiment.overrides),
        **resolved(experiment),
    }
    header = "# Frozen by jaxexit: what this version was trained with. Do not edit.\n"
    return header + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def load_snapshot(path: Path) -> Experiment:
    """Read a frozen snapshot back.

    Raises:
        ConfigError: it is missing, or was edited since it was frozen.
    """
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such snapshot; train the version first") from None
    frozen = content.pop("sha256", None)
    experiment = _validate(content, str(path))
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
