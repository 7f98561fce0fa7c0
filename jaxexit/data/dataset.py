"""`load_dataset`: an experiment's bars and entries, checked, split, as device arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from jaxexit.arrays import on_device
from jaxexit.data import recipe
from jaxexit.data.bars import Bars, describe, minute
from jaxexit.data.calendars import Calendar
from jaxexit.data.charges import Charges, charges_of
from jaxexit.data.entries import (
    check_not_by_result,
    check_used,
    ema_bb_candidates,
    every_bar_candidates,
    exit_side_close,
    file_candidates,
    keep_sound,
)
from jaxexit.data.feature_checks import feature_warnings
from jaxexit.data.features import (
    Feature,
    feature_columns,
    resolve_features,
    scales_of,
    with_scales,
)
from jaxexit.data.fingerprint import fingerprint_bars, fingerprint_trades, fingerprint_user_columns
from jaxexit.data.market import build_market
from jaxexit.data.sample import experiment_bars, list_of
from jaxexit.data.sources import NAMED, InMemory, Sources
from jaxexit.data.split import SPLITS, Bounds, assign_splits, fold_bounds, split_bounds
from jaxexit.data.trades import load_trades, reading_of
from jaxexit.data.types import Market, Trades, padded_size
from jaxexit.errors import DataError
from jaxexit.units import Unit

if TYPE_CHECKING:
    from jaxexit.config import Experiment
    from jaxexit.config.market import Costs


class Origin(NamedTuple):
    """What an experiment takes on its user's word, because the program cannot make it again."""

    columns: tuple[str, ...] = ()  # observed, and finished in the bar file
    reads: tuple[str, ...] = ()  # what the recipe opened besides the bars
    entries: str | None = (
        None  # in words, where a list is not what the recipe makes; None: made here
    )
    spread: str | None = None  # in words, where it is not quoted


MADE_HERE = Origin()  # of the bars, by this program


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
    market_told: str  # the kind of its market, in words
    scales: dict[str, float]  # what columns of features are divided by
    summary: tuple[str, ...]  # lines to print
    fingerprint: dict[str, dict[str, int | str]]  # of bars and of trades
    counts: dict[str, int]  # dropped trades by reason
    padded_to: (
        int  # trades: every split's list is padded to so many, so that all share compiled programs
    )
    origin: Origin = MADE_HERE
    sources: Sources = NAMED  # the tables that it was loaded from, in place of files


def load_dataset(experiment: Experiment, sources: Sources = NAMED) -> Dataset:
    """Read, check, match, split and move to the device what `experiment` names.

    Args:
        experiment: a validated experiment.
        sources: bars and trades from memory, in place of the files that it names.

    Raises:
        DataError: one line, for whatever is wrong with the files or tables, and for a split without trades.
    """
    read = _read(experiment, sources, lambda bars: _own_bounds(experiment, bars)["train"].end)
    dataset, _ = _divided(experiment, read, _own_bounds(experiment, read.bars))
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
        own = _own_bounds(experiment, bars)
        return fold_bounds(len(bars.times), own, folds, rolling=rolling)

    # What is fixed at training must not know more than the fold that knows least.
    read = _read(
        experiment, sources, lambda bars: min(each["train"].end for each in bounds_of(bars))
    )
    bounds = bounds_of(read.bars)
    divided = [_divided(experiment, read, each) for each in bounds]
    longest = max(dataset.padded_to for dataset, _ in divided)
    used = np.flatnonzero(np.any([split >= 0 for _, split in divided], axis=0))
    kept = read.sound.take(used).reset_index(drop=True)
    return Folds(
        datasets=tuple(replace(dataset, padded_to=longest) for dataset, _ in divided),
        trades=device_trades(kept),
        train_rows=tuple(np.flatnonzero(split[used] == 0) for _, split in divided),
        fingerprint=_fingerprint(read, kept),
    )


