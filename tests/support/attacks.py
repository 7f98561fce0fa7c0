"""Attacks on a JSON document: every field of another type, out of bounds, absent, or nested beyond reason."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

NESTED = 10_000
MARK = "@attack@"
VALUES: dict[str, str] = {
    "null": "null",
    "true": "true",
    "a number": "7",
    "a number below zero": "-99",
    "half a number": "1.5",
    "the largest float": "1e308",
    "beyond floats": "1e999",
    "NaN": "NaN",
    "minus infinity": "-Infinity",
    "more digits than a number has": "9" * 400,
    "text": '"text"',
    "no text": '""',
    "markup": '"[bold red]x[/]"',
    "half of a tag": '"[/red]"',
    "escapes": '"\\u001b[31m\\u202e\\u0000"',
    "half a character": '"\\ud800"',
    "an empty list": "[]",
    "a list of nothing": "[null]",
    "an empty mapping": "{}",
    "a mapping": '{"[/a]": {"b": null}}',
    "nested 60 deep": "[" * 60 + "]" * 60,
    "nested 10,000 deep": '{"a":' * NESTED + "1" + "}" * NESTED,
}
WHOLE: dict[str, bytes] = {
    "nothing": b"",
    "a list": b"[]",
    "null": b"null",
    "text": b'"registry"',
    "not UTF-8": b'{"a": "\xff"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "bytes": bytes(range(256)),
    "nested lists": b"[" * NESTED + b"]" * NESTED,
    "a newer schema": b'{"schema_version": 99, "format": 99}',
}


class Attack(NamedTuple):
    """A document that somebody has changed."""

    name: str  # what was done to which field
    content: bytes


def places(content: Any, path: tuple[Any, ...] = (), most: int = 3) -> Iterator[tuple[Any, ...]]:
    """Every field, of a list the first and the last item; of a mapping of many alike the first few, and those
    whose keys are others."""
    if path:
        yield path
    if isinstance(content, dict):
        alike = len(content) > 40 or (path and path[-1] in ("policies", "settings"))
        keys = _few(content, most) if alike else list(content)
        for key in keys:
            yield from places(content[key], (*path, key), most)
    elif isinstance(content, list) and content:
        for number in dict.fromkeys((0, len(content) - 1)):
            yield from places(content[number], (*path, number), most)


def _few(content: dict[str, Any], most: int) -> list[str]:
    """The first keys of a mapping, and the first of every further kind of value."""
    kinds: dict[Any, str] = {}
    for key, value in list(content.items())[most:]:
        kinds.setdefault(frozenset(value) if isinstance(value, dict) else type(value), key)
    first = list(content)[:most]
    seen = [frozenset(v) if isinstance(v := content[key], dict) else type(v) for key in first]
    return first + [key for kind, key in kinds.items() if kind not in seen]


def _with(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at a path; `...` removes it."""
    changed = json.loads(json.dumps(content))
    place = changed
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return changed


def attacks(text: str) -> Iterator[Attack]:
    """All attacks on a document."""
    content = json.loads(text)
    for name, whole in WHOLE.items():
        yield Attack(f"the whole: {name}", whole)
    yield Attack("the whole: cut short", text.encode()[: len(text) // 2])
    for path in places(content):
        key = ".".join(map(str, path))
        yield Attack(f"{key}: absent", json.dumps(_with(content, path, ...)).encode())
        marked = json.dumps(_with(content, path, MARK))
        for name, value in VALUES.items():
            yield Attack(f"{key}: {name}", marked.replace(f'"{MARK}"', value).encode())
        if isinstance(path[-1], str):
            quoted = json.dumps(path[-1])
            twice = marked.replace(f'"{MARK}"', f"1, {quoted}: 2")
            yield Attack(f"{key}: twice", twice.encode())
