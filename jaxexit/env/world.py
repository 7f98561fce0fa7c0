"""From an experiment and its data to the world that its environment works on."""

from __future__ import annotations

import jax.numpy as jnp

from jaxexit.config import Experiment
from jaxexit.data import Dataset
from jaxexit.env.hindsight import compute_hindsight
from jaxexit.env.params import env_params, env_spec
from jaxexit.env.types import EnvSpec, World


def make_world(experiment: Experiment, dataset: Dataset, split: str) -> tuple[EnvSpec, World]:
    """The static structure and the traced world of one split.

    Args:
        experiment: a validated experiment.
        dataset: its data.
        split: "train", "validation" or "test".
    """
    spec = env_spec(experiment, dataset.features)
    params = env_params(experiment, dataset.pip)
    trades = dataset.splits[split]
    return spec, World(
        params=params,
        market=dataset.market,
        trades=trades,
        hindsight=compute_hindsight(spec, params, dataset.market, trades),
        pip=jnp.float32(dataset.pip),
    )