@dataclass(frozen=True)
class _Read:
    """What is in an experiment's files, before it is split."""

    sources: Sources

    bars: Bars
    features: tuple[Feature, ...]
    market: Market
    sound: pd.DataFrame  # all sound trades
    counts: dict[str, int]
    remarks: tuple[str, ...]
    origin: Origin
    charges: Charges
    scales: dict[str, float]


def _read(experiment: Experiment, sources: Sources, train_end: Callable[[Bars], int]) -> _Read:
    """The files of an experiment; `train_end` is the bar before which it may fix what it observes by."""
    data, env = experiment.data, experiment.env
    listed = list_of(experiment, sources)
    bars = experiment_bars(experiment, sources)
    charges = charges_of(experiment.costs, bars)
    features = with_scales(resolve_features(env.features), experiment.scales or {})
    finished, made = set(map(str, bars.table.columns)), None
    if experiment.recipe is not None:
        made = recipe.run(experiment.recipe, bars)
        bars = recipe.with_columns(bars, made, experiment.recipe.name)
    columns, atr, first_ready = feature_columns(features, bars)
    first = max(data.warmup, first_ready)
    if first + env.max_bars >= len(bars.times):
        raise DataError(
            f"{bars.where}: {len(bars.times):,} bars, the warm-up alone is {first:,} (data.warmup, or what "
            f"features need) and a trade is held for {env.max_bars:,} (env.max_bars): bring more bars"
        )
    scales = experiment.scales
    if scales is None:
        scales = _scales(experiment, bars, features, columns, first_ready, train_end)
        if scales:
            features = with_scales(features, scales)
            columns, _, _ = feature_columns(features, bars)
    candidates, counts, remarks = _candidates(experiment, listed, bars, atr, first)
    at_close = env.entry_fill != "next_open" and "given_fill" not in candidates
    sound, unsound = keep_sound(
        candidates, first, exit_side_close(bars, candidates) if at_close else None
    )
    if listed is not None:
        if not data.allow_partial:
            whole = len(candidates) + sum(counts.values())
            check_used(counts | unsound, whole, str(listed))
        rows, _ = load_trades(listed, reading_of(data))
        check_not_by_result(rows, sound, counts | unsound, str(listed))
    return _Read(
        sources=sources,
        bars=bars,
        features=features,
        market=build_market(bars, columns, atr, charges, flat_overnight=env.flat_overnight),
        charges=charges,
        scales=scales,
        sound=sound,
        counts=counts | unsound,
        remarks=remarks,
        origin=Origin(
            columns=tuple(
                dict.fromkeys(f.column for f in features if f.from_bars and f.column in finished)
            ),
            reads=() if made is None else made.reads,
            entries=_word_on_entries(listed, bars, candidates, made),
            spread=bars.assumed_spread
            or (None if np.median(bars.spread) > 0 else "a spread of 0 in the bar file"),
        ),
    )


def _scales(
    experiment: Experiment,
    bars: Bars,
    features: tuple[Feature, ...],
    columns: np.ndarray,
    first: int,
    train_end: Callable[[Bars], int],
) -> dict[str, float]:
    """What columns of features are divided by: medians of the training split, or nothing."""
    how = experiment.env.feature_scales
    if how == "fixed" or (how == "auto" and bars.market.kind == "currency pair"):
        return {}
    return scales_of(features, columns, slice(first, max(train_end(bars), first + 1)))


def _word_on_entries(
    source: Path | InMemory | None, bars: Bars, listed: pd.DataFrame, made: recipe.Made | None
) -> str | None:
    """What a list of entries is, in words: the user's word, unless the recipe makes just these."""
    if source is None:
        return None
    name = f"entries of {source if isinstance(source, InMemory) else source.name}"
    if made is None or made.entries is None:
        return name
    # A bar's time and direction: two trades of one bar and direction are one decision.
    own = set(zip(bars.times[listed["entry_bar"].to_numpy(int)], listed["direction"], strict=True))
    theirs = set(zip(made.entries["time"].to_numpy(), made.entries["direction"], strict=True))
    if own:
        first, last = min(time for time, _ in own), max(time for time, _ in own)
        theirs = {(time, side) for time, side in theirs if first <= time <= last}
    foreign, absent = len(own - theirs), len(theirs - own)
    if not foreign and not absent:
        return None
    return f"{name} ({foreign:,} that the recipe does not make, {absent:,} of its own missing)"


