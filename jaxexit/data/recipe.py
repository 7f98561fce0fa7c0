"""Recipes: the user's own function from bars to columns (and entries), run by this program.

A column that comes finished in a file cannot be shown to be honest. One that a recipe makes can: run again
on bars that end at any moment, or go on otherwise from there, it must give the same values up to that moment
(`truth.audit.recomputed`). The file `data.recipe` lies beside the experiment's and has

    def columns(bars: pandas.DataFrame) -> pandas.DataFrame   # or a dict of arrays; a row for each bar
    def entries(bars: pandas.DataFrame) -> pandas.DataFrame   # optional: time, direction (+1 long, -1 short)

`bars` has time (UTC, bar opens), open, high, low, close (mid), bid_open ... ask_close, spread (at the close),
all in price units, and volume where the file has one; nothing else that the file says: a recipe made of
finished columns would prove nothing. A recipe is a program and can do whatever its user can: it is run only
where the user has said so (`jaxexit.consent`), and in a new namespace each time, so that it keeps nothing.
What it opens besides (a file, a connection) is noted: what comes from there is finished too.
"""

from __future__ import annotations

import linecache
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from jaxexit import consent
from jaxexit.data.bars import SUMMED, Bars
from jaxexit.data.tables import as_numbers, plain
from jaxexit.errors import DataError
from jaxexit.limits import nanoseconds

if TYPE_CHECKING:
    from jaxexit.config import Recipe

SIDES = ("open", "high", "low", "close")
_CODE = (".py", ".pyc", ".so", ".pyd", ".dll", ".dylib")


class Made(NamedTuple):
    """What a recipe made of T bars."""

    columns: dict[str, np.ndarray]  # name: [T] float64
    entries: pd.DataFrame | None  # time (datetime64[ns], UTC), direction (int); None: it makes none
    reads: tuple[str, ...]  # files it opened, addresses it called, sorted


def bar_frame(bars: Bars) -> pd.DataFrame:
    """What a recipe is given: T rows, a new table each time."""
    frame = pd.DataFrame({"time": pd.DatetimeIndex(bars.times, tz="UTC")})
    for prefix, prices in (("", bars.mid), ("bid_", bars.bid), ("ask_", bars.ask)):
        for index, name in enumerate(SIDES):
            frame[prefix + name] = np.array(prices[:, index])
    frame["spread"] = bars.ask[:, 3] - bars.bid[:, 3]
    volume = next((name for name in bars.table.columns if plain(str(name)) in SUMMED), None)
    if volume is not None:
        frame["volume"] = as_numbers(pd.Series(bars.table[volume])).copy()
    return frame


def run(recipe: Recipe, bars: Bars) -> Made:
    """Run a recipe on bars.

    Raises:
        UserError: nobody has allowed it.
        DataError: it fails, or makes something else than it should; the line names file and line number.
    """
    consent.require(recipe.name)
    with _watched() as reads, _told(recipe):
        namespace: dict[str, Any] = {"__name__": "recipe", "__file__": recipe.name}
        exec(_code(recipe.name, recipe.source), namespace)
        makes = {name: namespace.get(name) for name in ("columns", "entries")}
        columns = {} if makes["columns"] is None else makes["columns"](bar_frame(bars))
        entries = None if makes["entries"] is None else makes["entries"](bar_frame(bars))
    if makes["columns"] is None and makes["entries"] is None:
        raise DataError(
            f"data.recipe: {recipe.name} has no function columns(bars), and no entries(bars); write one"
        )
    return Made(
        _columns(recipe.name, columns, len(bars.times)),
        None if entries is None else _entries(recipe.name, entries),
        tuple(sorted(set(reads))),
    )


def completed(recipe: Recipe | None, bars: Bars) -> Bars:
    """Bars whose table has a recipe's columns too; as they are without a recipe.

    Raises: as `run`.
    """
    return bars if recipe is None else with_columns(bars, run(recipe, bars), recipe.name)


def with_columns(bars: Bars, made: Made, name: str) -> Bars:
    """Bars whose table has what a recipe (of that name) made.

    Raises:
        DataError: the file has a column of that name already.
    """
    both = sorted(set(made.columns) & set(map(str, bars.table.columns)))
    if both:
        raise DataError(
            f"data.recipe: {name} makes a column '{both[0]}', which the bar file has too; rename it"
        )
    table = bars.table if len(bars.table) else pd.DataFrame(index=range(len(bars.times)))
    return replace(bars, table=table.assign(**made.columns))


