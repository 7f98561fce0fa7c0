"""A generator of attacks: instants and numbers that no market has, in every place that a user can write one.

Each attack builds an experiment on 300 made bars, with one thing in it that nanoseconds or single precision
cannot hold, and is either refused with one line, or read as numbers that are all finite.
"""

from __future__ import annotations

import itertools
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from jaxexit.config import Experiment, load_experiment
from jaxexit.data.dataset import Dataset, load_dataset
from jaxexit.data.sources import Sources
from jaxexit.errors import UserError
from jaxexit.limits import is_held
from jaxexit.live.feed import Feed
from jaxexit.live.lines import described
from jaxexit.live.messages import RefusedError
from tests.data.made import bar_table

ROWS, AT = 300, 180  # bars, and the row that is attacked
INSTANTS: dict[str, object] = {
    "year 1": "0001-01-01T00:00:00Z",
    "year 9999": "9999-12-31T23:59:59Z",
    "year 1600": "1600-06-01T00:00:00Z",
    "year 1677": "1677-09-21T00:00:00Z",
    "year 2262": "2262-04-12T00:00:00Z",
    "year 2300": "2300-01-01T00:00:00Z",
    "year 12345": "12345-01-01T00:00:00Z",
    "year 0": "0000-00-00 00:00:00",
    "before Christ": "-0044-03-15T00:00:00Z",
    "epoch 1e20": 1e20,
    "epoch of 400 digits": "9" * 400,
    "epoch -1e19": -1e19,
    "epoch seconds of 2300": 10_413_792_000,
    "epoch milliseconds of 2300": 10_413_792_000_000,
    "infinity": "inf",
}
LAYOUTS = ("%d.%m.%Y %H:%M:%S", "%Y.%m.%d %H:%M", "%Y%m%d %H%M%S", "%Y/%m/%d %H:%M", "%Y-%m-%d")
YEARS = (1, 1500, 1677, 2262, 2300, 9999)
NUMBERS: dict[str, object] = {
    "1e308": 1e308,
    "1e39": 1e39,
    "3.5e38": 3.5e38,
    "1e13": 1e13,
    "1e-13": 1e-13,
    "1e-39": 1e-39,
    "5e-324": 5e-324,
    "1e400": "1e400",
    "-1e308": -1e308,
    "inf": "inf",
    "400 digits": "9" * 400,
}
SETTINGS = (
    *(f"data.pip={n}" for n in ("1.2e-38", "1e-30", "1e30", "3e38")),
    *(f"data.tick_size={n}" for n in ("1.2e-38", "1e-30", "3e38")),
    *(f"costs.spread={n}" for n in ("3e38", "'3e38 price'", "'1e308 bps'", "'3e38 pips'", "1e308")),
    *(f"costs.spread_pips={n}" for n in ("3e38", "1e30", "1.2e-38")),
    *(f"costs.slippage={n}" for n in ("3e38", "'3e38 price'", "'3e38 percent'")),
    *(f"costs.slippage_pips={n}" for n in ("3e38", "1e30")),
    *(f"costs.swap_long={n}" for n in ("3e38", "-3e38", "'3e38 percent'")),
    *(f"costs.swap_short_pips={n}" for n in ("3e38", "-3e38")),
    "costs.funding=3e38",
    "costs.funding=-1e30",
    "env.initial_stop_atr=3e38",
    "env.initial_stop_atr=1e30",
)
MONEY = (
    ("costs.point_value=1.2e-38", "costs.commission_per_lot=3e38"),
    ("costs.point_value=1.2e-38", "costs.commission_minimum=1"),
    ("costs.point_value=3e38", "costs.lots=3e38"),
    ("costs.point_value=1", "costs.commission_per_lot=3e38"),
    ("data.pip=1e-30", "costs.slippage_pips=1e-20"),
    ("data.pip=3e38", "costs.slippage_pips=3e38"),
)
OUTSIDE = ("0001-01-01", "1600-01-01", "1677-09-20", "2262-04-12", "2300-01-01", "9999-12-31",
           "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1e9", "2015-13-45")  # fmt: skip