def _own_bounds(experiment: Experiment, bars: Bars) -> dict[str, Bounds]:
    split = experiment.data.split
    return split_bounds(bars.times, split.validation_start, split.test_start)


def _fingerprint(read: _Read, trades: pd.DataFrame) -> dict[str, dict[str, int | str]]:
    bars = read.bars
    return {
        "bars": fingerprint_bars(bars.times, bars.bid, bars.ask),
        "trades": fingerprint_trades(trades),
        **fingerprint_user_columns(bars.times, bars.table, read.features),
    }


def _divided(
    experiment: Experiment, read: _Read, bounds: dict[str, Bounds]
) -> tuple[Dataset, np.ndarray]:
    """The trades of each split; and of each sound trade its split, as `assign_splits` says."""
    bars = read.bars
    split, left_out = assign_splits(
        read.sound["entry_bar"].to_numpy(np.int64),
        bounds,
        experiment.env.max_bars,
        experiment.data.split.embargo_bars,
    )
    tables = {
        name: read.sound.take(np.flatnonzero(split == index)).reset_index(drop=True)
        for index, name in enumerate(SPLITS)
    }
    counts = {reason: n for reason, n in (read.counts | left_out).items() if n}
    for name in SPLITS:
        _require_trades(name, tables[name], bars, bounds[name], counts)
    kept = pd.concat(list(tables.values()), ignore_index=True)
    dataset = Dataset(
        market=read.market,
        times=bars.times,
        features=read.features,
        splits={name: device_trades(table) for name, table in tables.items()},
        tables=tables,
        unit=bars.unit,
        calendar=bars.calendar,
        charges=read.charges,
        costs=experiment.costs,
        market_told=bars.market.told,
        scales=read.scales,
        summary=(
            describe(bars),
            _describe_entries(experiment, read.sources, len(kept), counts),
            *(f"note: {remark}" for remark in read.remarks),
            *feature_warnings(
                read.features,
                np.asarray(read.market.features),
                tables["train"],
                experiment.env.max_bars,
            ),
            *(_describe_split(name, tables[name], bars, bounds[name]) for name in SPLITS),
        ),
        fingerprint=_fingerprint(read, kept),
        counts=counts,
        origin=read.origin,
        sources=read.sources,
        padded_to=padded_size(max(len(table) for table in tables.values())),
    )
    return dataset, split


def device_trades(table: pd.DataFrame) -> Trades:
    """A candidate table's rows as `Trades` on the device."""

    def column(name: str) -> np.ndarray:
        return table[name].to_numpy(np.float32)

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
    return on_device(Trades(**columns))


def _candidates(
    experiment: Experiment,
    listed: Path | InMemory | None,
    bars: Bars,
    atr: np.ndarray,
    first: int,
) -> tuple[pd.DataFrame, dict[str, int], tuple[str, ...]]:
    """Candidate trades of the experiment's kind, drops by reason, remarks."""
    data, env = experiment.data, experiment.env
    if data.entries == "every_bar":
        table = every_bar_candidates(bars, atr, first, data.every, env.initial_stop_atr)
        return table, {}, ()
    if data.entries == "ema_bb":
        return ema_bb_candidates(bars, first), {}, ()
    assert listed is not None  # the experiment has checked it
    return file_candidates(
        listed,
        bars,
        atr,
        reading_of(data),
        given=env.entry_fill == "given",
        filled_at=data.filled_at,
        align=data.align,
        stop_atr=env.initial_stop_atr,
    )


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
