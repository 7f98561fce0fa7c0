"""What an experiment's files hold before the split: bars with features, and the trades that can be taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from jaxexit.data import recipe
from jaxexit.data.bars import Bars
from jaxexit.data.charges import Charges, charges_of
from jaxexit.data.detail import Detail, packed, read_detail
from jaxexit.data.entries import (
    check_not_by_result,
    check_used,
    ema_bb_candidates,
    every_bar_candidates,
    exit_side_closes,
    file_candidates,
    tradable,
)
from jaxexit.data.features import (
    Feature,
    feature_columns,
    resolve_features,
    scales_of,
    with_scales,
)
from jaxexit.data.market import build_market
from jaxexit.data.sample import experiment_bars, list_of
from jaxexit.data.sources import InMemory, Sources
from jaxexit.data.trades import TradeList, load_trades, reading_of
from jaxexit.data.types import Market
from jaxexit.errors import DataError

if TYPE_CHECKING:
    from jaxexit.config import Experiment


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
class Contents:
    """What is in an experiment's files, before it is split."""

    sources: Sources

    bars: Bars
    features: tuple[Feature, ...]
    market: Market
    trades: pd.DataFrame  # all that can be traded
    counts: dict[str, int]
    remarks: tuple[str, ...]
    origin: Origin
    charges: Charges
    scales: dict[str, float]
    detail: Detail | None  # finer bars inside the bars; None: there are none


def read_contents(
    experiment: Experiment, sources: Sources, train_end: Callable[[Bars], int]
) -> Contents:
    """The files of an experiment; `train_end` is the bar before which it may fix what it observes by."""
    data, env = experiment.data, experiment.env
    path = list_of(experiment, sources)
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
    listed = None if path is None else load_trades(path, reading_of(data))
    candidates, counts, remarks = _candidates(experiment, listed, bars, atr, first)
    at_close = env.entry_fill != "next_open" and "given_fill" not in candidates
    trades, untradable = tradable(
        candidates, first, exit_side_closes(bars, candidates) if at_close else None
    )
    if listed is not None:
        if not data.allow_partial:
            whole = len(candidates) + sum(counts.values())
            check_used(counts | untradable, whole, listed.where)
        check_not_by_result(listed.rows, trades, counts | untradable, listed.where)
    detail = read_detail(experiment, bars)
    market = build_market(
        bars,
        columns,
        atr,
        charges,
        flat_overnight=env.flat_overnight,
        detail=None if detail is None else packed(detail, bars),
    )
    return Contents(
        sources=sources,
        bars=bars,
        features=features,
        market=market,
        charges=charges,
        scales=scales,
        detail=detail,
        trades=trades,
        counts=counts | untradable,
        remarks=remarks,
        origin=Origin(
            columns=tuple(
                dict.fromkeys(f.column for f in features if f.from_bars and f.column in finished)
            ),
            reads=() if made is None else made.reads,
            entries=_entries_in_words(path, bars, candidates, made),
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


def _entries_in_words(
    path: Path | InMemory | None, bars: Bars, listed: pd.DataFrame, made: recipe.Made | None
) -> str | None:
    """What a list of entries is, in words: the user's word, unless the recipe makes just these."""
    if path is None:
        return None
    name = f"entries of {path if isinstance(path, InMemory) else path.name}"
    if made is None or made.entries is None:
        return name
    # A bar's time and direction: two trades of one bar and direction are one decision.
    brought = set(
        zip(bars.times[listed["entry_bar"].to_numpy(int)], listed["direction"], strict=True)
    )
    recipes = set(zip(made.entries["time"].to_numpy(), made.entries["direction"], strict=True))
    if brought:
        first, last = min(time for time, _ in brought), max(time for time, _ in brought)
        recipes = {(time, side) for time, side in recipes if first <= time <= last}
    foreign, absent = len(brought - recipes), len(recipes - brought)
    if not foreign and not absent:
        return None
    return f"{name} ({foreign:,} that the recipe does not make, {absent:,} of its own missing)"


def _candidates(
    experiment: Experiment,
    listed: TradeList | None,
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
        given=env.entry_fill == "given",
        filled_at=data.filled_at,
        align=data.align,
        stop_atr=env.initial_stop_atr,
    )