Attempt = Callable[[Path], object]


class Attack(NamedTuple):
    """One impossible thing, in one place."""

    name: str
    attempt: Attempt  # in an empty folder


class Outcome(NamedTuple):
    """What became of an attack."""

    held: bool
    words: str  # the line that refused it, or what went wrong


def attacks() -> Iterator[Attack]:
    """All of them."""
    yield from _instants_of_bars()
    yield from _numbers_of_bars()
    yield from _settings()
    yield from _lists()
    yield from _live()


def outcome(attack: Attack, folder: Path) -> Outcome:
    """Try it: refused with one line and nothing else said, or read as finite numbers."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            result = attack.attempt(folder)
        except (UserError, RefusedError) as error:
            words = str(error)
            if "\n" in words or len(words) > 700:
                return Outcome(False, f"no line: {words[:80]}")
            if said:
                return Outcome(False, f"warned before its line: {said[0].message}")
            return Outcome(True, words)
        except Exception as error:
            return Outcome(False, f"internal error: {type(error).__name__}: {str(error)[:80]}")
    if said:
        return Outcome(False, f"warned: {said[0].message}")
    if isinstance(result, Dataset) and (odd := _not_finite(result)):
        return Outcome(False, f"believed: {odd}")
    return Outcome(True, "read as finite numbers")


def _not_finite(dataset: Dataset) -> str:
    """The first array of the device that has a number which is none."""
    market = {name: leaf for name, leaf in dataset.market._asdict().items() if leaf is not None}
    for name, leaf in market.items():
        if not np.isfinite(np.asarray(leaf, np.float64)).all():
            return name
    for split, trades in dataset.splits.items():
        for name in ("entry_price", "stop", "direction"):
            if not np.isfinite(np.asarray(getattr(trades, name))).all():
                return f"{split} {name}"
        for name in ("target", "given_fill"):
            if np.isinf(np.asarray(getattr(trades, name))).any():
                return f"{split} {name}"
    charges = dataset.charges._asdict()
    for name, value in charges.items():
        if isinstance(value, float) and not np.isfinite(np.float32(value)):
            return f"charges.{name}"
    if dataset.unit.base == "price":
        scaled = np.float64(np.asarray(dataset.market.ask).max()) / dataset.unit.size
        if not scaled < np.finfo(np.float32).max:
            return f"prices of {scaled:g} {dataset.unit.words}"
    return ""


def made_bars(**columns: object) -> pd.DataFrame:
    """Made bars with other columns, or with one value at the attacked row."""
    table = bar_table(rows=ROWS)
    table["time"] = table["time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    for name, value in columns.items():
        if np.ndim(value):  # type: ignore[arg-type]
            table[name] = value
            continue
        cells = (table[name] if name in table else pd.Series(1.0, table.index)).astype(object)
        cells.iloc[AT] = value
        table[name] = cells
    return table


def written(
    folder: Path, table: pd.DataFrame | None, *overrides: str, more: str = ""
) -> Experiment:
    """An experiment on such bars; `more` is YAML to append."""
    yaml = folder / "v1_attack.yaml"
    yaml.write_text(f"description: a\nhypothesis: b\nenv: {{max_bars: 10}}\n{more}")
    bars = folder / "eurusd.csv"
    (made_bars() if table is None else table).to_csv(bars, index=False)
    return load_experiment(
        yaml, [f"data.bars='{bars}'", "data.price_side=mid", "data.warmup=60", *overrides]
    )


def _load(folder: Path, table: pd.DataFrame | None, *overrides: str, more: str = "") -> Dataset:
    """The data of an experiment on such bars."""
    return load_dataset(written(folder, table, *overrides, more=more))


def _cell(column: str, value: object, *overrides: str) -> Attempt:
    return lambda folder: _load(folder, made_bars(**{column: value}), *overrides)


def _instants_of_bars() -> Iterator[Attack]:
    for name, value in INSTANTS.items():
        yield Attack(f"a bar's time: {name}", _cell("time", value))
    opens = pd.DatetimeIndex(bar_table(rows=ROWS)["time"])
    for year in YEARS:
        for layout in LAYOUTS:
            stamps = [time.strftime(layout).replace("2022", f"{year:04d}") for time in opens[:ROWS]]
            yield Attack(f"all bars of {year}, written {layout}", _cell("time", stamps))
        months = np.datetime64(f"{year:04d}-02-01", "s") + np.arange(ROWS) * np.timedelta64(
            900, "s"
        )
        for unit in ("s", "ms", "us"):
            yield Attack(f"a frame of {year} in {unit}", _framed(months.astype(f"M8[{unit}]")))
        epochs = months.astype("M8[s]").astype(np.int64)
        for factor in (1, 10**3, 10**6):
            yield Attack(f"epochs of {year} times {factor}", _cell("time", epochs * factor))
    for seconds in (1e10, 1e12, 1e300, -1e19):
        yield Attack(f"OANDA's candle at {seconds:g} seconds", _candles(seconds))
    for start, zone in (
        ("1677-09-21T01:00", "Asia/Tokyo"),
        ("2262-04-11T20:00", "America/New_York"),
        ("2262-04-11T20:00", "UTC-12"),
        ("1677-09-21T01:00", "America/New_York+7"),
    ):
        step = np.timedelta64(1, "s")
        stamps = (np.datetime64(start, "s") + np.arange(ROWS) * step).astype(str)
        yield Attack(
            f"{start} on the clock of {zone}", _cell("time", stamps, f"data.timezone={zone}")
        )


def _candles(seconds: object) -> Attempt:
    """OANDA's candles, one of them at another time."""

    def attempt(folder: Path) -> object:
        prices = dict(zip("ohlc", ["1.1", "1.2", "1.0", "1.1"], strict=True))
        times = [str(1_641_168_000 + 900 * i) for i in range(ROWS)]
        times[AT] = str(seconds)
        candles = [{"time": time, "mid": prices, "volume": 1} for time in times]
        path = folder / "candles.json"
        path.write_text(json.dumps({"instrument": "EUR_USD", "candles": candles}))
        return load_dataset(written(folder, None, f"data.bars='{path}'"))

    return attempt


