"""How lines in and out of `advise` are read and written; `schema` has their schemas.

A line is strict JSON: no NaN and no Infinity, no key twice.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError
from pydantic_core import to_json

from jaxexit.errors import DataError, one_line
from jaxexit.limits import HELD, is_held
from jaxexit.live.entering import WaitingTrade
from jaxexit.live.schema import BarLine, CloseLine, Line, TradeToOpen
from jaxexit.resources import MOST_LINE

FIRST_YEAR, LAST_YEAR = 1900, 2199
_PRICES = ("entry_price", "stop", "target", "exit_price")


def read_line(text: str) -> dict[str, Any]:
    """What a line says; trades to open are looked at one by one, by `described`.

    Raises:
        DataError: what is wrong with it.
    """
    if len(text) > MOST_LINE:
        raise DataError(f"is longer than {MOST_LINE:,} characters")
    try:
        content = json.loads(text, parse_constant=_refused, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not a JSON object ({one_line(str(error)[:200])})") from None
    if not isinstance(content, dict):
        raise DataError("is not a JSON object")
    model: type[Line] = BarLine
    if isinstance(content.get("open"), dict | list):
        if odd := sorted(set(content) - {"open", "line"}):
            raise DataError(f"has the unknown key {one_line(odd[0])!r} beside open")
        number = content.get("line")
        if number is not None and (type(number) is not int or number < 1):
            raise DataError(
                f"line: got {one_line(str(number)[:40])}, expected a whole number from 1 up"
            )
        return content
    if "close" in content and not set(content) - {"close", "line"}:
        model = CloseLine
    try:
        found = model.model_validate(content)
    except ValidationError as error:
        raise DataError(_first(error)) from None
    return found.model_dump(exclude_unset=True)


def described(trade: Mapping[str, Any]) -> WaitingTrade:
    """A trade from its description.

    Args:
        trade: `trade` (its name), `entry_time` (as in a file), `direction` ("long" or "short"), and if there
            are any `entry_price`, `stop`, `target`.

    Raises:
        DataError: something is missing, or of no use.
    """
    if not isinstance(trade, Mapping):
        raise DataError(
            f"got {one_line(str(trade)[:40])!r}, expected an object with trade and direction"
        )
    given = {key: _plain(value) for key, value in trade.items()}
    odd = sorted(str(key) for key in set(given) - set(TradeToOpen.model_fields))
    if odd:
        raise DataError(f"unknown key {one_line(odd[0])!r}")
    if not given.get("trade") or given.get("direction") not in ("long", "short"):
        raise DataError("needs a name (trade) and a direction: long or short")
    for key in _PRICES:
        if given.get(key) is not None and math.isnan(_number(key, given[key])):
            given[key] = None
    try:
        sound = TradeToOpen.model_validate(given)
    except ValidationError as error:
        raise DataError(_first(error)) from None
    name = str(sound.trade)
    if len(name) > 200:
        raise DataError("has a name of more than 200 characters")
    prices = (sound.entry_price, sound.stop, sound.target)
    for key, price in zip(_PRICES, prices, strict=False):
        if price is not None and not is_held(price):
            raise DataError(f"{key} is {price:g}, which single precision does not hold ({HELD})")
    return WaitingTrade(
        name,
        moment(sound.entry_time),
        1 if sound.direction == "long" else -1,
        *(np.nan if price is None else price for price in prices),
    )


def moment(text: str) -> np.datetime64:
    """A time in UTC, which it is unless it has an offset.

    Raises:
        DataError: it cannot be read, or lies in no market's years.
    """
    if not text[:4].isdecimal():  # pandas also knows "now"
        raise DataError(
            f"entry_time: got {one_line(text[:40])!r}, expected a time like 2024-05-02T14:00Z"
        )
    try:
        time = pd.Timestamp(text)
        time = time if time.tz is None else time.tz_convert("UTC").tz_localize(None)
        year = time.year
    except (ValueError, OverflowError):
        raise DataError(
            f"entry_time: got {one_line(text[:40])!r}, expected a time like 2024-05-02T14:00Z"
        ) from None
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise DataError(
            f"entry_time: got the year {year}, expected one from {FIRST_YEAR} to {LAST_YEAR}"
        )
    return time.as_unit("ns").to_datetime64()


def written(message: Mapping[str, Any]) -> str:
    """A message as a line: strict JSON."""
    return to_json(message, inf_nan_mode="null").decode()


def _refused(word: str) -> Any:
    raise ValueError(f"{word} is no number in JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key stands twice")
    return content


def _plain(value: Any) -> Any:
    """A value of the Python API as JSON has it."""
    if isinstance(value, pd.Timestamp | np.datetime64):
        return str(pd.Timestamp(value))
    return value.item() if isinstance(value, np.generic) else value


def _number(key: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{key}: got {one_line(str(value)[:40])!r}, expected a number") from None


def _first(error: ValidationError) -> str:
    """The first thing that is wrong, in one line."""
    one = error.errors(include_url=False, include_context=False)[0]
    where = one_line(str(one["loc"][0])[:60])
    got = one_line(repr(one["input"])[:60])
    words = one["msg"][0].lower() + one["msg"][1:]
    if one["type"] == "missing":
        return f"{where}: is missing"
    return f"{where}: got {got}; {words}"
