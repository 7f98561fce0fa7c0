"""`load_dataset`: an experiment's bars and entries, checked, split, as device arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jaxexit.arrays import on_device
from jaxexit.data.bars import Bars, describe, minute
from jaxexit.data.calendars import Calendar
from jaxexit.data.charges import Charges
from jaxexit.data.contents import MADE_HERE, Contents, Origin, read_contents
from jaxexit.data.detail import Detail
from jaxexit.data.feature_checks import feature_warnings
from jaxexit.data.features import (
    Feature,
)
from jaxexit.data.fingerprint import fingerprint_bars, fingerprint_trades, fingerprint_user_columns
from jaxexit.data.sample import list_of
from jaxexit.data.sources import NAMED, Sources
from jaxexit.data.split import SPLITS, Bounds, assign_splits, fold_bounds, split_bounds
from jaxexit.data.types import Market, Trades, assert_trades, padded_size
from jaxexit.errors import DataError
from jaxexit.limits import float32
from jaxexit.units import Unit

if TYPE_CHECKING:
    from jaxexit.config import Experiment
    from jaxexit.config.market import Costs


@dataclass(frozen=True)
class Dataset:
    """What an experiment trains and is judged on."""

    market: Market
    times: np.ndarray  # [T] datetime64[ns], UTC, bar opens
    features: tuple[Feature, ...]  # how the observation reads `market.features`; hashable
    splits: dict[str, Trades]  # train, validation, test: chronological, purged
    tables: dict[str, pd.DataFrame]  # the same rows in the same order, for people
    unit: Unit  # what results are counted in
    calendar: Calendar  # the days of its year
    charges: Charges  # what `costs` are in the market's price
    costs: Costs | None  # those of the experiment that it was loaded for; None: made, and free
    market_description: str  # the kind of its market, in words
    scales: dict[str, float]  # what columns of features are divided by
    summary: tuple[str, ...]  # lines to print
    fingerprint: dict[str, dict[str, int | str]]  # of bars and of trades
    counts: dict[str, int]  # dropped trades by reason
    padded_to: (
        int  # trades: every split's list is padded to so many, so that all share compiled programs
    )
    origin: Origin = MADE_HERE
    sources: Sources = NAMED  # the tables that it was loaded from, in place of files
    detail: Detail | None = None  # finer bars inside the bars; None: there are none


def load_dataset(experiment: Experiment, sources: Sources = NAMED) -> Dataset:
    """Read, check, match, split and move to the device what `experiment` names.

    Args:
        experiment: a validated experiment.
        sources: bars and trades from memory, in place of the files that it names.

    Raises:
        DataError: one line, for whatever is wrong with the files or tables, and for a split without trades.
    """
    contents = read_contents(
        experiment, sources, lambda bars: _bounds(experiment, bars)["train"].end
    )
    dataset, _ = _divided(experiment, contents, _bounds(experiment, contents.bars))
    return dataset


@dataclass(frozen=True)
class Folds:
    """The data of a walk-forward.

    Attributes:
        datasets: of each fold; its "test" is the out-of-sample piece.
        trades: all that any fold has, on the device.
        train_rows: of each fold the rows of `trades` that it trains on, ascending.
        fingerprint: of the bars and of all trades.
    """

    datasets: tuple[Dataset, ...]
    trades: Trades
    train_rows: tuple[np.ndarray, ...]
    fingerprint: dict[str, dict[str, int | str]]


def load_folds(
    experiment: Experiment, folds: int, *, rolling: bool, sources: Sources = NAMED
) -> Folds:
    """The same data cut into the folds of a walk-forward (`data.split.fold_bounds`).

    Raises:
        DataError: as `load_dataset`, also for a fold with a split without trades.
    """

    def bounds_of(bars: Bars) -> list[dict[str, Bounds]]:
        whole = _bounds(experiment, bars)
        return fold_bounds(len(bars.times), whole, folds, rolling=rolling)

    # What is fixed at training must not know more than the fold that knows least.
    contents = read_contents(
        experiment, sources, lambda bars: min(each["train"].end for each in bounds_of(bars))
    )
    bounds = bounds_of(contents.bars)
    divided = [_divided(experiment, contents, each) for each in bounds]
    longest = max(dataset.padded_to for dataset, _ in divided)
    used = np.flatnonzero(np.any([split >= 0 for _, split in divided], axis=0))
    kept = contents.trades.take(used).reset_index(drop=True)
    return Folds(
        datasets=tuple(replace(dataset, padded_to=longest) for dataset, _ in divided),
        trades=device_trades(kept),
        train_rows=tuple(np.flatnonzero(split[used] == 0) for _, split in divided),
        fingerprint=_fingerprint(contents, kept),
    )


def _bounds(experiment: Experiment, bars: Bars) -> dict[str, Bounds]:
    split = experiment.data.split
    return split_bounds(bars.times, split.validation_start, split.test_start)


def _fingerprint(contents: Contents, trades: pd.DataFrame) -> dict[str, dict[str, int | str]]:
    bars = contents.bars
    return {
        "bars": fingerprint_bars(bars.times, bars.bid, bars.ask),
        "trades": fingerprint_trades(trades),
        **fingerprint_user_columns(bars.times, bars.table, contents.features),
        **({} if contents.detail is None else {"detail": contents.detail.fingerprint}),
    }


def _divided(
    experiment: Experiment, contents: Contents, bounds: dict[str, Bounds]
) -> tuple[Dataset, np.ndarray]:
    """The trades of each split; and of each sound trade its split, as `assign_splits` says."""
    bars = contents.bars
    split, left_out = assign_splits(
        contents.trades["entry_bar"].to_numpy(np.int64),
        bounds,
        experiment.env.max_bars,
        experiment.data.split.embargo_bars,
    )
    tables = {
        name: contents.trades.take(np.flatnonzero(split == index)).reset_index(drop=True)
        for index, name in enumerate(SPLITS)
    }
    counts = {reason: n for reason, n in (contents.counts | left_out).items() if n}
    for name in SPLITS:
        _require_trades(name, tables[name], bars, bounds[name], counts)
    kept = pd.concat(list(tables.values()), ignore_index=True)
    dataset = Dataset(
        market=contents.market,
        times=bars.times,
        features=contents.features,
        splits={name: device_trades(table) for name, table in tables.items()},
        tables=tables,
        unit=bars.unit,
        calendar=bars.calendar,
        charges=contents.charges,
        costs=experiment.costs,
        market_description=bars.market.description,
        scales=contents.scales,
        summary=(
            describe(bars),
            *(() if contents.detail is None else (contents.detail.line,)),
            _describe_entries(experiment, contents.sources, len(kept), counts),
            *(f"note: {remark}" for remark in contents.remarks),
            *feature_warnings(
                contents.features,
                np.asarray(contents.market.features),
                tables["train"],
                experiment.env.max_bars,
            ),
            *(_describe_split(name, tables[name], bars, bounds[name]) for name in SPLITS),
        ),
        fingerprint=_fingerprint(contents, kept),
        counts=counts,
        origin=contents.origin,
        sources=contents.sources,
        detail=contents.detail,
        padded_to=padded_size(max(len(table) for table in tables.values())),
    )
    return dataset, split


def device_trades(table: pd.DataFrame) -> Trades:
    """A candidate table's rows as `Trades` on the device."""

    def column(name: str) -> np.ndarray:
        return float32(table[name].to_numpy(np.float64), "entries", name)

    given_fill = column("given_fill") if "given_fill" in table else np.full(len(table), np.nan)
    columns: dict[str, Any] = {
        "entry_bar": table["entry_bar"].to_numpy(np.int32),
        "direction": column("direction"),
        "entry_price": column("entry_price"),
        "stop": column("stop"),
        "target": column("target"),
        "given_fill": given_fill.astype(np.float32),
        "inside_bar": table["inside_bar"].to_numpy(bool) if "inside_bar" in table else None,
    }
    trades = Trades(**columns)
    assert_trades(trades)
    return on_device(trades)