def _framed(times: np.ndarray) -> Attempt:
    def attempt(folder: Path) -> object:
        table = bar_table(rows=ROWS).assign(time=pd.DatetimeIndex(times))
        yaml = folder / "v1_attack.yaml"
        yaml.write_text("description: a\nhypothesis: b\nenv: {max_bars: 10}\n")
        experiment = load_experiment(yaml, ["data.price_side=mid", "data.warmup=60"])
        return load_dataset(experiment, Sources(bars=table))

    return attempt


def _numbers_of_bars() -> Iterator[Attack]:
    for name, value in NUMBERS.items():
        for column in ("open", "high", "low", "close", "spread", "spread_points"):
            yield Attack(f"a bar's {column}: {name}", _cell(column, value))
        own = "env.features=[{column: own, scale: 1.0, center: 0.0}, adx]"
        yield Attack(f"a column of the user's: {name}", _cell("own", value, own))
        rate = ("costs.funding=rate", "data.unit=percent")
        yield Attack(f"a rate of funding: {name}", _cell("rate", value, *rate))
        yield Attack(f"a volume, summed: {name}", _cell("volume", value, "data.timeframe=M30"))
    for factor in (1e300, 1e37, 1e13, 1e-13, 1e-39, 1e-300):
        table = made_bars()
        scaled = {
            name: table[name].to_numpy() * factor for name in ("open", "high", "low", "close")
        }
        yield Attack(f"all prices times {factor:g}", lambda f, s=scaled: _load(f, made_bars(**s)))
    columns = {"rising": np.arange(ROWS) * 1e3, "to and fro": 3e38 * (-1.0) ** np.arange(ROWS)}
    for scale, center in itertools.product((1.2e-38, 1.0, 3e38), (0.0, 3e38, -3e38)):
        own = f"env.features=[{{column: own, scale: {scale}, center: {center}}}, adx]"
        for name, column in columns.items():
            words = f"own column {name}, scale {scale:g}, center {center:g}"
            yield Attack(words, _cell("own", column, own))


