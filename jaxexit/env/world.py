"""From an experiment and its data to the world that its environment works on."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from jaxexit.arrays import on_device
from jaxexit.config import Experiment
from jaxexit.data import Dataset
from jaxexit.data.types import Trades, padded
from jaxexit.env.hindsight import compute_hindsight
from jaxexit.env.params import env_params, env_spec
from jaxexit.env.types import EnvSpec, World
from jaxexit.errors import DataError


def make_world(experiment: Experiment, dataset: Dataset, split: str) -> tuple[EnvSpec, World]:
    """The static structure and the traced world of one split.

    Args:
        experiment: a validated experiment.
        dataset: its data.
        split: "train", "validation" or "test".

    Raises:
        DataError: the data were loaded for other costs.
    """
    if dataset.costs is not None and dataset.costs != experiment.costs:
        raise DataError("costs: are not those for which the data were loaded; load them again")
    spec = env_spec(experiment, dataset.features, dataset.unit)
    params = env_params(experiment, dataset.charges)
    trades = dataset.splits[split]
    count = trades.entry_bar.shape[0]
    # Padded, so that it is compiled once for all splits.
    many = Trades(*padded(trades, max(count, dataset.padded_to)))
    hindsight = compute_hindsight(spec, params, dataset.market, many)
    unit: Any = np.float32(dataset.unit.size)
    world = World(
        params=params,
        market=dataset.market,
        trades=trades,
        hindsight=jax.tree.map(lambda leaf: np.asarray(leaf)[:count], hindsight),
        unit=unit,
    )
    return spec, on_device(world)