def _require_trades(
    name: str, table: pd.DataFrame, bars: Bars, bounds: Bounds, counts: dict[str, int]
) -> None:
    if len(table):
        return
    dropped = ", ".join(f"{n:,} {reason}" for reason, n in counts.items()) or "none"
    raise DataError(
        f"data.split: no trades in the {name} split ({_range(bars, bounds)}), move its boundaries or "
        f"bring more trades (left out: {dropped})"
    )


def _describe_entries(
    experiment: Experiment, sources: Sources, kept: int, counts: dict[str, int]
) -> str:
    data = experiment.data
    source = list_of(experiment, sources) or data.entries
    if data.entries == "every_bar" and data.every > 1:
        source = f"every_bar (one bar in {data.every})"
    dropped = "; ".join(f"{n:,} {reason}" for reason, n in counts.items()) or "none"
    return f"entries {source}: {kept:,} trades of at most {experiment.env.max_bars} bars; left out: {dropped}"


def _describe_split(name: str, table: pd.DataFrame, bars: Bars, bounds: Bounds) -> str:
    long = int((table["direction"].to_numpy() > 0).sum())
    return (
        f"{name}: {len(table):,} trades ({long:,} long, {len(table) - long:,} short) in "
        f"{bounds.end - bounds.start:,} bars, {_range(bars, bounds)}"
    )


def _range(bars: Bars, bounds: Bounds) -> str:
    return f"{minute(bars.times[bounds.start])} to {minute(bars.times[bounds.end - 1])} UTC"