def _settings() -> Iterator[Attack]:
    for setting in SETTINGS:
        yield Attack(setting, lambda f, s=setting: _load(f, None, s))
    for settings in MONEY:
        yield Attack(" ".join(settings), lambda f, s=settings: _load(f, None, *s))
    for said in OUTSIDE:
        for key, other in (("validation_start", "0.85"), ("test_start", "0.7")):
            split = {key: f'"{said}"', "test_start" if key[0] == "v" else "validation_start": other}
            more = "data: {split: {" + ", ".join(f"{k}: {v}" for k, v in split.items()) + "}}\n"
            yield Attack(f"{key} of {said}", lambda f, m=more: _load(f, None, more=m))


def _lists() -> Iterator[Attack]:
    opens = bar_table(rows=ROWS)
    for column in ("entry_time", "exit_time"):
        for name, value in INSTANTS.items():
            yield Attack(f"a trade's {column}: {name}", _listed(opens, column, value))
    for column in ("entry_price", "stop", "target", "exit_price", "profit"):
        for name, value in NUMBERS.items():
            yield Attack(f"a trade's {column}: {name}", _listed(opens, column, value))
            given = ("env.entry_fill=given",)
            yield Attack(
                f"a trade's {column}, given: {name}", _listed(opens, column, value, *given)
            )


def _listed(bars: pd.DataFrame, column: str, value: object, *overrides: str) -> Attempt:
    def attempt(folder: Path) -> object:
        rows = bars.iloc[70:280:2].reset_index(drop=True)
        close = rows["close"].to_numpy()
        trades = pd.DataFrame(
            {
                "entry_time": rows["time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "direction": "long",
                "entry_price": close,
                "stop": close - 0.005,
                "target": close + 0.005,
                "exit_time": (rows["time"] + pd.Timedelta(hours=1)).dt.strftime(
                    "%Y-%m-%dT%H:%M:%SZ"
                ),
                "exit_price": close + 0.0001,
                "profit": 1.0,
            }
        ).astype({column: object})
        trades.loc[40, column] = value
        path = folder / "list.csv"
        trades.to_csv(path, index=False)
        words = (f"data.trades='{path}'", "data.entries=trades", "data.allow_partial=true")
        return _load(folder, None, *words, *overrides)

    return attempt


def _live() -> Iterator[Attack]:
    for name, value in INSTANTS.items():
        yield Attack(f"a live bar's time: {name}", _fed("time", value))
        yield Attack(f"a live trade's entry_time: {name}", _opened("entry_time", value))
    for name, value in NUMBERS.items():
        for column in ("open", "high", "low", "close", "spread"):
            yield Attack(f"a live bar's {column}: {name}", _fed(column, value))
        for key in ("entry_price", "stop", "target"):
            yield Attack(f"a live trade's {key}: {name}", _opened(key, value))


def _fed(column: str, value: object) -> Attempt:
    def attempt(folder: Path) -> object:
        yaml = folder / "v1_attack.yaml"
        yaml.write_text("description: a\nhypothesis: b\n")
        feed = Feed(load_experiment(yaml, ["data.price_side=mid"]), ())
        rows = made_bars().to_dict("records")
        for row in rows[:3]:
            feed.add({str(key): cell for key, cell in row.items()})
        feed.add({**{str(key): cell for key, cell in rows[3].items()}, column: value})
        sides = np.concatenate([feed.bars().bid, feed.bars().ask])
        if not all(map(is_held, map(float, sides.ravel()))):
            raise AssertionError("believed")
        return None

    return attempt


def _opened(key: str, value: object) -> Attempt:
    def attempt(folder: Path) -> object:
        trade = {
            "trade": "a",
            "direction": "long",
            "entry_time": "2022-01-03T10:00:00Z",
            key: value,
        }
        described(trade)
        if key == "entry_time" or not is_held(float(str(value))):
            raise AssertionError("believed")
        return None

    return attempt
