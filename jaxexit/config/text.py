"""YAML text of experiments, read and written: safe, 3e-4 is a number, nothing is read two ways."""

from __future__ import annotations

import copy
import datetime
import difflib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import yaml

from jaxexit.errors import ConfigError, one_line

MOST_VALUES = 10_000  # an experiment has about a hundred; aliases of aliases can make billions

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)$")
_FLOAT = re.compile(
    r"""[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|\.[0-9_]+(?:[eE][-+]?[0-9]+)?
    |[0-9][0-9_]*[eE][-+]?[0-9]+|\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$""",
    re.VERBOSE,
)
_HINTS = {
    "unknown escape": ", write a path in single quotes, or with /",
    "'\\t'": ", write spaces in place of tabs",
}
"""What to do about a problem that YAML's own words do not make clear, by a part of them."""
_REPLACED = {"tag:yaml.org,2002:" + name for name in ("int", "float", "timestamp")}


class _TooLargeError(Exception):
    """There are more values than an experiment has."""


class _Loader(yaml.SafeLoader):
    """YAML 1.1 made safe for experiments; a repeated key is an error.

    YAML 1.1 reads 3e-4 as text, 010 as 8 and 1:30 as 90; here the first is a number and the others are
    text, which no field for numbers accepts. Dates are text, to be checked by the field.
    """

    nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """A value, counted: what no experiment has so many of is not read to its end."""
        self.nodes += 1
        if self.nodes > 2 * MOST_VALUES:  # keys are values here
            raise _TooLargeError
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):  # aliases in one make billions of words
                raise yaml.constructor.ConstructorError(
                    None, None, "a key is no word", key_node.start_mark
                )
            key = str(self.construct_object(key_node, deep=True))  # type: ignore[no-untyped-call]
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"'{key}' is written twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag not in _REPLACED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Dumper(yaml.SafeDumper):
    """Quotes text that either this loader or any other YAML reader would take for something else."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        # Left bare, a character such as U+0085 counts as a line break and is read back as a space.
        odd = not text.replace("\n", "").isprintable()
        return self.represent_scalar("tag:yaml.org,2002:str", text, style='"' if odd else None)


_Dumper.add_representer(str, _Dumper.represent_text)

for _reader in (_Loader, _Dumper):
    _reader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, list("-+0123456789"))
    _reader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


def parse_mapping(text: str, where: str) -> dict[str, Any]:
    """The mapping in a YAML text, as plain values; sequences as tuples, dates as ISO text.

    Raises:
        ConfigError: one line that begins with `where`.
    """
    content = parse_value(text, where)
    if content is None:
        raise ConfigError(f"{where}: the file is empty; write an experiment, or `extends:` one")
    if not isinstance(content, dict):
        raise ConfigError(f"{where}: got {shown(content)}, expected a mapping of sections")
    return content


def parse_value(text: str, where: str) -> Any:
    """Any YAML value as plain values (see `parse_mapping`)."""
    try:
        return copy.deepcopy(_values(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", "cannot be read")
        words = " ".join(problem.split())
        hint = next((hint for sign, hint in _HINTS.items() if sign in words), "")
        raise ConfigError(f"{where}: not valid YAML{line}: {words}{hint}") from None
    except (RecursionError, StopIteration, _TooLargeError):
        raise ConfigError(f"{where}: is nested too deeply, or too large") from None
    except ValueError as error:  # a value that does not fit its explicit tag, e.g. `!!float x`
        raise ConfigError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from None


@lru_cache(maxsize=32)
def _values(text: str) -> Any:
    """Kept, since a command reads the same snapshot again and again; not to be changed."""
    return _plain(yaml.load(text, _Loader), iter(range(MOST_VALUES)))


def _plain(value: Any, budget: Iterator[int]) -> Any:
    next(budget)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, budget) for key, item in value.items()}
    if isinstance(value, list):
        # Not a generator: StopIteration would not come through one.
        return tuple([_plain(item, budget) for item in value])
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, str):
        value.encode()  # half a surrogate pair could never be written again
    return value


def dump_mapping(content: Mapping[str, Any]) -> str:
    """YAML text that `parse_mapping` reads back to the same values, keys in the given order."""
    return yaml.dump(dict(content), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def dump_value(value: Any) -> str:
    """One line of YAML that `parse_value` reads back to the same value; lists in brackets."""
    options: dict[str, Any] = {"default_flow_style": True, "allow_unicode": True, "width": math.inf}
    text = yaml.dump([value], Dumper=_Dumper, **options).strip()[1:-1]
    return json.dumps(value) if "\n" in text else text


def nearest(name: str, known: Sequence[str]) -> str:
    """A hint naming the one that `name` looks like; empty if there is none."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def backslash_hint(path: str) -> str:
    """A hint for a path written as on Windows where this system would look for a file of that name."""
    return "; write / in place of \\" if os.sep == "/" and "\\" in path else ""


def shown(value: Any) -> str:
    """A value as a message shows it: short, one line, as it would be written in YAML."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, tuple | list):
        return "a list" if value else "an empty list"
    text = one_line(str(value))
    text = text if len(text) <= 60 else text[:57] + "..."
    return f"'{text}'" if isinstance(value, str) else text


def override_texts(overrides: Mapping[str, Any] | Sequence[str]) -> list[str]:
    """Overrides of Python as `--set` has them: `{"ppo.num_envs": 16}` is `ppo.num_envs=16`."""
    if not isinstance(overrides, Mapping):
        return list(overrides)
    return [f"{key}={yaml_text(value)}" for key, value in overrides.items()]


def yaml_text(value: Any) -> str:
    """A value as YAML of one line."""
    plain = value.item() if hasattr(value, "item") else value
    text = yaml.safe_dump(plain, default_flow_style=True, width=10**6)
    return text.removesuffix("...\n").strip()
