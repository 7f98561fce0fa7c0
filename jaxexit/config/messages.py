"""Pydantic's validation errors as one line that says what to do.

<key>: got <value>, expected <what>[; did you mean '<name>'?]
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from jaxexit.config.schema import SET_BY_PROGRAM, Experiment
from jaxexit.config.text import nearest, shown
from jaxexit.config.trading import UserFeature

EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number of ordinary size",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "model_type": "a mapping of keys",
    "model_attributes_type": "a mapping of keys",
    "dict_type": "a mapping of keys",
    "finite_number": "a finite number",
}
_BOUNDS = {
    "greater_than": ("gt", "above {}"),
    "greater_than_equal": ("ge", "from {} up"),
    "less_than": ("lt", "below {}"),
    "less_than_equal": ("le", "up to {}"),
}
# Pydantic puts the name of a union's member into an error's location, where no key of ours is.
_UNION_MEMBERS = {"str", "float", "int", "bool", "none", UserFeature.__name__}


class Mistake(NamedTuple):
    """One mistake in an experiment."""

    keys: tuple[str, ...]  # where, as a path of keys
    words: str  # the line, which begins with the dotted key


def worst(error: ValidationError) -> Mistake:
    """The mistake to report first: an unknown key, else the most deeply nested."""
    errors = error.errors(include_url=False)
    unknown = [e for e in errors if e["type"] == "extra_forbidden"]
    # Of a union's complaints the one that went deepest is about what was meant.
    first = (unknown or sorted(errors, key=lambda e: -len(_keys(e))))[0]
    return _mistake(first, [e for e in errors if _keys(e) == _keys(first)])


def _keys(error: ErrorDetails) -> tuple[str, ...]:
    location = error["loc"]
    users_last = error["type"] == "extra_forbidden"  # whatever it is called, the user wrote it
    last = len(location) - 1
    return tuple(
        str(part)
        for i, part in enumerate(location)
        if isinstance(part, int)
        or (users_last and i == last)
        or not (part in _UNION_MEMBERS or "[" in part)
    )


def _mistake(error: ErrorDetails, same_place: Sequence[ErrorDetails]) -> Mistake:
    keys = _keys(error)
    key = ".".join(keys)
    kind, context, got = error["type"], error.get("ctx", {}), shown(error["input"])
    model, field = _schema(keys)
    if kind == "value_error":  # raised by a validator of the schema, which names its key itself
        words = f"{key}.{context['error']}" if key else str(context["error"])
        return Mistake(tuple(words.partition(":")[0].split(".")), words)
    if kind == "extra_forbidden":
        names = [name for name in model.model_fields if name not in SET_BY_PROGRAM]
        hint = nearest(keys[-1], names)
        return Mistake(keys, f"{key}: unknown key, expected one of {', '.join(names)}{hint}")
    if kind == "missing":
        return Mistake(keys, f"{key}: missing, expected: {_description(field)}")
    if kind == "literal_error":
        choices = str(context["expected"]).replace(" or ", ", ")
        hint = nearest(str(error["input"]), [name.strip(" '") for name in choices.split(",")])
        several = "one of " if "," in choices else ""
        return Mistake(keys, f"{key}: got {got}, expected {several}{choices}{hint}")
    if kind in _BOUNDS:
        expected = within(kind, context)
    elif kind == "too_short":
        expected = f"at least {context['min_length']} item"
    elif kind == "too_long":
        expected = f"at most {context['max_length']} items"
    else:
        kinds = dict.fromkeys(EXPECTED.get(e["type"], e["msg"]) for e in same_place)
        expected = " or ".join(kinds)
    return Mistake(keys, f"{key}: got {got}, expected {expected}{_or_null(field)}")


def within(kind: str, context: Mapping[str, Any]) -> str:
    """A bound in words: a whole number from 1 up."""
    name, words = _BOUNDS[kind]
    bound = context[name]
    whole = isinstance(bound, int)
    return ("a whole number " if whole else "a number ") + words.format(
        bound if whole else f"{bound:g}"
    )


def _description(field: FieldInfo | None) -> str:
    return (field.description if field is not None else None) or "it has no default"


def _or_null(field: FieldInfo | None) -> str:
    if field is None or get_origin(field.annotation) not in (Union, types.UnionType):
        return ""
    return " or null" if type(None) in get_args(field.annotation) else ""


def _schema(keys: Sequence[str]) -> tuple[type[BaseModel], FieldInfo | None]:
    """The section that a path of keys ends in, and the field it names there, if it is one."""
    model: type[BaseModel] = Experiment
    field: FieldInfo | None = None
    for key in keys:
        if field is not None:  # an item of a list; only features have keys of their own
            model, field = UserFeature, None
            continue
        field = model.model_fields.get(key)
        annotation: Any = field.annotation if field is not None else None
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model, field = annotation, None
    return model, field
