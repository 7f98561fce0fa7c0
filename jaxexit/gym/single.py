"""One trade an episode: the environment as `gymnasium.Env`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import jax
import numpy as np
from gymnasium.error import InvalidAction, ResetNeeded

from jaxexit.config import Experiment
from jaxexit.env import ACTIONS, EnvState
from jaxexit.gym.device import advance_one, begin_one, info, open_split, step_info


class ExitEnv(gymnasium.Env[np.ndarray, np.int64]):
    """When to leave one trade: five actions, one observation a closed bar.

    Observation: `jaxexit.env.observation_names`, float32 in [-10, 10]. Action: an id of
    `jaxexit.env.ACTIONS`. Reward: the experiment's. `info` has

    - action_mask [5] bool: what no guard forbids. In guard mode `penalise` a forbidden action becomes HOLD
      and is penalised; in mode `mask` an agent must mask its choice by it.
    - net_pips (its unit in the name): booked since entry, net of all costs; the trade's result in the end
    - trade, k: row of the split's trades, and decision
    - after a step also effective_action, blocked, and exit_reason ("" while the trade is open)
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  # as gymnasium.Env has it

    def __init__(
        self,
        experiment: Experiment | str | Path,
        *,
        split: str = "train",
        overrides: Sequence[str] = (),
        root: str | Path = "experiments",
    ) -> None:
        """Load an experiment's data and rules.

        Args:
            experiment: an experiment, its YAML file, or the name of a version under `root`.
            split: "train", "validation" or "test".
            overrides: `a.b=value`, as `--set`.
            root: where versions live.

        Raises:
            UserError: one line saying what is not right.
        """
        self._split = open_split(experiment, split, overrides, root)
        self.observation_space = self._split.observation_space
        self.action_space = self._split.action_space
        self._state: EnvState | None = None

    @property
    def num_trades(self) -> int:
        """How many trades the split has."""
        return self._split.trades

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin a trade at decision 0.

        Args:
            seed: of the draws from now on.
            options: {"trade": i} begins row i of the split's trades; without it one is drawn, uniformly.
        """
        super().reset(seed=seed)
        trades = self._split.chosen(options, 1)
        trade = (self._split.draw(self.np_random, 1) if trades is None else trades)[0]
        self._state, seen = begin_one(self._split.spec, self._split.world, trade)
        seen = jax.device_get(seen)
        return seen.observation, info(seen, self._split.spec.unit)

    def step(self, action: np.int64 | int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Take the decision and let the next bar pass.

        Raises:
            ResetNeeded: there is no open trade.
            InvalidAction: there is no such action.
        """
        if self._state is None:
            raise ResetNeeded("no trade is open: call reset() first")
        if not self.action_space.contains(action):
            raise InvalidAction(f"got action {action!r}, expected 0 to {len(ACTIONS) - 1}")
        after, seen, happened = advance_one(
            self._split.spec, self._split.world, self._state, np.int32(action)
        )
        seen, happened = jax.device_get((seen, happened))
        done = bool(happened.done)
        self._state = None if done else after
        facts = step_info(seen, happened, self._split.spec.unit)
        facts["exit_reason"] = str(facts["exit_reason"])
        return seen.observation, float(happened.reward), done, False, facts
