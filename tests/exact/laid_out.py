"""Worlds so small that what every exit of every trade earns can be told one by one."""

from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from jaxexit.config import load_experiment
from jaxexit.data import load_dataset
from jaxexit.env import EnvSpec, World, make_world
from jaxexit.exact.paths import lay_out
from jaxexit.exact.types import Paths
from jaxexit.learning import exit_task
from tests.support import tiny

HORIZON, TRADES = 12, 64
MONEY = (
    "reward.w_mtm=0.0",
    "reward.regret_coef=0.0",
    "reward.time_coef=0.0",
    "reward.invalid_action_penalty=0.0",
    "ppo.gamma=1.0",
)
"""The reward is the net result, paid where it is realised; undiscounted."""
FREE = ("guards.exit_allows_loss=true",)
"""Nothing forbids to leave."""

laid_out = jax.jit(lay_out, static_argnames=("task", "horizon"))


class Small(NamedTuple):
    """The first trades of a training split."""

    spec: EnvSpec
    world: World

    def paths(self, world: World | None = None) -> Paths:
        """All of them, held to the end; host arrays [HORIZON, TRADES]."""
        task, rows = exit_task(self.spec), np.arange(TRADES, dtype=np.int32)
        paths = laid_out(task, world or self.world, rows, horizon=HORIZON)
        return jax.tree.map(np.asarray, paths)


def small(folder: Path, *overrides: str) -> Small:
    """A world of `TRADES` trades over `HORIZON` bars."""
    yaml = tiny.write_tiny(folder)
    experiment = load_experiment(yaml, [f"env.max_bars={HORIZON}", *overrides])
    spec, world = make_world(experiment, load_dataset(experiment), "train")
    trades, hindsight = jax.tree.map(lambda leaf: leaf[:TRADES], (world.trades, world.hindsight))
    return Small(spec, world._replace(trades=trades, hindsight=hindsight))
