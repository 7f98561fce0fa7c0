"""Many trades side by side in one compiled step: the environment as `gymnasium.vector.VectorEnv`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from gymnasium.error import InvalidAction, ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from jaxexit.config import Experiment
from jaxexit.env import ACTIONS, EnvState
from jaxexit.errors import UserError
from jaxexit.gym.device import (
    advance_or_begin,
    advance_then_begin,
    info,
    many_begin,
    open_split,
    step_info,
)


class ExitVectorEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """`ExitEnv` in `num_envs` lanes; each lane begins a new trade by itself when its trade has closed.

    Infos are arrays over the lanes, each with its mask `_name`, as Gymnasium has them.
    """

    def __init__(
        self,
        experiment: Experiment | str | Path,
        *,
        num_envs: int = 1,
        split: str = "train",
        overrides: Sequence[str] = (),
        root: str | Path = "experiments",
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ) -> None:
        """As `ExitEnv`, in lanes.

        Args:
            experiment: an experiment, its YAML file, or the name of a version under `root`.
            num_envs: lanes.
            split: "train", "validation" or "test".
            overrides: `a.b=value`, as `--set`.
            root: where versions live.
            autoreset_mode: NEXT_STEP (Gymnasium's usual one: the step after a close ignores the action and
                returns the new trade's first observation) or SAME_STEP (the closing step returns it, and
                what it would have returned in `final_obs` and `final_info`; nothing is wasted).

        Raises:
            UserError: one line saying what is not right.
        """
        self._mode = AutoresetMode(autoreset_mode)
        if self._mode is AutoresetMode.DISABLED:
            raise UserError("autoreset_mode: got Disabled, expected NextStep or SameStep")
        if num_envs < 1:
            raise UserError(f"num_envs: got {num_envs}, expected a whole number from 1 up")
        self.metadata = {"render_modes": [], "autoreset_mode": self._mode}
        self._split = open_split(experiment, split, overrides, root)
        self.num_envs = num_envs
        self.single_observation_space = self._split.observation_space
        self.single_action_space = self._split.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._states: EnvState | None = None
        self._over = np.zeros(num_envs, bool)

    @property
    def num_trades(self) -> int:
        """How many trades the split has."""
        return self._split.trades

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin a trade in every lane.

        Args:
            seed: of the draws from now on, in all lanes.
            options: {"trade": [num_envs]} begins these rows of the split's trades.
        """
        super().reset(seed=seed)
        trades = self._split.chosen(options, self.num_envs)
        trades = self._split.draw(self.np_random, self.num_envs) if trades is None else trades
        self._states, seen = many_begin(self._split.spec, self._split.world, trades)
        self._over = np.zeros(self.num_envs, bool)
        seen = jax.device_get(seen)
        return seen.observation, self._masked(info(seen, self._split.spec.unit))

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Take every lane's decision and let its next bar pass.

        Raises:
            ResetNeeded: `reset` was not called yet.
            InvalidAction: an action that there is not.
        """
        if self._states is None:
            raise ResetNeeded("no trade is open: call reset() first")
        actions = np.asarray(actions)
        if actions.shape != (self.num_envs,) or not np.isin(actions, range(len(ACTIONS))).all():
            raise InvalidAction(f"got actions {actions}, expected {self.num_envs} of 0 to 4")
        spec, world = self._split.spec, self._split.world
        actions = actions.astype(np.int32)
        trades = self._split.draw(self.np_random, self.num_envs)
        if self._mode is AutoresetMode.NEXT_STEP:
            stepped = advance_or_begin(spec, world, self._states, self._over, actions, trades)
            self._states = stepped[0]
            seen, happened = jax.device_get(stepped[1:])
            infos = self._masked(step_info(seen, happened, self._split.spec.unit))
            self._over = happened.done
        else:
            stepped = advance_then_begin(spec, world, self._states, actions, trades)
            self._states = stepped[0]
            seen, happened, last = jax.device_get(stepped[1:])
            infos = self._masked(info(seen, self._split.spec.unit))
            if happened.done.any():
                infos["final_obs"], infos["_final_obs"] = last.observation, happened.done
                closed = step_info(last, happened, self._split.spec.unit)
                infos["final_info"] = self._masked(closed, happened.done)
                infos["_final_info"] = happened.done
        rewards = np.asarray(happened.reward, np.float64)
        truncated = np.zeros(self.num_envs, bool)
        return seen.observation, rewards, happened.done.copy(), truncated, infos

    def _masked(
        self, values: dict[str, np.ndarray], present: np.ndarray | None = None
    ) -> dict[str, Any]:
        """Each value with the mask of the lanes that have it."""
        mask = np.ones(self.num_envs, bool) if present is None else present
        return {
            key: entry
            for name, value in values.items()
            for key, entry in ((name, value), (f"_{name}", mask.copy()))
        }
