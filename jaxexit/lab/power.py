"""What an experiment's tests could see: `evaluate.power` of its simple exits on validation.

Nothing of the trades to be tested is used but how many there are and when they are entered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from jaxexit.config import Experiment
from jaxexit.data import Dataset
from jaxexit.data.split import SPLITS, assign_splits, fold_bounds, split_bounds
from jaxexit.evaluate import Backtest
from jaxexit.evaluate.power import Size, power, size


def power_of(
    experiment: Experiment,
    dataset: Dataset,
    tuned: Mapping[str, Mapping[str, float]],
    tested: Mapping[str, Size],
) -> dict[str, Any]:
    """`power` of an experiment: its simple exits are played on validation; nothing else is looked at.

    Args:
        experiment: a validated experiment.
        dataset: its data.
        tuned: settings of the exits that have any, tuned on train.
        tested: sizes of the sets of trades to be tested, by name.
    """
    backtest = Backtest(experiment, dataset, "validation")
    params = backtest.simple_params(tuned)
    tables = {policy.name: backtest.play(policy, given).table for policy, given in params.items()}
    return power(tables, tested, dataset.unit.grain)


def experiment_power(
    experiment: Experiment,
    dataset: Dataset,
    folds: int,
    *,
    on_part: Callable[[str], None] = lambda name: None,
) -> dict[str, Any]:
    """`power_of` the test split and a walk-forward, with exits tuned for it.

    Args:
        experiment: a validated experiment.
        dataset: its data.
        folds: of the walk-forward.
        on_part: called with what is computed, before it is.

    Raises:
        DataError: there are too few bars for so many folds.
    """
    tested = {
        "test": size([dataset.tables["test"]]),
        "walk_forward": walk_forward_size(experiment, dataset, folds),
    }
    on_part("the simple exits' settings on train")
    tuned = Backtest(experiment, dataset, "train").tuned()
    on_part("simple exits on validation")
    known = power_of(experiment, dataset, tuned, tested)
    known["walk_forward"] |= {"folds": folds}
    return {"version": experiment.version, **known}


def walk_forward_size(experiment: Experiment, dataset: Dataset, folds: int) -> Size:
    """The size of what a walk-forward would test: the pieces of all its folds.

    Trades that the experiment's own split leaves out at its boundaries are missing from it.

    Raises:
        DataError: there are too few bars for so many folds.
    """
    split, trades = experiment.data.split, pd.concat(dataset.tables.values(), ignore_index=True)
    entry_bar = trades["entry_bar"].to_numpy(np.int64)
    own = split_bounds(dataset.times, split.validation_start, split.test_start)
    part = partial(assign_splits, max_bars=experiment.env.max_bars, embargo_bars=split.embargo_bars)
    bounds = fold_bounds(len(dataset.times), own, folds, rolling=False)
    parts = [part(entry_bar, fold)[0] == SPLITS.index("test") for fold in bounds]
    return size(trades.take(np.flatnonzero(tested)) for tested in parts)
