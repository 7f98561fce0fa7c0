"""The one place where a document of ours is read: valid, or one line with file, field, got and expected.

Nothing is repaired and nothing is guessed. A document is strict JSON (no NaN, no number beyond a float, no
key twice, no half surrogate), nested at most `DEEPEST` deep, at most `MOST_BYTES` long, and what its model
says. What is returned is the plain content without its schema version, which is written by `write_document`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from jaxexit.config.messages import EXPECTED, within
from jaxexit.config.text import shown
from jaxexit.errors import RunError
from jaxexit.store.documents.parts import MOST, Document, Part, fault
from jaxexit.store.files import write_json

MOST_BYTES = 64 << 20  # a summary with all exits of the catalogue has less than one
DEEPEST = 40
MOST_DIGITS = 40
PartOf = TypeVar("PartOf", bound=Part)


class _BadError(ValueError):
    """Why a text is no document."""


def read_document(path: Path, kind: type[Document], *, mend: str | None = None) -> Any:
    """The content of a document, None where there is no file.

    Args:
        path: the file.
        kind: what it must be.
        mend: what to do about one that is not; None: as the kind says.

    Raises:
        RunError: one line: the file, the field, what is there, what was expected, what to do.
    """
    given, mend = mend, mend or kind.MEND
    try:
        if path.stat().st_size > MOST_BYTES:
            raise RunError(f"{path}: is larger than {MOST_BYTES >> 20} MiB, no document is; {mend}")
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is not UTF-8 text"
        raise RunError(f"{path}: cannot be read ({reason}); {mend}") from None
    return checked(parsed(text, str(path), mend), kind, str(path), mend=given)


def parsed(text: str, where: str, mend: str) -> Any:
    """Strict JSON as plain values.

    Raises:
        RunError: one line that begins with `where`.
    """
    try:
        content = json.loads(
            text,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_once,
        )
        _check_values(content, (), 0)
    except RecursionError:
        raise RunError(f"{where}: is nested too deeply, at most {DEEPEST} deep; {mend}") from None
    except ValueError as error:
        words = " ".join(str(error).split())
        raise RunError(f"{where}: cannot be read ({words}); {mend}") from None
    return content


def checked(content: Any, kind: type[Document], where: str, *, mend: str | None = None) -> Any:
    """The content, without its schema version, if it is what `kind` says.

    Raises:
        RunError: one line that begins with `where`.
    """
    instead = f"; {mend}" if mend else ""
    mend = mend or kind.MEND
    if not isinstance(content, dict):
        raise RunError(f"{where}: got {shown(content)}, expected a mapping of keys; {mend}")
    schema = content.get(kind.VERSION_KEY, 1)
    if type(schema) is not int:
        got = f"{kind.VERSION_KEY}: got {shown(schema)}, expected a whole number"
        raise RunError(f"{where}: {got}; {mend}")
    if schema > kind.NEWEST:
        raise RunError(
            f"{where}: has schema {schema}, and this jaxexit reads none above {kind.NEWEST}; install the "
            f"newer one that wrote it{instead}"
        )
    try:
        kind.model_validate(content)
    except ValidationError as error:
        raise RunError(line_about(error, where, mend)) from None
    if kind.KEEPS_VERSION:
        return content
    return {key: value for key, value in content.items() if key != "schema_version"}


def part(content: Any, kind: type[PartOf], where: str) -> PartOf:
    """A part of a document whose key depends on another's value, within a validator of the whole.

    Raises:
        PydanticCustomError: as `fault`, its field `where` and below.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise fault(_first_mistake(error, where)) from None


def write_document(path: Path, content: Mapping[str, Any], kind: type[Document]) -> None:
    """Replace a document, its schema version first, after checking that it can be read again.

    Raises:
        RunError: it cannot be written.
    """
    whole = dict(content)
    if kind.VERSION_KEY == "schema_version":
        whole = {"schema_version": kind.NEWEST, **whole}
    kind.model_validate(whole)
    write_json(path, whole)


def line_about(error: ValidationError, where: str, mend: str) -> str:
    """The first mistake of a document in one line."""
    return f"{where}: {_first_mistake(error)}; {mend}"


def _first_mistake(error: ValidationError, above: str = "") -> str:
    errors = error.errors(include_url=False)
    first = max(errors, key=lambda one: len(one["loc"]))  # of a union the member that went deepest
    same = [one for one in errors if one["loc"] == first["loc"]]
    return _mistake(first, same, above)


def _mistake(error: ErrorDetails, same: Sequence[ErrorDetails], above: str) -> str:
    keys = [above] if above else []
    keys += [
        str(key) for key in error["loc"] if not (isinstance(key, str) and "[" in key and "]" in key)
    ]
    key = ".".join(keys).replace(".[key]", "")
    kind, context = error["type"], error.get("ctx", {})
    got = shown(error["input"])
    if kind == "figure":
        return f"{key}.{error['msg']}" if key else error["msg"]
    if kind == "missing":
        return f"{key}: missing, expected it"
    if kind == "value_error":
        return f"{key}.{context['error']}" if key else str(context["error"])
    if kind == "literal_error":
        return f"{key}: got {got}, expected {str(context['expected']).replace(' or ', ', ')}"
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        return f"{key}: got {got}, expected {within(kind, context)}"
    if kind in ("too_short", "too_long"):
        bound = context.get("min_length") if kind == "too_short" else context.get("max_length")
        return f"{key}: got {got}, expected {'at least' if kind == 'too_short' else 'at most'} {bound} items"
    if kind == "string_too_short":
        return f"{key}: got {got}, expected text that is not empty"
    kinds = dict.fromkeys(EXPECTED.get(one["type"], one["msg"]) for one in same)
    return f"{key}: got {got}, expected {' or '.join(kinds)}"


def _no_constant(name: str) -> Any:
    raise _BadError(f"got {name}, which JSON does not have")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _BadError(f"got {text[:MOST_DIGITS]}, which no float holds")
    return value


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS or abs(value := int(text)) > MOST:
        raise _BadError(f"got {text[:MOST_DIGITS]}, expected a whole number of ordinary size")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise _BadError(f"key {shown(twice)} is written twice")
    return content


def _check_values(value: Any, keys: tuple[str, ...], depth: int) -> None:
    """Refuse what is nested too deeply, and text that could not be written again."""
    if depth > DEEPEST:
        raise RecursionError
    if isinstance(value, dict):
        for key, item in value.items():
            _check_values(key, keys, depth)
            _check_values(item, (*keys, key), depth + 1)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _check_values(item, (*keys, str(number)), depth + 1)
    elif isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _BadError(
                f"{'.'.join(keys)}: expected text, got half a character of it"
            ) from None