def _columns(name: str, made: Any, count: int) -> dict[str, np.ndarray]:
    if isinstance(made, pd.Series):
        made = made.to_frame()
    if not isinstance(made, (pd.DataFrame, Mapping)):
        raise DataError(
            f"data.recipe: {name}: got a {type(made).__name__} from columns(bars), expected a DataFrame or "
            "a dict of arrays"
        )
    arrays = {}
    for column in made:
        values = as_numbers(pd.Series(np.asarray(made[column])))
        if len(values) != count:
            raise DataError(
                f"data.recipe: {name}: column '{column}' has {len(values):,} values for {count:,} bars, "
                "give one for each bar"
            )
        arrays[str(column)] = values
    return arrays


def _entries(name: str, made: Any) -> pd.DataFrame:
    if not isinstance(made, pd.DataFrame) or not {"time", "direction"} <= set(made.columns):
        raise DataError(
            f"data.recipe: {name}: entries(bars) must give a DataFrame with columns time and direction"
        )
    times = pd.DatetimeIndex(pd.to_datetime(made["time"], utc=True)).tz_localize(None)
    times = nanoseconds(times, f"data.recipe: {name}: entries(bars)")
    direction = np.sign(as_numbers(pd.Series(np.asarray(made["direction"]))))
    if not np.isin(direction, (1.0, -1.0)).all():
        raise DataError(
            f"data.recipe: {name}: entries(bars): direction must be +1 (long) or -1 (short)"
        )
    table = pd.DataFrame({"time": times.to_numpy(), "direction": direction.astype(int)})
    return table.sort_values(["time", "direction"], kind="stable").reset_index(drop=True)


@lru_cache(maxsize=8)
def _code(name: str, source: str) -> CodeType:
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    return compile(source, name, "exec")


@contextmanager
def _told(recipe: Recipe) -> Iterator[None]:
    """An error of the recipe's as one line with its line number."""
    try:
        yield
    except SyntaxError as error:
        raise DataError(f"data.recipe: {recipe.name}, line {error.lineno}: {error.msg}") from None
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == recipe.name]
        at = f", line {frames[-1].lineno}" if frames else ""
        more = ""
        if isinstance(error, ModuleNotFoundError):
            more = "; a recipe is one file, and imports installed packages only"
        raise DataError(
            f"data.recipe: {recipe.name}{at}: {type(error).__name__}: {error}{more}"
        ) from None


# --- what a recipe opens ---------------------------------------------------------------------

_watcher: tuple[int, list[str]] | None = None  # thread that runs a recipe, and what it has opened
_hooked = False


@contextmanager
def _watched() -> Iterator[list[str]]:
    """Files and connections that this thread opens meanwhile."""
    global _watcher, _hooked
    if not _hooked:
        sys.addaudithook(_hook)  # stays for good; it looks only while a recipe runs
        _hooked = True
    before, reads = _watcher, []
    _watcher = (threading.get_ident(), reads)
    try:
        yield reads
    finally:
        _watcher = before


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watcher is None or threading.get_ident() != _watcher[0]:
        return
    tell = _TOLD_EVENTS.get(event)
    said = None if tell is None else tell(arguments)
    if said is not None:
        _watcher[1].append(said)


def _opened(arguments: tuple[Any, ...]) -> str | None:
    """A file that is neither code nor part of an installation."""
    if not isinstance(arguments[0], (str, bytes)):
        return None
    path = arguments[0] if isinstance(arguments[0], str) else arguments[0].decode(errors="replace")
    whole = str(Path(path).absolute())
    ours = whole.endswith(_CODE) or whole.startswith(
        (sys.prefix, sys.base_prefix, "/dev/", "/proc/", "/sys/", "/usr/share/zoneinfo")
    )
    return None if ours else Path(path).name


_TOLD_EVENTS: dict[str, Callable[[tuple[Any, ...]], str | None]] = {
    "open": _opened,
    "socket.connect": lambda arguments: f"the network ({arguments[1]})",
    "subprocess.Popen": lambda arguments: f"another program ({arguments[0]})",
    "os.system": lambda arguments: "another program",
    "sqlite3.connect": lambda arguments: str(arguments[0]),
}
